"""The MessageBird adapter: its requests, and the outcomes of its answers."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sms_tracker import providers
from sms_tracker.domain.cost import Price
from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import HttpResponse, NoResponse
from sms_tracker.domain.outbound import (
    Accepted,
    Fault,
    LookupFailed,
    NoSuchMessage,
    NotProcessed,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
)
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.domain.text import Encoding
from sms_tracker.providers.base import Key
from sms_tracker.providers.messagebird.api import PARAMETERS, SEND_ERRORS
from sms_tracker.providers.messagebird.report import DELIVERY_ERRORS, FAILED_STATUSES, STATUS_REASONS, STATUSES
from tests.unit.documents import list_below

ADAPTER = providers.load("messagebird")
DOC = Path(__file__).parents[2] / "docs" / "providers" / "messagebird.md"
RECEIVED = "2025-03-14T09:26:55.000Z"
CREDENTIALS = {"access_key": "test_access_key"}

MESSAGE_ID = "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa"
CALLBACK = f"https://sms.example.com/webhooks/messagebird?message_id={MESSAGE_ID}&attempt=1"
ROUTE: dict[str, Any] = {"to": "+31612345678", "sender": "Parcels", "body": "Your parcel is here", "token": "a-token"}
MESSAGE = OutboundMessage(message_id=MESSAGE_ID, attempt=1, encoding=Encoding.GSM_7, **ROUTE)


LATER = {status: LookupFailed(reason=f"HTTP {status}", retry_after=3.0) for status in (302, 401, 429, 500)}


def answer(status: int, content: object, **headers: str) -> HttpResponse:
    return HttpResponse(status, headers, json.dumps(content).encode())


def error(code: object, parameter: object = None, description: object = "no") -> dict[str, object]:
    return {"errors": [{"code": code, "description": description, "parameter": parameter}]}


def created(**recipient: object) -> dict[str, object]:
    return {"id": "e8077d80", "recipients": {"totalCount": 1, "items": [{"recipient": 31612345678, **recipient}]}}


# The docs page


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("Status words", {word: (status.value,) for word, status in STATUSES.items()}),
        ("Delivery error codes", DELIVERY_ERRORS),
        ("Status reasons", STATUS_REASONS),
        ("Failures without a cause", FAILED_STATUSES),
        ("Refused requests", SEND_ERRORS),
        ("Refused parameters", PARAMETERS),
    ],
)
def test_the_docs_list_the_whole_table(heading: str, table: Mapping[str, tuple[object, ...]]) -> None:
    listed = {
        name.lower() if table is STATUS_REASONS else name: cells for name, cells in list_below(DOC, heading).items()
    }
    columns = len(next(iter(table.values())))
    assert {name: tuple(cells[:columns]) for name, cells in listed.items()} == table


# Keys


def test_the_next_signing_key_is_accepted_beside_the_present_one_and_a_blank_one_is_none() -> None:
    assert ADAPTER.keys({"signing_key": "a", "next_signing_key": "b", "access_key": "c"}) == (Key("a"), Key("b"))
    assert ADAPTER.keys({"signing_key": "", "access_key": "c"}) == ()


# Sending


def test_a_message_asks_for_status_reports_under_our_id() -> None:
    request = ADAPTER.send_request(MESSAGE, credentials=CREDENTIALS, callback_url=CALLBACK)
    sms = {"type": "sms", "originator": "Parcels", "recipients": ["31612345678"], "body": MESSAGE.body}
    ours = {"datacoding": "plain", "reference": f"{MESSAGE.message_id}.a-token", "reportUrl": CALLBACK}
    assert (request.method, request.url) == ("POST", "https://rest.messagebird.com/messages")
    assert request.headers["authorization"] == "AccessKey test_access_key"
    assert json.loads(request.body) == sms | ours


def test_unicode_validity_number_and_own_address_are_passed_on() -> None:
    message = replace(MESSAGE, sender="+15551234567", body="ж", encoding=Encoding.UCS_2, validity_seconds=60)
    credentials = {**CREDENTIALS, "api_url": "http://127.0.0.1:9/"}
    request = ADAPTER.send_request(message, credentials=credentials, callback_url=CALLBACK)
    assert request.url == "http://127.0.0.1:9/messages"
    expected = {"datacoding": "unicode", "validity": 60, "originator": "15551234567", "body": "ж"}
    assert json.loads(request.body).items() >= expected.items()


@pytest.mark.parametrize(
    ("credentials", "flaw"),
    [
        ({}, "is missing or malformed"),
        ({"access_key": ""}, "is missing or malformed"),
        ({"access_key": "two words"}, "is missing or malformed"),
        ({"access_key": "a\r\nb"}, "is missing or malformed"),
        ({"access_key": "bk_us1_x"}, "is a key of another provider (bk_, bm_, whsec_)"),
        ({"access_key": "SK" + 32 * "0"}, "is a SID (SK…), which is no secret"),
    ],
)
def test_an_access_key_that_cannot_be_one_is_named_and_not_shown(credentials: dict[str, str], flaw: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        ADAPTER.send_request(MESSAGE, credentials=credentials, callback_url=CALLBACK)
    assert str(refused.value) == f"messagebird: access_key {flaw}"


@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_id_is_an_acceptance(status: int) -> None:
    content = created(status="sent", statusDatetime="2025-03-14T09:26:53+00:00")
    assert ADAPTER.send_outcome(answer(status, content)) == Accepted(
        provider_message_id="e8077d80", word="sent", status=Status.SENT, occurred="2025-03-14T09:26:53.000Z"
    )


def test_an_acceptance_may_already_be_a_failure() -> None:
    failure = Failure(category=Category.PERMANENT, reason=Reason.OPTED_OUT, code="103")
    assert ADAPTER.send_outcome(answer(201, created(status="delivery_failed", statusErrorCode=103))) == Accepted(
        provider_message_id="e8077d80", word="delivery_failed", status=Status.UNDELIVERED, failure=failure
    )


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"id": "e8077d80"}, "accepted"),
        ({"id": "e8077d80", "recipients": []}, "accepted"),
        ({"id": "e8077d80", "recipients": {"items": {}}}, "accepted"),
        ({"id": "e8077d80", "recipients": {"items": [7]}}, "accepted"),
        (created(), "accepted"),
        (created(status="rerouted"), "rerouted"),
    ],
)
def test_an_acceptance_without_a_known_status_is_one_with_a_warning(content: object, word: str) -> None:
    found = ADAPTER.send_outcome(answer(201, content))
    assert isinstance(found, Accepted)
    assert (found.status, found.word, bool(found.warning)) == (Status.ACCEPTED, word, True)


@pytest.mark.parametrize("content", [{}, [], {"id": None}, {"id": ""}, {"id": True}, {"id": {}}, error(9)])
def test_a_success_without_an_id_is_an_unknown_outcome(content: object) -> None:
    assert isinstance(ADAPTER.send_outcome(answer(201, content)), OutcomeUnknown)


@pytest.mark.parametrize(
    ("status", "code"), [*((status, 9) for status in (100, 301, 302, 303, 307, 408, 500, 502, 503, 504)), (422, 99)]
)
def test_what_may_hide_a_sent_message_is_an_unknown_outcome(status: int, code: int) -> None:
    reason = f"HTTP {status}" + (" with an internal error" if code == 99 else "")
    assert ADAPTER.send_outcome(answer(status, error(code))) == OutcomeUnknown(reason=reason)


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (HttpResponse(429, {"retry-after": "7"}, b"slow down"), NotProcessed(reason="HTTP 429", retry_after=7.0)),
        (NoResponse(written=True, reason="cut"), OutcomeUnknown(reason="cut")),
        (NoResponse(written=False, reason="cut"), NotProcessed(reason="cut")),
    ],
    ids=["too many requests", "no answer once the request left", "no answer before"],
)
def test_what_was_certainly_not_processed_is_told_from_what_may_have_been(
    given: HttpResponse | NoResponse, outcome: object
) -> None:
    assert ADAPTER.send_outcome(given) == outcome


@pytest.mark.parametrize(("code", "meaning"), SEND_ERRORS.items())
def test_each_refusal_has_its_fault_and_reason(code: str, meaning: tuple[Fault, Category, Reason]) -> None:
    found = ADAPTER.send_outcome(answer(422, error(int(code))))
    fault, category, reason = meaning
    assert found == Refused(failure=Failure(category=category, reason=reason, code=code, message="no"), fault=fault)


def test_a_refusal_does_not_repeat_a_phone_number() -> None:
    told = error(10, "recipients", "+31 6 1234-5678 is no mobile, nor is 31612345678")
    found = ADAPTER.send_outcome(answer(422, told))
    assert isinstance(found, Refused)
    assert found.failure.message == "[number] is no mobile, nor is [number]"


OURS = ("reportUrl", "reporturl", "reference", "datacoding", "type", "access_key", "scheduledDatetime", "é")


@pytest.mark.parametrize(
    ("parameter", "meaning"),
    [
        *PARAMETERS.items(),
        *((name, (Fault.ACCOUNT, Reason.ACCOUNT)) for name in OURS),
        *((name, PARAMETERS["originator"]) for name in ("Originator", " originator ", "originator[0]", "ORIGINATOR.x")),
    ],
)
@pytest.mark.parametrize("code", [9, 10, 21, 12345])
def test_the_refused_parameter_outweighs_the_code(parameter: str, meaning: tuple[Fault, Reason], code: int) -> None:
    # Found in messagebird/openapi-specs
    found = ADAPTER.send_outcome(answer(422, error(code, parameter)))
    assert isinstance(found, Refused)
    assert (found.fault, found.failure.reason) == meaning


def test_a_parameter_does_not_turn_our_fault_into_the_callers() -> None:
    found = ADAPTER.send_outcome(answer(401, error(2, "recipients")))
    assert isinstance(found, Refused)
    assert (found.fault, found.failure.reason) == (Fault.ACCOUNT, Reason.ACCOUNT)


@pytest.mark.parametrize("status", [400, 422, 401, 402, 403, 404, 405])
@pytest.mark.parametrize("body", [b'{"errors": []}', b'{"errors": [7]}', b'{"errors": {"code": 2}}'])
def test_a_refusal_without_a_readable_error_is_judged_by_its_status(status: int, body: bytes) -> None:
    found = ADAPTER.send_outcome(HttpResponse(status, {}, body))
    assert isinstance(found, Refused)
    assert found.fault is (Fault.CALLER if status in {400, 422} else Fault.ACCOUNT)
    assert (found.failure.category, found.failure.code) == (Category.UNKNOWN, None)


# Looking up


def test_a_lookup_escapes_the_id() -> None:
    request = ADAPTER.lookup_request("../b?c\ud800", credentials=CREDENTIALS)
    assert (request.method, request.url) == ("GET", "https://rest.messagebird.com/messages/%2E%2E%2Fb%3Fc%3F")
    assert request.headers["authorization"] == "AccessKey test_access_key"


def test_a_lookup_reads_as_a_report() -> None:
    content = created(
        status="delivery_failed",
        statusReason="opted out",
        statusErrorCode=103,
        statusDatetime="2025-03-14T09:26:53+00:00",
        price={"amount": 0.07, "currency": "EUR"},
        mccmnc="20408",
        messagePartCount=1,
    )
    assert ADAPTER.lookup_outcome(answer(200, content), received_at=RECEIVED) == Report(
        provider="messagebird",
        word="delivery_failed",
        status=Status.UNDELIVERED,
        received=RECEIVED,
        provider_message_id="e8077d80",
        code="103",
        failure=Failure(category=Category.PERMANENT, reason=Reason.OPTED_OUT, code="103", message="opted out"),
        occurred="2025-03-14T09:26:53.000Z",
        source=Source.LOOKUP,
        recipient="+31612345678",
        price=Price("0.07", "EUR"),
        segments=1,
        network="20408",
        details={"messagePartCount": "1"},
    )


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (answer(404, error(20)), NoSuchMessage()),
        (answer(400, error(20)), LookupFailed(reason="HTTP 400")),
        (HttpResponse(404, {}, b"<html>"), LookupFailed(reason="HTTP 404")),
        *((HttpResponse(status, {"retry-after": "3"}), failed) for status, failed in LATER.items()),
        (NoResponse(written=False, reason="cut"), LookupFailed(reason="cut")),
    ],
)
def test_only_the_providers_own_not_found_means_that_there_is_no_message(
    given: HttpResponse | NoResponse, outcome: object
) -> None:
    assert ADAPTER.lookup_outcome(given, received_at=RECEIVED) == outcome


@pytest.mark.parametrize("content", [{}, {"id": "e8077d80"}, created(), {**created(status="sent"), "id": None}])
def test_a_lookup_without_a_message_or_a_status_has_failed(content: object) -> None:
    assert isinstance(ADAPTER.lookup_outcome(answer(200, content), received_at=RECEIVED), LookupFailed)


def test_a_webhook_is_answered_with_200() -> None:
    assert (ADAPTER.name, ADAPTER.ACK_STATUS) == ("messagebird", 200)


def test_the_code_of_a_delivery_is_explained_on_a_page_of_its_own_and_that_of_a_refusal_is_another() -> None:
    pages = {status: ADAPTER.page("1", status) for status in (Status.UNDELIVERED, Status.EXPIRED, Status.FAILED)}
    assert [status for status, page in pages.items() if page] == [Status.UNDELIVERED, Status.EXPIRED]

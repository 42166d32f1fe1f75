"""The MessageBird adapter: its requests, and the outcomes of its answers."""

import json
from pathlib import Path

import pytest

from sms_tracker import providers
from sms_tracker.domain.cost import Price
from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.failure import Category, Failure, Reason
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
from sms_tracker.domain.segments import Encoding
from sms_tracker.domain.status import Status
from sms_tracker.providers.base import Key
from sms_tracker.providers.messagebird.api import PARAMETERS, SEND_ERRORS
from sms_tracker.providers.messagebird.report import DELIVERY_ERRORS, FAILED_STATUSES, STATUS_REASONS, STATUSES
from tests.unit.documents import list_below

ADAPTER = providers.load("messagebird")
DOC = Path(__file__).parents[2] / "docs" / "providers" / "messagebird.md"
RECEIVED = "2025-03-14T09:26:55.000Z"
CREDENTIALS = {"access_key": "test_access_key"}
CALLBACK = "https://sms.example.com/webhooks/messagebird?message_id=9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa&attempt=1"
MESSAGE = OutboundMessage(
    message_id="9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa",
    attempt=1,
    to="+31612345678",
    sender="Parcels",
    body="Your parcel is here",
    encoding=Encoding.GSM_7,
    token="a-token",
)


def answer(status: int, content: object, **headers: str) -> HttpResponse:
    return HttpResponse(status, headers, json.dumps(content).encode())


def error(code: object, parameter: object = None, description: object = "no") -> dict[str, object]:
    return {"errors": [{"code": code, "description": description, "parameter": parameter}]}


def created(**recipient: object) -> dict[str, object]:
    return {"id": "e8077d80", "recipients": {"totalCount": 1, "items": [{"recipient": 31612345678, **recipient}]}}


# The docs page


def test_the_docs_list_every_status_word() -> None:
    assert {word: cells[0] for word, cells in list_below(DOC, "Status words").items()} == {
        word: status.value for word, status in STATUSES.items()
    }


def test_the_docs_list_every_delivery_error() -> None:
    assert {
        code: (cells[0], cells[1]) for code, cells in list_below(DOC, "Delivery error codes").items()
    } == DELIVERY_ERRORS


def test_the_docs_list_every_status_reason() -> None:
    assert {
        text.lower(): (cells[0], cells[1]) for text, cells in list_below(DOC, "Status reasons").items()
    } == STATUS_REASONS


def test_the_docs_list_what_a_bare_failure_means() -> None:
    assert {
        status: (cells[0], cells[1]) for status, cells in list_below(DOC, "Failures without a cause").items()
    } == FAILED_STATUSES


def test_the_docs_list_every_refusal() -> None:
    assert {
        code: (cells[0], cells[1], cells[2]) for code, cells in list_below(DOC, "Refused requests").items()
    } == SEND_ERRORS


def test_the_docs_list_every_parameter_that_decides() -> None:
    assert {name: (cells[0], cells[1]) for name, cells in list_below(DOC, "Refused parameters").items()} == PARAMETERS


# Keys


def test_the_next_signing_key_is_accepted_beside_the_present_one() -> None:
    assert ADAPTER.keys({"signing_key": "a", "next_signing_key": "b", "access_key": "c"}) == (Key("a"), Key("b"))


def test_blank_keys_are_no_keys() -> None:
    assert ADAPTER.keys({"signing_key": "", "access_key": "c"}) == ()


# Sending


def test_a_message_asks_for_status_reports_under_our_id() -> None:
    request = ADAPTER.send_request(MESSAGE, credentials=CREDENTIALS, callback_url=CALLBACK)
    assert (request.method, request.url) == ("POST", "https://rest.messagebird.com/messages")
    assert request.headers["authorization"] == "AccessKey test_access_key"
    assert json.loads(request.body) == {
        "type": "sms",
        "originator": "Parcels",
        "recipients": ["31612345678"],
        "body": "Your parcel is here",
        "datacoding": "plain",
        "reference": f"{MESSAGE.message_id}.a-token",
        "reportUrl": CALLBACK,
    }


def test_unicode_validity_number_and_own_address_are_passed_on() -> None:
    message = OutboundMessage(
        message_id="m",
        attempt=2,
        to="+1555",
        sender="+15551234567",
        body="ж",
        encoding=Encoding.UCS_2,
        token="a-token",
        validity_seconds=60,
    )
    credentials = {**CREDENTIALS, "api_url": "http://127.0.0.1:9/"}
    request = ADAPTER.send_request(message, credentials=credentials, callback_url=CALLBACK)
    sent = json.loads(request.body)
    assert request.url == "http://127.0.0.1:9/messages"
    assert (sent["datacoding"], sent["validity"], sent["originator"], sent["body"]) == (
        "unicode",
        60,
        "15551234567",
        "ж",
    )


@pytest.mark.parametrize("credentials", [{}, {"access_key": ""}, {"access_key": "two words"}, {"access_key": "a\r\nb"}])
def test_a_missing_or_malformed_access_key_is_named_and_not_shown(credentials: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match=r"^messagebird: access_key is missing or malformed$"):
        ADAPTER.send_request(MESSAGE, credentials=credentials, callback_url=CALLBACK)


@pytest.mark.parametrize(
    ("key", "flaw"),
    [
        ("bk_us1_x", "is a key of another provider (bk_, bm_, whsec_)"),
        ("SK" + 32 * "0", "is a SID (SK…), which is no secret"),
    ],
)
def test_a_key_of_another_provider_is_refused(key: str, flaw: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        ADAPTER.send_request(MESSAGE, credentials={"access_key": key}, callback_url=CALLBACK)

    assert str(refused.value) == f"messagebird: access_key {flaw}"


@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_id_is_an_acceptance(status: int) -> None:
    content = created(status="sent", statusDatetime="2025-03-14T09:26:53+00:00")
    assert ADAPTER.send_outcome(answer(status, content)) == Accepted(
        provider_message_id="e8077d80", word="sent", status=Status.SENT, occurred="2025-03-14T09:26:53.000Z"
    )


def test_an_acceptance_may_already_be_a_failure() -> None:
    found = ADAPTER.send_outcome(answer(201, created(status="delivery_failed", statusErrorCode=103)))
    failure = Failure(category=Category.PERMANENT, reason=Reason.OPTED_OUT, code="103")
    assert found == Accepted(
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


@pytest.mark.parametrize("status", [100, 301, 302, 303, 307, 408, 500, 502, 503, 504])
def test_what_may_hide_a_sent_message_is_an_unknown_outcome(status: int) -> None:
    assert ADAPTER.send_outcome(answer(status, error(9))) == OutcomeUnknown(reason=f"HTTP {status}")


def test_an_internal_error_is_an_unknown_outcome_whatever_its_status() -> None:
    assert isinstance(ADAPTER.send_outcome(answer(422, error(99))), OutcomeUnknown)


def test_too_many_requests_were_not_processed() -> None:
    found = ADAPTER.send_outcome(HttpResponse(429, {"retry-after": "7"}, b"slow down"))
    assert found == NotProcessed(reason="HTTP 429", retry_after=7.0)


@pytest.mark.parametrize(
    ("written", "kind"), [(True, OutcomeUnknown(reason="cut")), (False, NotProcessed(reason="cut"))], ids=["yes", "no"]
)
def test_no_answer_is_unknown_only_once_the_request_left(written: bool, kind: object) -> None:  # noqa: FBT001  a parameter of a test
    assert ADAPTER.send_outcome(NoResponse(written=written, reason="cut")) == kind


@pytest.mark.parametrize(("code", "meaning"), SEND_ERRORS.items())
def test_each_refusal_has_its_fault_and_reason(code: str, meaning: tuple[Fault, Category, Reason]) -> None:
    found = ADAPTER.send_outcome(answer(422, error(int(code))))
    fault, category, reason = meaning
    assert found == Refused(failure=Failure(category=category, reason=reason, code=code, message="no"), fault=fault)


def test_a_refusal_does_not_repeat_a_phone_number() -> None:
    found = ADAPTER.send_outcome(
        answer(422, error(10, "recipients", "+31 6 1234-5678 is no mobile, nor is 31612345678"))
    )
    assert isinstance(found, Refused)
    assert found.failure.message == "[number] is no mobile, nor is [number]"


@pytest.mark.parametrize(("parameter", "meaning"), PARAMETERS.items())
@pytest.mark.parametrize("code", [9, 10, 12345])
def test_the_refused_parameter_outweighs_the_code(parameter: str, meaning: tuple[Fault, Reason], code: int) -> None:
    found = ADAPTER.send_outcome(answer(422, error(code, parameter)))
    assert isinstance(found, Refused)
    assert (found.fault, found.failure.reason) == meaning


@pytest.mark.parametrize(
    "parameter", ["reportUrl", "reporturl", "reference", "datacoding", "type", "access_key", "scheduledDatetime", "é"]
)
@pytest.mark.parametrize("code", [9, 10, 21])
def test_a_parameter_that_the_caller_does_not_supply_is_our_fault(parameter: str, code: int) -> None:
    # Found in messagebird/openapi-specs
    found = ADAPTER.send_outcome(answer(422, error(code, parameter)))
    assert isinstance(found, Refused)
    assert (found.fault, found.failure.reason) == (Fault.ACCOUNT, Reason.ACCOUNT)


@pytest.mark.parametrize("parameter", ["Originator", " originator ", "originator[0]", "ORIGINATOR.value"])
def test_a_parameter_is_read_without_case_and_place(parameter: str) -> None:
    found = ADAPTER.send_outcome(answer(422, error(10, parameter)))
    assert isinstance(found, Refused)
    assert (found.fault, found.failure.reason) == (Fault.SENDER, Reason.SENDER_REJECTED)


def test_a_parameter_does_not_turn_our_fault_into_the_callers() -> None:
    found = ADAPTER.send_outcome(answer(401, error(2, "recipients")))
    assert isinstance(found, Refused)
    assert (found.fault, found.failure.reason) == (Fault.ACCOUNT, Reason.ACCOUNT)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, Fault.CALLER),
        (422, Fault.CALLER),
        (401, Fault.ACCOUNT),
        (402, Fault.ACCOUNT),
        (403, Fault.ACCOUNT),
        (404, Fault.ACCOUNT),
        (405, Fault.ACCOUNT),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"errors": []}', b'{"errors": [7]}', b'{"errors": {"code": 2}}'])
def test_an_unreadable_refusal_is_judged_by_its_status(status: int, fault: Fault, body: bytes) -> None:
    found = ADAPTER.send_outcome(HttpResponse(status, {}, body))
    assert isinstance(found, Refused)
    assert (found.fault, found.failure.category, found.failure.code) == (fault, Category.UNKNOWN, None)


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


def test_only_the_providers_own_not_found_means_that_there_is_no_message() -> None:
    assert ADAPTER.lookup_outcome(answer(404, error(20)), received_at=RECEIVED) == NoSuchMessage()
    assert ADAPTER.lookup_outcome(answer(400, error(20)), received_at=RECEIVED) == LookupFailed(reason="HTTP 400")
    assert ADAPTER.lookup_outcome(HttpResponse(404, {}, b"<html>"), received_at=RECEIVED) == LookupFailed(
        reason="HTTP 404"
    )


@pytest.mark.parametrize("content", [{}, {"id": "e8077d80"}, created(), {**created(status="sent"), "id": None}])
def test_a_lookup_without_a_message_or_a_status_has_failed(content: object) -> None:
    assert isinstance(ADAPTER.lookup_outcome(answer(200, content), received_at=RECEIVED), LookupFailed)


@pytest.mark.parametrize("status", [302, 401, 429, 500])
def test_a_lookup_that_is_not_answered_has_failed(status: int) -> None:
    found = ADAPTER.lookup_outcome(HttpResponse(status, {"retry-after": "3"}), received_at=RECEIVED)
    assert found == LookupFailed(reason=f"HTTP {status}", retry_after=3.0)


def test_a_lookup_without_a_connection_has_failed() -> None:
    found = ADAPTER.lookup_outcome(NoResponse(written=False, reason="cut"), received_at=RECEIVED)
    assert found == LookupFailed(reason="cut")


def test_a_webhook_is_answered_with_200() -> None:
    assert (ADAPTER.name, ADAPTER.ACK_STATUS) == ("messagebird", 200)


def test_the_code_of_a_delivery_is_explained_on_a_page_of_its_own_and_that_of_a_refusal_is_another() -> None:
    pages = {status: ADAPTER.page("1", status) for status in (Status.UNDELIVERED, Status.EXPIRED, Status.FAILED)}
    assert [status for status, page in pages.items() if page] == [Status.UNDELIVERED, Status.EXPIRED]

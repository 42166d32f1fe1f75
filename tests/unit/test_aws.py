"""The AWS adapter: its requests, and the outcomes of its answers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.errors import InvalidSignature, Misconfigured
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse, SigningScope
from sms_tracker.domain.outbound import (
    Accepted,
    Fault,
    NotProcessed,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
)
from sms_tracker.domain.segments import Encoding
from sms_tracker.domain.status import Status
from sms_tracker.providers.aws import api, codes, signature, webhook
from tests.unit.documents import list_below

DOC = Path(__file__).parents[2] / "docs" / "providers" / "aws.md"
CREDENTIALS = {"sms_region": "eu-west-1", "configuration_set": "sms-tracker"}
CALLBACK = "https://sms.example.com/webhooks/aws?message_id=9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa&attempt=2"
MESSAGE = OutboundMessage(
    message_id="9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa",
    attempt=2,
    to="+31612345678",
    sender="Parcels",
    body="Your parcel is here",
    encoding=Encoding.GSM_7,
    token="a-token",
)


def sent(message: OutboundMessage = MESSAGE, **credentials: str) -> dict[str, object]:
    request = api.send_request(message, credentials={**CREDENTIALS, **credentials}, callback_url=CALLBACK)
    return dict(json.loads(request.body))


def answer(status: int, content: object, **headers: str) -> HttpResponse:
    return HttpResponse(status, headers, json.dumps(content).encode())


def refusal(exception: str, status: int = 400, **further: object) -> Refused:
    outcome = api.send_outcome(answer(status, {"__type": exception, "Message": "no", **further}))
    assert isinstance(outcome, Refused)
    return outcome


# Requests


def test_id_attempt_and_token_travel_in_the_context() -> None:
    assert sent()["Context"] == {"message_id": MESSAGE.message_id, "attempt": "2", "token": "a-token"}


def test_the_countries_in_which_acceptance_counts_travel_there_too() -> None:
    context = sent(carrier_accepted="US,NL")["Context"]

    assert isinstance(context, dict)
    assert context["carrier_accepted"] == "US,NL"
    assert "carrier_accepted" not in str(sent(carrier_accepted=""))


def test_the_type_is_transactional_by_default() -> None:
    assert sent()["MessageType"] == "TRANSACTIONAL"
    assert sent(message_type="PROMOTIONAL")["MessageType"] == "PROMOTIONAL"


def test_a_validity_is_the_time_to_live() -> None:
    assert sent(replace(MESSAGE, validity_seconds=5))["TimeToLive"] == 5
    assert "TimeToLive" not in sent()


def test_the_request_is_unsigned_and_has_its_signing_scope() -> None:
    request = api.send_request(MESSAGE, credentials=CREDENTIALS, callback_url=CALLBACK)

    assert request.sign_for == SigningScope("eu-west-1", "sms-voice")
    assert "authorization" not in request.headers


def test_another_address_can_be_set() -> None:
    credentials = {**CREDENTIALS, "api_url": "http://127.0.0.1:9999/"}

    assert api.send_request(MESSAGE, credentials=credentials, callback_url=CALLBACK).url == "http://127.0.0.1:9999/"


@pytest.mark.parametrize(
    ("credentials", "named"),
    [
        ({}, "sms_region"),
        ({"sms_region": "eu-west-1"}, "configuration_set"),
        ({**CREDENTIALS, "sms_region": "evil.example.com/"}, "sms_region"),
        ({**CREDENTIALS, "configuration_set": "a set"}, "configuration_set"),
        ({**CREDENTIALS, "message_type": "Promotional"}, "message_type"),
        ({**CREDENTIALS, "carrier_accepted": "us, nl"}, "carrier_accepted"),
    ],
)
def test_a_wrong_document_is_named_without_its_value(credentials: dict[str, str], named: str) -> None:
    with pytest.raises(Misconfigured, match=f"aws: {named}") as caught:
        api.send_request(MESSAGE, credentials=credentials, callback_url=CALLBACK)

    assert not [value for value in credentials.values() if value in str(caught.value)]


def test_no_setting_is_an_operators_secret() -> None:
    assert webhook.ENTRIES == ()


# Outcomes


def test_an_id_is_an_acceptance() -> None:
    accepted = Accepted(provider_message_id="862a8790", word="ACCEPTED", status=Status.ACCEPTED)

    assert api.send_outcome(answer(200, {"MessageId": "862a8790"})) == accepted


@pytest.mark.parametrize("content", [{}, {"MessageId": None}, {"MessageId": ""}, [], {"MessageId": {}}])
def test_a_success_without_an_id_is_unknown(content: object) -> None:
    assert isinstance(api.send_outcome(answer(200, content)), OutcomeUnknown)


@pytest.mark.parametrize("prefix", ["", "com.amazonaws.pinpointsmsvoicev2#", "https://x.example/#"])
@pytest.mark.parametrize("suffix", ["", ":http://internal.amazon.com/coral/"])
def test_an_exception_is_known_with_a_namespace_and_without(prefix: str, suffix: str) -> None:
    reason = "DESTINATION_PHONE_NUMBER_OPTED_OUT"

    found = refusal(f"{prefix}ConflictException{suffix}", Reason=reason)

    failure = Failure(category=Category.PERMANENT, reason=Reason.OPTED_OUT, code=reason, message="no")
    assert found == Refused(failure=failure, fault=Fault.CALLER)
    assert refusal(f"{prefix}OddException{suffix}").failure.code == "OddException"


@pytest.mark.parametrize(
    ("exception", "reason", "default_sender", "callers"),
    [
        ("ConflictException", "NO_ORIGINATION_IDENTITIES_FOUND", True, False),
        ("ConflictException", "NO_ORIGINATION_IDENTITIES_FOUND", False, True),
        ("ValidationException", "SENDER_ID_NOT_REGISTERED", True, False),
        ("ValidationException", "SENDER_ID_NOT_REGISTERED", False, True),
        ("AccessDeniedException", None, True, False),
        ("AccessDeniedException", None, False, True),
        ("AccessDeniedException", "ACCOUNT_DISABLED", False, False),
        ("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED", False, False),
        ("ValidationException", "COUNTRY_NOT_ENABLED", False, False),
        ("ConflictException", "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION", True, True),
    ],
)
def test_who_is_at_fault_depends_on_who_named_the_sender(
    exception: str, reason: str | None, *, default_sender: bool, callers: bool
) -> None:
    assert refusal(exception, Reason=reason).is_callers(default_sender=default_sender) is callers


@pytest.mark.parametrize(
    ("field", "fault", "reason"),
    [
        ("DestinationPhoneNumber", Fault.CALLER, Reason.INVALID_RECIPIENT),
        ("destinationPhoneNumber", Fault.CALLER, Reason.INVALID_RECIPIENT),
        ("MessageBody", Fault.CALLER, Reason.UNKNOWN),
        ("TimeToLive", Fault.CALLER, Reason.UNKNOWN),
        ("OriginationIdentity", Fault.SENDER, Reason.SENDER_REJECTED),
        ("Context", Fault.ACCOUNT, Reason.ACCOUNT),
        ("ConfigurationSetName", Fault.ACCOUNT, Reason.ACCOUNT),
    ],
)
def test_a_validation_blames_the_field_that_it_names(field: str, fault: Fault, reason: Reason) -> None:
    fields = [{"Name": field, "Message": "is wrong"}]

    for given_reason in ("FIELD_VALIDATION_FAILED", "INVALID_PARAMETER", "OF_TOMORROW", None):
        found = refusal("ValidationException", Reason=given_reason, Fields=fields)

        assert (found.fault, found.failure.reason) == (fault, reason)


@pytest.mark.parametrize("fields", [None, [], {}, ["x"], [{}], [{"Name": None}], [{"Name": []}], "x"])
def test_a_validation_without_a_readable_field_is_the_callers(fields: object) -> None:
    found = refusal("ValidationException", Reason="FIELD_VALIDATION_FAILED", Fields=fields)

    assert (found.fault, found.failure.reason) == (Fault.CALLER, Reason.UNKNOWN)


@pytest.mark.parametrize(
    ("resource", "fault"),
    [("phone-number", Fault.SENDER), ("pool", Fault.SENDER), ("sender-id", Fault.SENDER),
     ("configuration-set", Fault.ACCOUNT), (None, Fault.ACCOUNT)],
)  # fmt: skip
def test_a_missing_resource_is_the_senders_or_the_accounts_fault(resource: str | None, fault: Fault) -> None:
    assert refusal("ResourceNotFoundException", ResourceType=resource).fault is fault


@pytest.mark.parametrize(
    "exception",
    ["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "SerializationException", ""],
)
def test_a_request_that_aws_does_not_admit_is_the_accounts_fault(exception: str) -> None:
    found = refusal(exception, message="The security token is invalid")

    assert (found.fault, found.failure.reason) == (Fault.ACCOUNT, Reason.ACCOUNT)


def test_a_throttled_request_may_be_made_again_soon_and_a_spent_limit_not() -> None:
    throttled = api.send_outcome(answer(400, {"__type": "ThrottlingException", "Message": "Rate exceeded"}))
    spent = api.send_outcome(
        answer(400, {"__type": "x#ServiceQuotaExceededException", "Reason": "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"})
    )

    assert throttled == NotProcessed(reason="HTTP 400", code="ThrottlingException")
    assert spent == NotProcessed(reason="HTTP 400", code="MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", soon=False)


@pytest.mark.parametrize("status", [100, 302, 400, 408, 500, 503])
def test_an_internal_error_is_unknown_whatever_its_status(status: int) -> None:
    assert isinstance(api.send_outcome(answer(status, {"__type": "a#InternalServerException"})), OutcomeUnknown)


def test_only_a_request_that_never_left_may_be_made_again() -> None:
    assert api.send_outcome(NoResponse(written=True, reason="timed out")) == OutcomeUnknown(reason="timed out")
    assert api.send_outcome(NoResponse(written=False, reason="no route")) == NotProcessed(reason="no route")


def test_a_number_in_a_refusals_text_is_masked() -> None:
    outcome = refusal("ConflictException", Message="+31612345678 has opted out")

    assert outcome.failure.message == "[number] has opted out"


@given(st.dictionaries(st.sampled_from(["__type", "Reason", "Fields", "Message", "MessageId", "ResourceType"]),
                       st.none() | st.floats() | st.text() | st.lists(st.text(), max_size=2)),
       st.integers(100, 599))  # fmt: skip
def test_any_answer_has_an_outcome(content: dict[str, object], status: int) -> None:
    outcome = api.send_outcome(HttpResponse(status, {}, json.dumps(content).encode()))

    assert isinstance(outcome, Accepted) <= (200 <= status < 300)
    assert isinstance(outcome, Refused | NotProcessed) <= (400 <= status < 500)


# Missing abilities


def test_no_webhook_is_believed() -> None:
    assert webhook.keys(CREDENTIALS) == ()
    request, now = HttpRequest("POST", "https://sms.example.com/webhooks/aws"), datetime(2026, 3, 1, tzinfo=UTC)
    with pytest.raises(InvalidSignature):
        signature.verify(request, secrets=(), now=now)


# The docs page


def test_the_docs_list_every_reason_of_a_refusal() -> None:
    rows = {name: tuple(row) for name, row in list_below(DOC, "Refused requests").items()}

    tables = {**codes.REASONS, **{f"{name} alone": cause for name, cause in codes.EXCEPTIONS.items()}}
    assert rows == {name: (fault.value, reason.value) for name, (fault, _, reason) in tables.items()}


def test_the_docs_list_the_fields() -> None:
    assert {name.casefold(): tuple(row) for name, row in list_below(DOC, "Fields that a validation names").items()} == {
        name: (fault.value, reason.value) for name, (fault, _, reason) in codes.FIELDS.items()
    }

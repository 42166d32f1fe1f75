"""The AWS adapter: its requests, and the outcomes of its answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import HttpResponse, SigningScope
from sms_tracker.domain.outbound import Accepted, Fault, NotProcessed, OutboundMessage, OutcomeUnknown, Refused
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.providers.aws import api, codes, webhook
from tests.factories import MESSAGE_ID, outbound
from tests.unit.documents import list_below

DOC = Path(__file__).parents[2] / "docs" / "providers" / "aws.md"
CREDENTIALS = {"sms_region": "eu-west-1", "configuration_set": "sms-tracker"}
CALLBACK = f"https://sms.example.com/webhooks/aws?message_id={MESSAGE_ID}&attempt=2"
MESSAGE = outbound(attempt=2, sender="Parcels")


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


def test_the_context_has_id_attempt_token_and_the_countries_in_which_acceptance_counts() -> None:
    ours = {"message_id": MESSAGE_ID, "attempt": "2", "token": "a-token"}

    assert sent()["Context"] == sent(carrier_accepted="")["Context"] == ours
    assert sent(carrier_accepted="US,NL")["Context"] == {**ours, "carrier_accepted": "US,NL"}


def test_the_request_is_transactional_by_default_and_unsigned_with_its_scope() -> None:
    promotional = sent(replace(MESSAGE, validity_seconds=5), message_type="PROMOTIONAL")

    assert (sent()["MessageType"], "TimeToLive" in sent()) == ("TRANSACTIONAL", False)
    assert (promotional["MessageType"], promotional["TimeToLive"]) == ("PROMOTIONAL", 5)

    request = api.send_request(MESSAGE, credentials=CREDENTIALS, callback_url=CALLBACK)

    assert request.sign_for == SigningScope("eu-west-1", "sms-voice")
    assert "authorization" not in request.headers

    assert webhook.ENTRIES == ()


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

    found = refusal(f"{prefix}ConflictException{suffix}", Reason=reason, Message="+31612345678 has opted out")

    text = "[number] has opted out"
    failure = Failure(category=Category.PERMANENT, reason=Reason.OPTED_OUT, code=reason, message=text)
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
        ("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED", True, True),
        ("ValidationException", "COUNTRY_NOT_ENABLED", True, True),
        ("ValidationException", "DESTINATION_COUNTRY_BLOCKED", True, True),
        ("ValidationException", "INTERNATIONAL_SENDING_NOT_SUPPORTED", True, False),
        ("ValidationException", "INTERNATIONAL_SENDING_NOT_SUPPORTED", False, True),
        ("ConflictException", "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION", True, True),
    ],
)
def test_who_is_at_fault_depends_on_who_named_the_sender(
    exception: str, reason: str | None, *, default_sender: bool, callers: bool
) -> None:
    assert refusal(exception, Reason=reason).is_callers(default_sender=default_sender) is callers


@pytest.mark.parametrize("given", ["FIELD_VALIDATION_FAILED", "INVALID_PARAMETER", "OF_TOMORROW", None])
@pytest.mark.parametrize(
    "field",
    ["destinationPhoneNumber", "DestinationPhoneNumber", "MessageBody", "TimeToLive", "OriginationIdentity", "Context"],
)
def test_a_validation_blames_the_field_that_it_names(field: str, given: str | None) -> None:
    found = refusal("ValidationException", Reason=given, Fields=[{"Name": field, "Message": "is wrong"}])

    fault, _, reason = codes.FIELDS.get(field.lower(), (Fault.ACCOUNT, None, Reason.ACCOUNT))
    assert (found.fault, found.failure.reason) == (fault, reason)


@pytest.mark.parametrize("fields", [None, [], {}, ["x"], [{}], [{"Name": None}], [{"Name": []}], "x"])
def test_a_validation_without_a_readable_field_is_the_callers(fields: object) -> None:
    found = refusal("ValidationException", Reason="FIELD_VALIDATION_FAILED", Fields=fields)

    assert (found.fault, found.failure.reason) == (Fault.CALLER, Reason.UNKNOWN)


@pytest.mark.parametrize("kind", ["phone-number", "pool", "sender-id", "configuration-set", None])
def test_a_missing_resource_is_the_senders_or_the_accounts_fault(kind: str | None) -> None:
    fault = Fault.ACCOUNT if kind in {"configuration-set", None} else Fault.SENDER

    assert refusal("ResourceNotFoundException", ResourceType=kind).fault is fault


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


@given(st.dictionaries(st.sampled_from(["__type", "Reason", "Fields", "Message", "MessageId", "ResourceType"]),
                       st.none() | st.floats() | st.text() | st.lists(st.text(), max_size=2)),
       st.integers(100, 599))  # fmt: skip
def test_any_answer_has_an_outcome(content: dict[str, object], status: int) -> None:
    outcome = api.send_outcome(HttpResponse(status, {}, json.dumps(content).encode()))

    assert isinstance(outcome, Accepted) <= (200 <= status < 300)
    assert isinstance(outcome, Refused | NotProcessed) <= (400 <= status < 500)


# The docs page


def test_the_docs_list_every_reason_of_a_refusal_and_the_fields() -> None:
    causes = {**codes.REASONS, **{f"{name} alone": cause for name, cause in codes.EXCEPTIONS.items()}}
    fields = {name.casefold(): row for name, row in list_below(DOC, "Fields that a validation names").items()}

    for rows, table in ((list_below(DOC, "Refused requests"), causes), (fields, codes.FIELDS)):
        assert rows == {name: [fault.value, reason.value] for name, (fault, _, reason) in table.items()}

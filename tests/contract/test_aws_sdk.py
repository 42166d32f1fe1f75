"""botocore's service model as the judge: what we ask for, and every word and refusal that AWS can answer with."""

from __future__ import annotations

import json
from string import ascii_uppercase
from typing import Any, cast

import botocore.session
import pytest
from botocore.model import ServiceModel, StructureShape
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from local.simulators.aws.server import invalid_parameters
from sms_tracker.domain.callback import callback_url
from sms_tracker.domain.http import HttpResponse
from sms_tracker.domain.outbound import NotProcessed, OutboundMessage, OutcomeUnknown, Refused
from sms_tracker.domain.text import Encoding
from sms_tracker.providers.aws import api, codes, report

SESSION = botocore.session.get_session()
MODEL: ServiceModel = SESSION.get_service_model("pinpoint-sms-voice-v2")
SEND = MODEL.operation_model("SendTextMessage")
INPUT = cast("StructureShape", SEND.input_shape)
REGIONS = SESSION.get_available_regions("pinpoint-sms-voice-v2")

OF_OTHER_OPERATIONS = {
    "ConflictExceptionReason": {
        "CREATE_REGISTRATION_VERSION_NOT_ALLOWED",
        "DELETION_PROTECTION_ENABLED",
        "DISASSOCIATE_REGISTRATION_NOT_ALLOWED",
        "DISCARD_REGISTRATION_VERSION_NOT_ALLOWED",
        "EDIT_REGISTRATION_FIELD_VALUES_NOT_ALLOWED",
        "EVENT_DESTINATION_MISMATCH",
        "LAST_PHONE_NUMBER",
        "NOTIFY_CONFIGURATION_NOT_ACTIVE",
        "PHONE_NUMBER_ASSOCIATED_TO_POOL",
        "PHONE_NUMBER_ASSOCIATED_TO_REGISTRATION",
        "PHONE_NUMBER_NOT_ASSOCIATED_TO_POOL",
        "PHONE_NUMBER_NOT_IN_REGISTRATION_REGION",
        "POOL_ASSOCIATED_TO_NOTIFY_CONFIGURATION",
        "PROTECT_CONFIGURATION_ASSOCIATED_WITH_CONFIGURATION_SET",
        "PROTECT_CONFIGURATION_IS_ACCOUNT_DEFAULT",
        "PROTECT_CONFIGURATION_NOT_ASSOCIATED_WITH_CONFIGURATION_SET",
        "RCS_AGENT_ALREADY_ASSOCIATED_TO_REGISTRATION_TYPE",
        "RCS_AGENT_ASSOCIATED_TO_POOL",
        "REGISTRATION_ALREADY_SUBMITTED",
        "REGISTRATION_NOT_COMPLETE",
        "RESOURCE_ALREADY_ASSOCIATED",
        "RESOURCE_ALREADY_EXISTS",
        "RESOURCE_DELETION_NOT_ALLOWED",
        "RESOURCE_MODIFICATION_NOT_ALLOWED",
        "RESOURCE_NOT_EMPTY",
        "SELF_MANAGED_OPT_OUTS_MISMATCH",
        "SENDER_ID_ASSOCIATED_TO_POOL",
        "SUBMIT_REGISTRATION_VERSION_NOT_ALLOWED",
        "TWO_WAY_CONFIG_MISMATCH",
        "VERIFICATION_ALREADY_COMPLETE",
        "VERIFICATION_CODE_EXPIRED",
    },
    "ValidationExceptionReason": {
        "ATTACHMENT_TYPE_NOT_SUPPORTED",
        "CANNOT_ADD_OPTED_OUT_NUMBER",
        "INVALID_FILTER_VALUES",
        "INVALID_NEXT_TOKEN",
        "INVALID_REGISTRATION_ASSOCIATION",
        "MEDIA_TYPE_NOT_SUPPORTED",
        "PHONE_NUMBER_CANNOT_BE_OPTED_IN",
        "PHONE_NUMBER_CANNOT_BE_RELEASED",
        "REGISTRATION_FIELD_CANNOT_BE_DELETED",
        "REQUESTED_SPEND_LIMIT_HIGHER_THAN_SERVICE_LIMIT",
        "TWO_WAY_CHANNEL_NOT_PRESENT",
        "TWO_WAY_NOT_ENABLED",
        "TWO_WAY_NOT_SUPPORTED_IN_COUNTRY",
        "TWO_WAY_NOT_SUPPORTED_IN_REGION",
        "TWO_WAY_TOPIC_NOT_PRESENT",
        "UNKNOWN_REGISTRATION_FIELD",
        "UNKNOWN_REGISTRATION_SECTION",
        "UNKNOWN_REGISTRATION_TYPE",
        "UNKNOWN_REGISTRATION_VERSION",
        "VERIFICATION_CODE_MISMATCH",
        "VOICE_CAPABILITY_NOT_AVAILABLE",
    },
    "AccessDeniedExceptionReason": set(),
}
"""Reasons of registering, releasing, two-way messages and the like: none can follow a text that is sent."""

MESSAGES = st.builds(
    OutboundMessage,
    message_id=st.uuids().map(str),
    attempt=st.integers(1, 19),
    to=st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
    sender=st.one_of([st.from_regex(form, fullmatch=True) for form in api.SENDERS.values()]),
    body=st.text(min_size=1, max_size=1530).filter(lambda text: bool(text.strip())),
    encoding=st.sampled_from(Encoding),
    token=st.just("t" * 43),
    validity_seconds=st.none() | st.sampled_from([5, 60, 36000, 259200]),
)


def built(message: OutboundMessage, **credentials: str) -> Any:
    callback = callback_url("https://sms.example.com", "aws", message.message_id, message.attempt)
    every_country = ",".join(first + second for first in "ABCDEFGHI" for second in ascii_uppercase)
    document = {
        "sms_region": "eu-west-1",
        "configuration_set": "sms-tracker",
        "carrier_accepted": every_country,
        **credentials,
    }
    return api.send_request(message, credentials=document, callback_url=callback)


def reasons(shape: str) -> set[str]:
    return set(MODEL.shape_for(shape).metadata["enum"])


def refused(exception: str, **further: Any) -> HttpResponse:
    return HttpResponse(400, {}, json.dumps({"__type": exception, "Message": "no", **further}).encode())


# What we ask for


@given(MESSAGES, st.sampled_from(["", "TRANSACTIONAL", "PROMOTIONAL"]))
def test_every_request_is_valid_and_botocore_would_write_it_so(message: OutboundMessage, kind: str) -> None:
    request = built(message, message_type=kind)
    parameters = json.loads(request.body)

    by_botocore = create_serializer("json").serialize_to_request(parameters, SEND)

    assert ParamValidator().validate(parameters, INPUT).generate_report() == ""
    assert list(invalid_parameters(parameters)) == []  # with patterns, lengths and enums
    assert request.body == by_botocore["body"]
    assert request.headers == {name.lower(): value for name, value in by_botocore["headers"].items()}
    assert (request.method, request.url.partition(".com")[2]) == ("POST", by_botocore["url_path"])


@pytest.mark.parametrize("region", [*REGIONS, "us-gov-west-1"])
def test_the_address_is_the_one_that_botocore_resolves(region: str) -> None:
    client = SESSION.create_client(
        "pinpoint-sms-voice-v2", region_name=region, aws_access_key_id="example", aws_secret_access_key="example"
    )
    message = OutboundMessage(
        message_id="1", attempt=1, to="+31612345678", sender="Parcels", body="Hello", encoding=Encoding.GSM_7, token="t"
    )

    request = built(message, sms_region=region)

    assert request.url == f"{client.meta.endpoint_url}/"
    assert request.sign_for == (region, client.meta.service_model.signing_name)


def test_the_range_of_the_validity_is_the_models() -> None:
    limits = INPUT.members["TimeToLive"].metadata

    assert (api.VALIDITY[0], api.VALIDITY[-1]) == (limits["min"], limits["max"])


def test_no_operation_looks_a_message_up() -> None:
    reading = [name for name in MODEL.operation_names if name.startswith(("Get", "Describe", "List"))]

    assert [name for name in reading if "Message" in name] == []
    assert api.LOOKUP is False


# What AWS answers with


@pytest.mark.parametrize("shape", OF_OTHER_OPERATIONS)
def test_every_reason_of_a_refusal_is_mapped(shape: str) -> None:
    modelled, others = reasons(shape), OF_OTHER_OPERATIONS[shape]

    assert modelled - others - codes.REASONS.keys() == set()
    assert others <= modelled
    assert others & codes.REASONS.keys() == set()


def test_no_reason_is_mapped_that_the_model_does_not_have() -> None:
    modelled = set().union(*map(reasons, OF_OTHER_OPERATIONS))

    assert codes.REASONS.keys() - modelled == set()


def test_every_exception_of_the_operation_has_a_meaning() -> None:
    modelled = {shape.name for shape in SEND.error_shapes}

    assert modelled == codes.EXCEPTIONS.keys() | codes.NOT_PROCESSED.keys() | {"InternalServerException"}


@pytest.mark.parametrize("exception", [shape.name for shape in SEND.error_shapes])
def test_every_reason_has_an_outcome_and_its_name_is_the_code(exception: str) -> None:
    members = SEND.service_model.shape_for(exception).members  # type: ignore[attr-defined]  # a structure, all of them
    modelled = members["Reason"].metadata["enum"] if "Reason" in members else []

    for reason in modelled:
        outcome = api.send_outcome(refused(exception, Reason=reason))

        assert isinstance(outcome, Refused | NotProcessed)
        assert reason == (outcome.failure.code if isinstance(outcome, Refused) else outcome.code)
    bare = api.send_outcome(refused(exception))
    assert isinstance(bare, OutcomeUnknown) == (exception == "InternalServerException")


def test_every_type_of_event_about_a_text_is_a_word_final_or_not() -> None:
    types = {word for word in reasons("EventType") if word.startswith("TEXT_")} - {"TEXT_ALL"}

    words = {report.report({"eventType": each, "isFinal": final}, received_at="").word for each in types for final in
             ("true", "false")}  # fmt: skip

    assert words <= report.STATUSES.keys()
    assert report.STATUSES.keys() - words == {"ACCEPTED", "SUCCESSFUL.delivered"}


def test_what_is_not_found_is_a_sender_or_something_of_the_account() -> None:
    assert reasons("ResourceType") >= codes.SENDER_RESOURCES


def test_the_fields_that_a_validation_may_blame_are_the_requests() -> None:
    assert codes.FIELDS.keys() <= {name.casefold() for name in INPUT.members}


def test_the_message_types_are_the_models() -> None:
    assert reasons("MessageType") == {"TRANSACTIONAL", "PROMOTIONAL"}

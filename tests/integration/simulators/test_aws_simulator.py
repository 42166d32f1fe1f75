"""The AWS simulator as botocore's own client sees it, and its events as they are published to the topic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from local.simulators.aws import SIMULATOR, Settings
from local.simulators.aws.server import SIMULATOR_NUMBERS, invalid_parameters
from local.simulators.scenario import HANG, TABLE, Scenario
from sms_tracker.aws.signed_http import SignedHttp
from sms_tracker.aws.sigv4 import Credentials
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.outbound import Accepted, OutboundMessage
from sms_tracker.domain.report import Report
from sms_tracker.domain.segments import Encoding
from sms_tracker.provider_http import call
from sms_tracker.providers.aws import api, report, webhook
from tests.integration.simulators.conftest import unspoilt
from tests.integration.simulators.running import TO, Receiver, Simulator, client, number

SENDER = SIMULATOR.parameters["AwsSender"]
ID = "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa"
TOPIC = "arn:aws:sns:eu-central-1:000000000000:sms-tracker-aws-events"
ANSWERED = [row for row in TABLE if row.script(SIMULATOR.courses).answer != HANG]
DOC = Path(__file__).parents[3] / "docs" / "testing.md"


@pytest.fixture
def aws(urls: dict[str, Any], receiver: Receiver) -> Iterator[Simulator]:
    with client(urls["aws"]) as http:
        for simulator in unspoilt(http):
            simulator.settings(aws_url=receiver.url.removesuffix("/hook"), topic_arn=TOPIC)
            yield simulator


def sms(aws: Simulator, *, region: str = Settings().region, timeout: float = 20, **config: Any) -> Any:
    return boto3.client(
        "pinpoint-sms-voice-v2",
        endpoint_url=aws.url,
        region_name=region,
        aws_access_key_id="example",
        aws_secret_access_key="example",
        config=Config(read_timeout=timeout, proxies={}, **{"retries": {"total_max_attempts": 1}, **config}),
    )


def send(aws: Simulator, to: str = TO, **further: Any) -> str:
    context = {"message_id": ID, "attempt": "1"}
    sent = sms(aws).send_text_message(
        DestinationPhoneNumber=to, OriginationIdentity=SENDER, MessageBody="Hallo", Context=context, **further
    )
    return str(sent["MessageId"])


def reports(receiver: Receiver) -> list[Report]:
    """What the adapter reads from the published events."""
    bodies = [parse_qs(request.body.decode())["Message"][0].encode() for request in receiver.requests]
    return [report.report(webhook.fields(HttpRequest("POST", "", {}, body)), received_at="") for body in bodies]


def test_botocores_client_sends_and_the_events_go_to_the_topic(aws: Simulator, receiver: Receiver) -> None:
    message_id = send(aws)
    ledger = aws.idle(taken=1)

    assert sorted(each.word for each in reports(receiver)) == ["DELIVERED.final", "PENDING"]
    assert {each.provider_message_id for each in reports(receiver)} == {message_id}
    assert {(each.recipient, str(each.price), each.network) for each in reports(receiver)} == {
        (TO, "0.00883 USD", "20408")
    }
    assert ledger["messages"][0]["handset"] == {"word": "DELIVERED.final", "code": None}
    assert SIMULATOR.message_id(ledger["messages"][0]) == ID


def test_an_event_is_published_by_a_signed_call_of_sns(aws: Simulator, receiver: Receiver) -> None:
    send(aws)
    aws.idle(taken=1)

    for request in receiver.requests:
        call = parse_qs(request.body.decode())
        assert f"/{Settings().region}/sns/aws4_request" in request.headers["authorization"]
        assert (call["Action"], call["TopicArn"]) == (["Publish"], [TOPIC])


def test_our_adapters_request_is_taken_and_its_token_comes_back(aws: Simulator, receiver: Receiver) -> None:
    credentials = SIMULATOR.credentials(aws.url)
    message = OutboundMessage(
        message_id=ID,
        attempt=3,
        to=TO,
        sender=SENDER,
        body="Hallo",
        encoding=Encoding.GSM_7,
        token="a-token",
        validity_seconds=60,
    )
    request = api.send_request(message, credentials=credentials, callback_url="https://sms.example.com")
    outcome = api.send_outcome(SignedHttp(call, lambda: Credentials("example", "example"))(request, timeout=10))
    aws.idle(taken=1)

    assert isinstance(outcome, Accepted)
    assert {each.provider_message_id for each in reports(receiver)} == {outcome.provider_message_id}
    body = parse_qs(receiver.requests[0].body.decode())["Message"][0].encode()
    event = HttpRequest("POST", "", {}, body)
    target = webhook.target(event, webhook.fields(event))
    assert (target.message_id, target.attempt, target.token) == (ID, 3, "a-token")


def test_a_failure_that_is_not_final_precedes_one_that_is(aws: Simulator, receiver: Receiver) -> None:
    aws.script(TO, {"reports": "UNREACHABLE UNREACHABLE.final", "order": "reversed"})

    send(aws)
    aws.idle(taken=1)

    assert [each.word for each in reports(receiver)] == ["UNREACHABLE.final", "UNREACHABLE"]


def test_events_are_dropped_doubled_and_shuffled(aws: Simulator, receiver: Receiver) -> None:
    send(aws, number("silent"))
    aws.idle(taken=1)
    assert receiver.requests == []

    send(aws, number("shuffled"))
    aws.idle(taken=2)

    words = [each.word for each in reports(receiver)]
    course = ["CARRIER_UNREACHABLE", "DELIVERED.final", "PENDING", "QUEUED", "SUCCESSFUL"]
    assert sorted(words) == sorted(course * 3)


def test_a_forged_event_is_never_published(aws: Simulator, receiver: Receiver) -> None:
    send(aws, number("forged"))
    aws.idle(taken=1)

    assert {each.word for each in reports(receiver)} == {"PENDING", "UNREACHABLE", "UNREACHABLE.final"}


def test_botocore_by_default_repeats_a_request_whose_answer_is_lost(aws: Simulator) -> None:
    """Why the adapter does not use it: each repetition is one more message."""
    # Found in AWS's guides
    timid = sms(aws, timeout=0.2, retries={})

    with pytest.raises(ReadTimeoutError):
        timid.send_text_message(DestinationPhoneNumber=number("timeout"), MessageBody="Hallo")

    assert aws.idle()["counts"]["taken"] > 1


@pytest.mark.parametrize(
    ("to", "exception", "code"),
    [
        (number("refused"), "ValidationException", "INVALID_PARAMETER"),
        (number("opted-out"), "ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"),
        (number("locked-out"), "UnrecognizedClientException", None),
        (number("throttled"), "ThrottlingException", None),
        (number("broken-answer"), "InternalServerException", None),
    ],
)
def test_a_refusal_is_an_exception_of_the_model(aws: Simulator, to: str, exception: str, code: str | None) -> None:
    with pytest.raises(ClientError) as caught:
        send(aws, to)

    assert caught.value.response["Error"]["Code"] == exception
    assert caught.value.response.get("Reason") == code


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"MessageBody": "Hallo"}, "DestinationPhoneNumber"),
        ({"DestinationPhoneNumber": "0612345678", "MessageBody": "Hallo"}, "DestinationPhoneNumber"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x" * 1601}, "MessageBody"),
        ({"DestinationPhoneNumber": TO, "MessageBody": " "}, "MessageBody"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x", "TimeToLive": 4}, "TimeToLive"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x", "TimeToLive": "60"}, "TimeToLive"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x", "TimeToLive": 259201}, "TimeToLive"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x", "MessageType": "SPAM"}, "MessageType"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x", "OriginationIdentity": "My Shop"}, "OriginationIdentity"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x", "Context": {"a b": "c"}}, "Context"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x", "Context": {str(n): "c" for n in range(6)}}, "Context"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x", "Context": {"a": 1}}, "Context"),
        ({"DestinationPhoneNumber": TO, "MessageBody": "x", "Colour": "red"}, "Colour"),
    ],
)
def test_what_the_model_does_not_allow_is_refused_by_its_name(content: dict[str, Any], field: str) -> None:
    assert next(invalid_parameters(content)) == field


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic x"}])
def test_an_unsigned_request_is_refused(aws: Simulator, headers: dict[str, str]) -> None:
    answer = aws.http.post("/", json={"DestinationPhoneNumber": TO, "MessageBody": "x"}, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["__type"] == "MissingAuthenticationTokenException"


def test_a_signature_for_another_region_is_refused(aws: Simulator) -> None:
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        sms(aws, region="eu-west-1").send_text_message(DestinationPhoneNumber=TO, MessageBody="Hallo")


def test_another_operation_is_unknown(aws: Simulator) -> None:
    with pytest.raises(ClientError, match="UnknownOperationException"):
        sms(aws).describe_phone_numbers()


def test_aws_own_numbers_succeed_or_fail_whatever_their_digits(aws: Simulator) -> None:
    for to in SIMULATOR_NUMBERS:
        send(aws, to)
    ledger = aws.idle(taken=len(SIMULATOR_NUMBERS))

    assert {each["to"]: each["handset"]["word"] for each in ledger["messages"]} == {
        to: script.reports[-1].word for to, script in SIMULATOR_NUMBERS.items()
    }


def test_the_docs_list_aws_own_numbers() -> None:
    text = DOC.read_text(encoding="utf-8")

    assert [to for to in SIMULATOR_NUMBERS if to not in text] == []


def test_without_a_topic_there_are_no_events(aws: Simulator, receiver: Receiver) -> None:
    aws.settings(aws_url="", topic_arn="")

    send(aws)

    assert aws.idle(taken=1)["messages"][0]["callbacks"] == []
    assert receiver.requests == []


@pytest.mark.parametrize("row", ANSWERED, ids=lambda row: row.name)
def test_every_scenario_ends_with_the_handsets_step_on_record(aws: Simulator, row: Scenario) -> None:
    script = row.script(SIMULATOR.courses)
    if script.usual:
        send(aws, "+316123456" + row.digits)
    else:
        with pytest.raises(ClientError):
            send(aws, "+316123456" + row.digits)
    ledger = aws.idle()

    assert len(ledger["messages"]) == script.is_taken
    assert all(message["record"] | {"at": None} == message["handset"] | {"at": None} for message in ledger["messages"])
    assert all(callback["over"] for message in ledger["messages"] for callback in message["callbacks"])

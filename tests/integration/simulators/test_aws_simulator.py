"""The AWS simulator as botocore's own client sees it, and its events as they are published to the topic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from local.simulators.aws import SIMULATOR, Settings
from local.simulators.aws.server import SIMULATOR_NUMBERS, invalid_parameters
from sms_tracker.aws.json_client import Credentials
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.outbound import Accepted, OutboundMessage
from sms_tracker.domain.report import Report
from sms_tracker.domain.text import Encoding
from sms_tracker.provider_http import call
from sms_tracker.providers.aws import api, report, webhook
from sms_tracker.wiring import SignedHttp
from tests.integration.simulators.conftest import account
from tests.integration.simulators.running import TO, Receiver, Simulator, number

SENDER = SIMULATOR.parameters["AwsSender"]
ID = "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa"
TOPIC = "arn:aws:sns:eu-central-1:000000000000:sms-tracker-aws-events"
DOC = Path(__file__).parents[3] / "docs" / "testing.md"


@pytest.fixture
def aws(urls: dict[str, Any], receiver: Receiver) -> Iterator[Simulator]:
    with account(urls, "aws") as simulator:
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


def test_botocores_client_sends_and_the_events_go_to_the_topic_by_signed_calls(
    aws: Simulator, receiver: Receiver
) -> None:
    message_id = send(aws)
    ledger = aws.idle(taken=1)

    assert sorted(each.word for each in reports(receiver)) == ["DELIVERED.final", "PENDING"]
    assert {
        (each.provider_message_id, each.recipient, str(each.price), each.network) for each in reports(receiver)
    } == {(message_id, TO, "0.00883 USD", "20408")}
    assert ledger["messages"][0]["handset"] == {"word": "DELIVERED.final", "code": None}
    assert SIMULATOR.message_id(ledger["messages"][0]) == ID
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


@pytest.mark.parametrize(
    ("to", "script", "words"),
    [
        (TO, {"reports": "UNREACHABLE UNREACHABLE.final", "order": "reversed"}, ["UNREACHABLE.final", "UNREACHABLE"]),
        (number("silent"), None, []),
        (
            number("shuffled"),
            None,
            [*3 * ["CARRIER_UNREACHABLE", "DELIVERED.final", "PENDING", "QUEUED", "SUCCESSFUL"]],
        ),
        (number("forged"), None, ["PENDING", "UNREACHABLE", "UNREACHABLE.final"]),  # a forged event is never published
    ],
)
def test_events_are_reversed_dropped_doubled_and_shuffled(
    aws: Simulator, receiver: Receiver, to: str, script: object, words: list[str]
) -> None:
    if script:
        aws.script(to, script)

    send(aws, to)
    aws.idle(taken=1)

    published = [each.word for each in reports(receiver)]
    assert (published if script else sorted(published)) == (words if script else sorted(words))


def test_botocore_by_default_repeats_a_request_whose_answer_is_lost(
    aws: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why the adapter does not use it: each repetition is one more message."""
    # Found in AWS's guides
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
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
        ({"DestinationPhoneNumber": None}, "DestinationPhoneNumber"),
        ({"DestinationPhoneNumber": "0612345678"}, "DestinationPhoneNumber"),
        *(({"MessageBody": text}, "MessageBody") for text in ("x" * 1601, " ")),
        *(({"TimeToLive": seconds}, "TimeToLive") for seconds in (4, "60", 259201)),
        ({"MessageType": "SPAM"}, "MessageType"),
        ({"OriginationIdentity": "My Shop"}, "OriginationIdentity"),
        *(({"Context": context}, "Context") for context in ({"a b": "c"}, {str(n): "c" for n in range(6)}, {"a": 1})),
        ({"Colour": "red"}, "Colour"),
    ],
)
def test_what_the_model_does_not_allow_is_refused_by_its_name(content: dict[str, Any], field: str) -> None:
    given = {"DestinationPhoneNumber": TO, "MessageBody": "x", **content}

    assert next(invalid_parameters({name: each for name, each in given.items() if each is not None})) == field


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic x"}])
def test_an_unsigned_request_is_refused(aws: Simulator, headers: dict[str, str]) -> None:
    answer = aws.http.post("/", json={"DestinationPhoneNumber": TO, "MessageBody": "x"}, headers=headers)

    assert (answer.status_code, answer.json()["__type"]) == (400, "MissingAuthenticationTokenException")


def test_a_signature_for_another_region_and_another_operation_are_refused(aws: Simulator) -> None:
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        sms(aws, region="eu-west-1").send_text_message(DestinationPhoneNumber=TO, MessageBody="Hallo")
    with pytest.raises(ClientError, match="UnknownOperationException"):
        sms(aws).describe_phone_numbers()


def test_aws_own_numbers_succeed_or_fail_whatever_their_digits_and_the_docs_list_them(aws: Simulator) -> None:
    for to in SIMULATOR_NUMBERS:
        send(aws, to)
    ledger = aws.idle(taken=len(SIMULATOR_NUMBERS))

    assert {each["to"]: each["handset"]["word"] for each in ledger["messages"]} == {
        to: script.reports[-1].word for to, script in SIMULATOR_NUMBERS.items()
    }
    assert [to for to in SIMULATOR_NUMBERS if to not in DOC.read_text(encoding="utf-8")] == []


def test_without_a_topic_there_are_no_events(aws: Simulator, receiver: Receiver) -> None:
    aws.settings(aws_url="", topic_arn="")

    send(aws)

    assert aws.idle(taken=1)["messages"][0]["callbacks"] == []
    assert receiver.requests == []

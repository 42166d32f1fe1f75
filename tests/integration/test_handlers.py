"""Every function on every sample of events/: imported as Lambda does at a cold start, with AWS in memory behind it."""

from __future__ import annotations

import base64
import importlib.util
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from types_boto3_dynamodb import DynamoDBClient
from types_boto3_events import EventBridgeClient
from types_boto3_sns import SNSClient
from types_boto3_sqs import SQSClient
from types_boto3_ssm import SSMClient

from ops.keys import item_key
from sms_tracker.aws.clients import client
from sms_tracker.aws.items import from_item, to_item
from sms_tracker.config import VARIABLES
from sms_tracker.domain.errors import Misconfigured, Unavailable
from sms_tracker.domain.record import Record
from sms_tracker.domain.status import Status
from tests import tables
from tests.factories import MESSAGE_ID, record

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
SAMPLES = sorted(path.stem for path in (ROOT / "events").glob("*.json"))

API_KEY = "smst_example-key-for-samples-not-a-secret-00000000"
SECRETS = {
    "service": {"hmac_key": base64.b64encode(b"example-service-key-not-a-secret").decode()},
    "twilio": {"account_sid": "AC00000000000000000000000000000001", "auth_token": "example-primary-auth-token"},
    "messagebird": {
        "access_key": "example-access-key-not-a-secret",
        "signing_key": "example-signing-key-of-messagebird-not-a-secret",
    },
}
NUMBERS_AND_TEXTS = ("31612345678", "32470123456", "15551234567", "parcel", "My Shop")
PRIVATE = (*NUMBERS_AND_TEXTS, "not-a-secret", "example-primary-auth-token", SECRETS["service"]["hmac_key"])
"""Parts of every number, text and secret that the samples and the settings hold."""
BIRD_MESSAGE = "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa"
BIRD_ID = "e8077d803532c0b5937c639b60216938"
SID = "SM" + "0" * 29 + "a01"


class _Aws:
    """The tests' own clients, made once: moto stands behind whichever are used while it is there."""

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return client("dynamodb")

    @cached_property
    def sqs(self) -> SQSClient:
        return client("sqs")

    @cached_property
    def ssm(self) -> SSMClient:
        return client("ssm")

    @cached_property
    def sns(self) -> SNSClient:
        return client("sns")

    @cached_property
    def events(self) -> EventBridgeClient:
        return client("events")


AWS = _Aws()


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return read


def function_of(name: str) -> str:
    """``send-idempotent`` is one of send's; /health is one of query's routes."""
    return "query" if name == "health" else name.split("-", maxsplit=1)[0]


class _Provider(BaseHTTPRequestHandler):
    """Both providers' create calls, always taken."""

    def do_POST(self) -> None:  # as the base class names it
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((self.path, body.decode()))  # type: ignore[attr-defined]  # set by the fixture
        item = {"recipient": 32470123456, "status": "sent", "statusDatetime": "2026-01-31T12:00:00+00:00"}
        answer = (
            {"id": BIRD_ID, "recipients": {"items": [item]}}
            if self.path == "/messages"
            else {"sid": SID, "status": "queued"}
        )
        encoded = json.dumps(answer).encode()
        self.send_response(201)
        self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Say nothing: what is on stdout is the function's own."""


@dataclass
class Provider:
    """A provider's API on this machine, and what it was asked to send."""

    url: str
    taken: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as server:
        running = Provider(f"http://127.0.0.1:{server.server_port}")
        server.taken = running.taken  # type: ignore[attr-defined]  # read by the handler
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Cloud:
    """What a deployed stack has, in memory, with two messages and a key in it."""

    queues: Mapping[str, str]
    topic_inbox: str
    bus_inbox: str

    def record(self, message_id: str) -> Record:
        return from_item(AWS.dynamodb.get_item(TableName="messages", Key={"message_id": {"S": message_id}})["Item"])

    def bodies(self, url: str) -> list[str]:
        """All that is in a queue, delayed ones not."""
        found = AWS.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]


@pytest.fixture
def cloud(aws: None, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Cloud:  # noqa: ARG001  # moto is behind
    tables.create(AWS.dynamodb, "MessagesTable", "messages")
    tables.create(AWS.dynamodb, "StateTable", "state")
    bird = record(message_id=BIRD_MESSAGE, to="+32470123456", reference="order-43")
    for each in (record(), bird):
        AWS.dynamodb.put_item(TableName="messages", Item=to_item(each))
    put_key()
    for name, document in SECRETS.items():
        value = json.dumps(document if name == "service" else {**document, "api_url": provider.url})
        AWS.ssm.put_parameter(Name=f"/stack/secrets/{name}", Value=value, Type="SecureString")
    AWS.ssm.put_parameter(Name="/stack/public-base-urls", Value="https://sms.example.com", Type="String")
    names = ("reports", "reports-dlq", "unmatched", "publish-failed", "topic-inbox", "bus-inbox")
    queues = {name: AWS.sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
    arns = {
        name: AWS.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        for name, url in queues.items()
    }
    topic = AWS.sns.create_topic(Name="alerts")["TopicArn"]
    AWS.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns["topic-inbox"])
    AWS.events.create_event_bus(Name="bus")
    AWS.events.put_rule(Name="all", EventBusName="bus", EventPattern='{"source": ["sms-tracker"]}')
    AWS.events.put_targets(Rule="all", EventBusName="bus", Targets=[{"Id": "inbox", "Arn": arns["bus-inbox"]}])
    for name, value in environment(queues, topic).items():
        monkeypatch.setenv(name, value)
    return Cloud(queues=queues, topic_inbox=queues["topic-inbox"], bus_inbox=queues["bus-inbox"])


def put_key(**attributes: Any) -> None:
    """The samples' key, as the state table keeps it."""
    item = {"pk": {"S": item_key(API_KEY)}, "client": {"S": "shop"}, "scopes": {"SS": ["read", "send"]}, **attributes}
    AWS.dynamodb.put_item(TableName="state", Item=item)


def environment(queues: Mapping[str, str], topic: str) -> dict[str, str]:
    return {
        "MESSAGES_TABLE": "messages",
        "STATE_TABLE": "state",
        "SETTINGS_PREFIX": "/stack",
        "PROVIDERS": "twilio,messagebird",
        "DEFAULT_PROVIDER": "twilio",
        "SENDERS": "twilio=+15551234567,messagebird=",
        "VERIFICATION": "twilio=signature,messagebird=signature",
        "ALLOWED_COUNTRIES": "*",
        "TEXT_RETENTION": "none",
        "RETENTION_DAYS": "90",
        "CLAIM_SECONDS": "33",
        "KEEP_RAW_REPORTS": "false",
        "REPORTS_QUEUE_URL": queues["reports"],
        "UNMATCHED_QUEUE_URL": queues["unmatched"],
        "REPORTS_DLQ_URL": queues["reports-dlq"],
        "EVENT_BUS_NAME": "bus",
        "PUBLISHED_STATUSES": "canceled,expired,failed,undelivered,unknown,corrections",
        "PUBLISH_FAILED_QUEUE_URL": queues["publish-failed"],
        "EVENT_PERSONAL_DATA": "false",
        "ALERTS_TOPIC_ARN": topic,
        "POWERTOOLS_METRICS_NAMESPACE": "SmsTracker",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
    }


Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]


def cold_start(function: str) -> Handler:
    """The handler of a module that was never imported before, its logger on the stdout of this test."""
    os.environ["POWERTOOLS_SERVICE_NAME"] = function
    logging.Logger.manager.loggerDict.pop(function, None)
    spec = importlib.util.spec_from_file_location(f"{function}_app", ROOT / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    handler: Handler = app.handler
    return handler


@dataclass(frozen=True)
class Invoked:
    """What a function answered, what it logged about it and what it counted."""

    answer: dict[str, Any]
    line: Mapping[str, Any]
    metrics: Mapping[str, Any]


Invoke = Callable[[str, Mapping[str, Any]], Invoked]


@pytest.fixture
def invoke(cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Invoke:  # noqa: ARG001  # AWS is behind
    """Run one event through a function: its one line and its metrics, and nothing private in either, for every test."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "")
    started: dict[str, Handler] = {}

    def run(function: str, event: Mapping[str, Any]) -> Invoked:
        handler = started.get(function) or started.setdefault(function, cold_start(function))
        capsys.readouterr()
        answer = handler(event, object())
        told = capsys.readouterr()
        assert told.err == ""
        assert [private for private in PRIVATE if private in told.out] == []
        lines = [json.loads(line) for line in told.out.splitlines()]
        (line,) = (each for each in lines if "_aws" not in each)
        counted = [each for each in lines if "_aws" in each]
        assert line["decision"]
        assert line["service"] == function
        assert len(counted) == (0 if function == "query" else 1)
        return Invoked(answer, line, counted[0] if counted else {})

    return run


EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "send": {"statusCode": 202},
    "send-idempotent": {"statusCode": 202},
    "webhook-twilio": {"statusCode": 204},
    "webhook-messagebird": {"statusCode": 200},
    "processor": {"batchItemFailures": []},
    "publisher": {"batchItemFailures": []},
    "digest": {"batchItemFailures": []},
    "query-message": {"statusCode": 200},
    "query-list": {"statusCode": 200},
    "health": {"statusCode": 200},
    "authorizer": {"isAuthorized": True},
}


def test_every_function_has_a_sample_and_every_sample_a_function_and_an_expectation() -> None:
    assert {function_of(name) for name in SAMPLES} == set(FUNCTIONS)
    assert set(SAMPLES) == EXPECTED.keys()
    assert set(FUNCTIONS) == VARIABLES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_answered_as_expected(invoke: Invoke, name: str) -> None:
    answer = invoke(function_of(name), sample(name)).answer

    assert {key: answer[key] for key in EXPECTED[name]} == EXPECTED[name]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_without_its_variables_does_not_start_and_names_them_in_one_line(
    function: str, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cloud
    for name in VARIABLES[function]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "")

    with pytest.raises(Misconfigured) as caught:
        cold_start(function)

    assert str(caught.value) == f"missing or malformed settings: {', '.join(sorted(VARIABLES[function]))}"


def test_a_message_is_recorded_handed_to_its_provider_and_answered(
    invoke: Invoke, cloud: Cloud, provider: Provider
) -> None:
    sent = invoke("send", sample("send"))
    body = json.loads(sent.answer["body"])

    ((path, form),) = provider.taken
    assert path.startswith("/2010-04-01/Accounts/")
    assert f"message_id%3D{body['message_id']}" in form
    assert cloud.record(body["message_id"]).state.provider_message_id == SID == body["provider_message_id"]
    assert sent.answer["headers"]["location"] == f"/messages/{body['message_id']}"
    assert sent.line["message_id"] == body["message_id"]
    assert (sent.line["decision"], sent.metrics["decision"], sent.metrics["Sends"]) == ("accepted", "accepted", [1.0])


def test_the_same_key_sends_once(invoke: Invoke, provider: Provider) -> None:
    first = invoke("send", sample("send-idempotent"))
    again = invoke("send", sample("send-idempotent"))

    assert len(provider.taken) == 1
    assert first.answer["body"] == again.answer["body"]
    assert again.line["decision"] == "replayed"


def test_a_wrong_message_is_a_problem_and_goes_nowhere(invoke: Invoke, provider: Provider) -> None:
    wrong: list[dict[str, Any]] = [
        {"body": "no JSON"},
        {"body": None},
        {"body": json.dumps({"to": "+31612345678", "body": "Your parcel", "color": "red"})},
        {"body": "eyJ0byI6ICIifQ==", "isBase64Encoded": True},
        {"headers": {"idempotency-key": "two words"}},
    ]
    for changes in wrong:
        answer = invoke("send", {**sample("send"), **changes}).answer

        assert answer["statusCode"] == 400, changes
        assert answer["headers"]["content-type"] == "application/problem+json"
        assert json.loads(answer["body"])["errors"]
    assert provider.taken == []


@pytest.mark.parametrize(
    ("name", "message_id", "word"),
    [("webhook-twilio", MESSAGE_ID, "undelivered"), ("webhook-messagebird", BIRD_MESSAGE, "delivered")],
)
def test_a_signed_report_is_queued_with_its_raw_fields(
    invoke: Invoke, cloud: Cloud, name: str, message_id: str, word: str
) -> None:
    received = invoke("webhook", sample(name))

    (body,) = map(json.loads, cloud.bodies(cloud.queues["reports"]))
    assert (body["v"], body["message_id"], body["attempt"]) == (1, message_id, 1)
    assert word in body["fields"].values()
    assert "message_id" not in body["fields"]
    assert received.line["message_id"] == message_id
    assert (received.line["decision"], received.metrics["ReportsReceived"]) == ("queued", [1.0])


def test_what_nobody_vouches_for_is_refused_and_never_queued(invoke: Invoke, cloud: Cloud) -> None:
    other_message = "message_id=00000000-0000-4000-8000-000000000000&attempt=1"
    refused: list[tuple[dict[str, Any], int, str]] = [
        ({"rawQueryString": other_message}, 403, "refused-signature"),
        ({"headers": {}}, 403, "refused-signature"),
        ({"body": None}, 403, "refused-signature"),
        ({"body": base64.b64encode(b"MessageStatus=delivered").decode()}, 403, "refused-signature"),
        ({"body": "not base64!"}, 400, "unreadable"),
        ({"body": base64.b64encode(b"x" * 65_537).decode()}, 413, "too-large"),
        ({"pathParameters": {"provider": "carrier-pigeon"}}, 404, "unknown-provider"),
        ({"pathParameters": {}}, 404, "unknown-provider"),
        ({"pathParameters": {"provider": "+31612345678"}}, 404, "unknown-provider"),
    ]
    for changes, status, decision in refused:
        received = invoke("webhook", {**sample("webhook-twilio"), **changes})

        assert (received.answer["statusCode"], received.line["decision"]) == (status, decision), changes
    assert cloud.bodies(cloud.queues["reports"]) == []


def test_a_report_that_the_queue_does_not_take_is_not_acknowledged(invoke: Invoke, cloud: Cloud) -> None:
    AWS.sqs.delete_queue(QueueUrl=cloud.queues["reports"])

    received = invoke("webhook", sample("webhook-twilio"))

    assert (received.answer["statusCode"], received.line["level"]) == (503, "ERROR")


def test_queued_reports_reach_their_records_and_the_others_a_queue(invoke: Invoke, cloud: Cloud) -> None:
    handled = invoke("processor", sample("processor"))

    states = {message_id: cloud.record(message_id) for message_id in (MESSAGE_ID, BIRD_MESSAGE)}
    assert states[MESSAGE_ID].state.status is Status.UNDELIVERED
    assert (states[MESSAGE_ID].version, len(states[MESSAGE_ID].reports)) == (2, 2)  # one write for both
    assert states[BIRD_MESSAGE].state.status is Status.DELIVERED
    (unmatched,) = cloud.bodies(cloud.queues["unmatched"])
    assert json.loads(unmatched)["fields"]["MessageSid"].endswith("a02")
    assert cloud.bodies(cloud.queues["reports-dlq"]) == ["not an envelope"]
    assert sorted(each["decision"] for each in handled.line["messages"]) == [
        "applied", "applied", "dead", "deferred", "unmatched",
    ]  # fmt: skip
    assert handled.metrics["ReportsReadFromQueue"] == [6.0]


def test_a_batch_whose_table_is_gone_comes_again_but_for_what_could_never_work(invoke: Invoke) -> None:
    AWS.dynamodb.delete_table(TableName="messages")

    handled = invoke("processor", sample("processor"))

    ids = [record["messageId"] for record in sample("processor")["Records"]]
    failed = {failure["itemIdentifier"] for failure in handled.answer["batchItemFailures"]}
    assert failed == set(ids[:-1])
    assert handled.line["decision"] == "failed-in-part"


def test_stored_changes_become_events_without_personal_data(invoke: Invoke, cloud: Cloud) -> None:
    published = invoke("publisher", sample("publisher"))

    events = [json.loads(body)["detail"] for body in cloud.bodies(cloud.bus_inbox)]
    assert sorted((event["previous_status"], event["status"], event["version"]) for event in events) == [
        ("sent", "undelivered", 3),
        ("undelivered", "delivered", 4),
    ]
    assert not [private for private in PRIVATE if private in json.dumps(events)]
    assert published.metrics["EventsPublished"] == [2.0]


def test_a_change_that_cannot_be_read_is_put_aside_and_the_rest_published(invoke: Invoke, cloud: Cloud) -> None:
    event = sample("publisher")
    del event["Records"][2]["dynamodb"]["NewImage"]["status"]

    published = invoke("publisher", event)

    assert published.answer == {"batchItemFailures": []}
    assert (published.line["published"], published.line["broken"]) == (1, 1)
    assert len(cloud.bodies(cloud.queues["publish-failed"])) == 1


def test_failures_become_one_notification(invoke: Invoke, cloud: Cloud) -> None:
    told = invoke("digest", sample("digest"))

    (notification,) = map(json.loads, cloud.bodies(cloud.topic_inbox))
    assert notification["Subject"] == "sms-tracker: 1 message not delivered"  # the samples are all of one message
    assert (told.line["failures"], told.line["unreadable"]) == (1, 0)


def test_a_failure_that_cannot_be_read_is_the_only_one_to_come_again(invoke: Invoke) -> None:
    event = sample("digest")
    event["Records"][0]["body"] = "?"

    told = invoke("digest", event)

    assert told.answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


def test_a_client_reads_its_message_and_its_list(invoke: Invoke) -> None:
    one = invoke("query", sample("query-message"))
    many = invoke("query", sample("query-list"))

    shown = json.loads(one.answer["body"])
    assert (shown["message_id"], shown["to"]) == (MESSAGE_ID, "+31612345678")
    assert json.loads(many.answer["body"]) == {"messages": [shown], "cursor": None}
    assert (one.line["decision"], many.line["decision"]) == ("found", "listed")


def test_any_query_is_answered_and_nothing_of_it_logged(invoke: Invoke) -> None:
    for query, status in {
        "limit=0": 400,
        "limit=": 400,
        "status=lost&since=x&until=y&cursor=z&surprise": 400,
        "to=%2B31612345678&reference=%FF%00": 200,
        "reference=" + "x" * 3000: 400,
        "%00=%00": 400,
        "": 200,
    }.items():
        answered = invoke("query", {**sample("query-list"), "rawQueryString": query})

        assert answered.answer["statusCode"] == status, query


@pytest.mark.parametrize("name", ["query-message", "query-list", "send"])
def test_a_key_without_the_scope_is_told_which_one_it_lacks(invoke: Invoke, name: str) -> None:
    event = sample(name)
    event["requestContext"]["authorizer"]["lambda"]["scopes"] = "other"

    answered = invoke(function_of(name), event)

    assert (answered.answer["statusCode"], answered.line["decision"]) == (403, "scope-missing")


@pytest.mark.parametrize("name", ["query-message", "query-list"])
def test_a_table_that_is_gone_is_503_and_why_is_in_the_log(invoke: Invoke, name: str) -> None:
    AWS.dynamodb.delete_table(TableName="messages")

    answered = invoke("query", sample(name))

    assert answered.answer["statusCode"] == 503
    assert "ResourceNotFoundException" not in answered.answer["body"]
    assert "ResourceNotFoundException" in str(answered.line["warnings"])


def test_health_needs_no_key_and_says_what_does_not_answer(invoke: Invoke, cloud: Cloud) -> None:
    AWS.sqs.delete_queue(QueueUrl=cloud.queues["reports"])

    answered = invoke("query", sample("health"))
    body = json.loads(answered.answer["body"])

    assert answered.answer["statusCode"] == 503
    assert (body["table"], body["queue"]) == ("ok", "unavailable")


def test_a_key_is_identified_with_its_client_and_scopes(invoke: Invoke) -> None:
    identified = invoke("authorizer", sample("authorizer"))

    assert identified.answer == {"isAuthorized": True, "context": {"client": "shop", "scopes": "read send"}}
    assert (identified.line["decision"], identified.line["client"]) == ("identified", "shop")
    assert identified.metrics["KeysIdentified"] == [1.0]


def test_a_missing_or_unknown_key_is_denied(invoke: Invoke) -> None:
    for headers in (
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer  "},
        {"authorization": API_KEY},
        {"authorization": f"Basic {API_KEY}"},
        {"authorization": f"Bearer {API_KEY}x"},
        {"authorization": f"Bearer {API_KEY}, Bearer {API_KEY}"},
        {"authorization": "Bearer ünï\udcff\x00"},
        {"x-api-key": API_KEY},
    ):
        refused = invoke("authorizer", {**sample("authorizer"), "headers": headers})

        assert refused.answer == {"isAuthorized": False}, headers
        assert (refused.line["decision"], refused.metrics["KeysRefused"]) == ("unknown-key", [1.0])


def test_the_scheme_may_be_written_in_any_case(invoke: Invoke) -> None:
    event = {**sample("authorizer"), "headers": {"authorization": f"bearer {API_KEY}"}}

    assert invoke("authorizer", event).answer["isAuthorized"] is True


@pytest.mark.parametrize(("expires_at", "authorized"), [("1", False), ("4102444800", True)])
def test_a_key_is_good_until_it_expires(invoke: Invoke, expires_at: str, *, authorized: bool) -> None:
    put_key(expires_at={"N": expires_at})

    assert invoke("authorizer", sample("authorizer")).answer["isAuthorized"] is authorized


@pytest.mark.parametrize("function", ["authorizer", "digest", "publisher"])
def test_what_cannot_be_done_now_fails_loudly_with_one_line_of_its_own(
    function: str, invoke: Invoke, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    event = sample(function)
    if function == "publisher":  # a change that cannot be read, and nowhere to put it aside
        del event["Records"][2]["dynamodb"]["NewImage"]["status"]
        AWS.sqs.delete_queue(QueueUrl=cloud.queues["publish-failed"])
    AWS.dynamodb.delete_table(TableName="state")
    AWS.sns.delete_topic(TopicArn=os.environ["ALERTS_TOPIC_ARN"])

    with pytest.raises(Unavailable):
        invoke(function, event)

    told = capsys.readouterr().out
    (line,) = (each for each in map(json.loads, told.splitlines()) if "_aws" not in each)
    assert (line["level"], line["decision"] in {"unavailable", "not-told"}) == ("ERROR", True)
    assert [private for private in PRIVATE if private in told] == []

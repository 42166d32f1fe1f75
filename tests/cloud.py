"""A deployed stack in memory: AWS on moto, a provider's API on this machine, functions started as by Lambda."""

from __future__ import annotations

import base64
import importlib.util
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

from types_boto3_dynamodb import DynamoDBClient
from types_boto3_events import EventBridgeClient
from types_boto3_sns import SNSClient
from types_boto3_sqs import SQSClient
from types_boto3_ssm import SSMClient

from sms_tracker.aws.clients import calling, client
from sms_tracker.aws.gateway import key_id
from sms_tracker.aws.items import from_item, to_item
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import Status
from sms_tracker.services.track import track
from tests import tables
from tests.factories import record, report

ROOT = Path(__file__).parents[1]
API_KEY = "smst_example-key-for-samples-not-a-secret-00000000"
SECRETS = {
    "service": {"hmac_key": base64.b64encode(b"example-service-key-not-a-secret").decode()},
    "twilio": {"account_sid": "AC00000000000000000000000000000001", "auth_token": "example-primary-auth-token"},
    "messagebird": {
        "access_key": "example-access-key-not-a-secret",
        "signing_key": "example-signing-key-of-messagebird-not-a-secret",
    },
    "aws": {"sms_region": "eu-west-1", "configuration_set": "stack-sms"},
}
NUMBERS_AND_TEXTS = ("31612345678", "32470123456", "15551234567", "parcel", "My Shop")
PRIVATE = (*NUMBERS_AND_TEXTS, "not-a-secret", "example-primary-auth-token", SECRETS["service"]["hmac_key"])
"""Parts of every number, text and secret in the samples and settings."""
BIRD_MESSAGE = "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa"
BIRD_ID = "e8077d803532c0b5937c639b60216938"
SID = "SM" + "0" * 29 + "a01"


class _Aws:
    """The tests' AWS clients, created once; moto intercepts their calls while it is active."""

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


class _Provider(BaseHTTPRequestHandler):
    """Both providers' create calls, taken or refused by the test's choice."""

    def do_POST(self) -> None:  # as the base class names it
        running: Provider = self.server.running  # type: ignore[attr-defined]  # set by the fixture
        body = self.rfile.read(int(self.headers["content-length"]))
        running.taken.append((self.path, body.decode()))
        item = {"recipient": 32470123456, "status": "sent", "statusDatetime": "2026-01-31T12:00:00+00:00"}
        answer = (
            {"id": BIRD_ID, "recipients": {"items": [item]}}
            if self.path == "/messages"
            else {"sid": SID, "status": "queued"}
        )
        encoded = json.dumps(running.refusal or answer).encode()
        self.send_response(400 if running.refusal else 201)
        self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Log nothing: standard output belongs to the function."""


@dataclass
class Provider:
    """A provider's API on this machine; ``taken`` are its requests to send."""

    url: str
    taken: list[tuple[str, str]] = field(default_factory=list)
    refusal: Mapping[str, object] | None = None


@contextmanager
def serving() -> Iterator[Provider]:
    """A running provider's API."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as server:
        running = Provider(f"http://127.0.0.1:{server.server_port}")
        server.running = running  # type: ignore[attr-defined]  # read by the handler
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Cloud:
    """The stack's state for assertions; ``queues`` are URLs by name."""

    queues: Mapping[str, str]

    def record(self, message_id: str) -> Record:
        return from_item(AWS.dynamodb.get_item(TableName="messages", Key={"message_id": {"S": message_id}})["Item"])

    def bodies(self, name: str) -> list[str]:
        """The bodies in a queue, without delayed ones."""
        found = AWS.sqs.receive_message(QueueUrl=self.queues[name], MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]


def deploy(provider: Provider) -> tuple[Cloud, dict[str, str]]:
    """The stack and the variables of its functions, with two messages and a key in it."""
    tables.create_both(AWS.dynamodb)
    for each in (record(), record(message_id=BIRD_MESSAGE, to="+32470123456", reference="order-43")):
        AWS.dynamodb.put_item(TableName="messages", Item=to_item(each))
    put_key()
    _put_settings(provider)
    names = (
        *("reports", "reports-dlq", "inbound", "inbound-dlq", "unmatched", "publish-failed"),
        *("topic-inbox", "bus-inbox"),
    )
    queues = {name: AWS.sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
    topic = AWS.sns.create_topic(Name="alerts")["TopicArn"]
    AWS.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_arn(queues["topic-inbox"]))
    AWS.events.create_event_bus(Name="bus")
    AWS.events.put_rule(Name="all", EventBusName="bus", EventPattern='{"source": ["sms-tracker"]}')
    inbox = _arn(queues["bus-inbox"])
    AWS.events.put_targets(Rule="all", EventBusName="bus", Targets=[{"Id": "inbox", "Arn": inbox}])
    return Cloud(queues=queues), environment(queues, topic)


def _put_settings(provider: Provider) -> None:
    for name, document in SECRETS.items():
        value = json.dumps(document if name == "service" else {**document, "api_url": provider.url})
        AWS.ssm.put_parameter(Name=f"/stack/secrets/{name}", Value=value, Type="SecureString")
    AWS.ssm.put_parameter(Name="/stack/public-base-urls", Value="https://sms.example.com", Type="String")


def _arn(queue_url: str) -> str:
    return AWS.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def put_key(**attributes: Any) -> None:
    """Store the samples' key in the state table."""
    item = {"pk": {"S": key_id(API_KEY)}, "client": {"S": "shop"}, "scopes": {"SS": ["read", "send"]}, **attributes}
    AWS.dynamodb.put_item(TableName="state", Item=item)


def put_answered(
    ago: timedelta, status: Status = Status.ACCEPTED, source: Source = Source.ANSWER, *, number: int = 0, sid: str = ""
) -> tuple[str, Mapping[str, Any]]:
    """Store a message of some time ago with its provider's answer: its id, and what every report on it shares."""
    created, store = timestamp(datetime.now(UTC) - ago), MessageStore(calling(AWS.dynamodb), "messages")
    state = initial_state(attempt=1, at=created, provider="twilio")
    made = record(message_id=str(UUID(int=number)), state=state, created_at=created, updated_at=created, reference=None)
    store.put(made)
    known = {"provider_message_id": sid or f"SM{number:032x}", "received": created}
    answered = report(status, source=source, **known)
    track(store, made.message_id, [answered], now=created, phase=SendPhase.ANSWERED)
    return made.message_id, known


def environment(queues: Mapping[str, str], topic: str) -> dict[str, str]:
    return {
        "MESSAGES_TABLE": "messages",
        "STATE_TABLE": "state",
        "SETTINGS_PREFIX": "/stack",
        "PROVIDERS": "twilio,messagebird,aws",
        "DEFAULT_PROVIDER": "twilio",
        "SENDERS": "twilio=+15551234567,messagebird=",
        "VERIFICATION": "twilio=signature,messagebird=signature",
        "QUEUE_SENDING": "true",
        "ALLOWED_COUNTRIES": "*",
        "TEXT_RETENTION": "none",
        "RETENTION_DAYS": "90",
        "CLAIM_SECONDS": "33",
        "OPT_OUT_SCOPE": "sender",
        "INBOUND_QUEUE_URL": queues["inbound"],
        "INBOUND_DLQ_URL": queues["inbound-dlq"],
        "KEEP_RAW_REPORTS": "false",
        "REPORTS_QUEUE_URL": queues["reports"],
        "RECONCILE_AFTER_SECONDS": "600",
        "UNKNOWN_AFTER_SECONDS": "10800",  # a first run scans back so far
        "NOT_SENT_AFTER_SECONDS": "900",
        "LOOK_AGAIN_AFTER_SECONDS": "3600",
        "TRACKING_OBJECTIVE": "99",
        "LOOKUPS_PER_SECOND": "1000",
        "LOOKUPS_PER_RUN": "1000",
        "PRICE_LOOKUP": "all",
        "RUN_SECONDS": "300",  # a slow machine is no reason to stop
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
    """The handler of a freshly imported module, with its logger on this test's standard output."""
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
    """A function's answer, its log line, its metrics, and its other log lines."""

    answer: dict[str, Any]
    line: Mapping[str, Any]
    metrics: Mapping[str, Any]
    apart: Sequence[Mapping[str, Any]] = ()


Invoke = Callable[[str, Mapping[str, Any]], Invoked]
"""Invoke a function, named as its folder, with one event."""


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return read

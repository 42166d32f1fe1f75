"""The stacks of examples/consumers beside the running service: a failure and its correction reach each of them.

The local CloudFormation lacks archives, connections, API destinations and bus policies: these are created by API, with
the properties of the templates.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import httpx
import pytest

from local import deploy, observe
from local.clients import REGION, ROOT_KEY
from local.process import ROOT
from local.stack import NAME, Stack
from local.template import load
from tests.e2e import watch
from tests.e2e.provider import callback, report_fields, signed, silent, tell
from tests.unit.template_stack import CONSUMERS, consumer
from tests.unit.template_stack import stack as resolved

TABLES = ("queue", "function", "account")
"""Consumers that store; ``account`` is ``queue`` again, on the bus to which the events are forwarded."""
ACCOUNT = "000000000000"
SAMPLES = sorted((ROOT / "events" / "published").glob("*.json"))


class _Taking(BaseHTTPRequestHandler):
    """A consumer's address, which takes every event."""

    def do_POST(self) -> None:  # as the base class names it
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.taken.append((self.headers["authorization"], body))  # type: ignore[attr-defined]  # set below
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def address() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """An address, and the requests that it took: header and body."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Taking) as server:
        server.taken = []  # type: ignore[attr-defined]  # read by the handler
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", server.taken  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Consumers:
    """The consumers' stacks by name with their outputs, the mails, the requests, and the archive's ARN."""

    outputs: Mapping[str, Mapping[str, str]]
    mails: observe.Queue
    requests: list[tuple[str, dict[str, Any]]]
    archive: str
    tables: Any = field(repr=False)

    def stored(self, name: str, message_id: str) -> dict[str, Any] | None:
        table = self.tables.Table(self.outputs[name]["TableName"])
        found: dict[str, Any] | None = table.get_item(Key={"message_id": message_id}, ConsistentRead=True).get("Item")
        return found

    def store(self, message_id: str, status: str) -> list[dict[str, Any]]:
        """Each consumer's item of the message, once it has that status."""

        def look() -> list[dict[str, Any]] | None:
            items = [item for name in TABLES if (item := self.stored(name, message_id)) and item["status"] == status]
            return items if len(items) == len(TABLES) else None

        return watch.eventually(look, f"not every consumer has {message_id} as {status}")

    def requested(self, message_id: str, count: int) -> list[tuple[str, dict[str, Any]]]:
        """The requests about the message, once there are that many."""

        def look() -> list[tuple[str, dict[str, Any]]] | None:
            about = [each for each in self.requests if each[1]["message_id"] == message_id]
            return about if len(about) >= count else None

        return watch.eventually(look, f"fewer than {count} requests about {message_id}")

    def mail(self, message_id: str) -> str:
        """The next mail about the message."""

        def about(texts: list[str]) -> list[str]:
            return [text for text in texts if message_id in text]

        return about(watch.collected(self.mails, about, f"no mail about {message_id}"))[0]


@pytest.fixture(scope="module")
def consumers(stack: Stack, api: httpx.Client) -> Iterator[Consumers]:  # noqa: ARG001  # the key is the client's
    outputs = dict(_deployed(stack))
    mails = observe.notifications(stack.clients, topic_arn=outputs["email"]["TopicArn"], name="mails")
    tables = boto3.resource(
        "dynamodb",
        endpoint_url=stack.clients.endpoint,
        region_name=REGION,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
    )
    with address() as (url, requests):
        _connect(stack, url)
        yield Consumers(outputs=outputs, mails=mails, requests=requests, archive=_archive(stack), tables=tables)
        stack.clients.events.remove_targets(Rule="http", EventBusName=NAME, Ids=["http"])
        stack.clients.events.delete_rule(Name="http", EventBusName=NAME)
    stack.clients.events.delete_archive(ArchiveName="consumers")
    for name in reversed(outputs):
        stack.clients.cloudformation.delete_stack(StackName=name)


def _deployed(stack: Stack) -> Iterator[tuple[str, dict[str, str]]]:
    """The stacks, by name; importers after what they import."""
    yield "queue", _create(stack, "queue", "queue")
    yield "function", _create(stack, "function", "function")
    yield "email", _create(stack, "email", "email", Email="shop@example.com")
    bus = _create(stack, "bus", "receiving-account", SendingAccount=ACCOUNT)
    stack.clients.events.put_permission(
        EventBusName="bus", StatementId="sms-tracker", Action="events:PutEvents", Principal=ACCOUNT
    )
    yield "bus", bus
    yield "forward", _create(stack, "forward", "sending-account", Client="e2e", ReceivingBusArn=bus["BusArn"])
    yield "account", _create(stack, "account", "queue", SmsTracker="bus")


def _create(stack: Stack, name: str, template: str, **parameters: str) -> dict[str, str]:
    written = load(CONSUMERS / f"{template}.yaml")
    kept = {
        each: declared
        for each, declared in written["Resources"].items()
        if declared["Type"] != "AWS::Events::EventBusPolicy"
    }
    deployed = deploy.deploy(
        stack.clients,
        {**written, "Resources": kept},
        root=CONSUMERS,
        name=name,
        parameters=parameters,
        progress=lambda _: None,
    )
    return dict(deployed.outputs)


def _connect(stack: Stack, url: str) -> None:
    """What http.yaml declares, by API."""
    events, declared = stack.clients.events, consumer("http", Url=url)
    connection = events.create_connection(Name="http", **declared.properties("Connection"))
    destination = events.create_api_destination(
        Name="http", **{**declared.properties("Destination"), "ConnectionArn": connection["ConnectionArn"]}
    )
    (target,) = declared.properties("Rule")["Targets"]
    pattern = json.dumps(declared.properties("Rule")["EventPattern"])
    events.put_rule(Name="http", EventBusName=NAME, EventPattern=pattern)
    target |= {"Arn": destination["ApiDestinationArn"], "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/http"}
    events.put_targets(Rule="http", EventBusName=NAME, Targets=[target])


def _archive(stack: Stack) -> str:
    """What template.yaml declares, by API, but only with failures: a replay of one can only do harm."""
    declared = resolved().only("AWS::Events::Archive").properties
    made = stack.clients.events.create_archive(
        ArchiveName="consumers",
        EventSourceArn=stack.deployment.outputs["BusArn"],
        RetentionDays=int(declared["RetentionDays"]),
        EventPattern='{"detail": {"outcome": ["failure"]}}',
    )
    return made["ArchiveArn"]


@dataclass(frozen=True)
class Course:
    """A message that failed and was delivered after all, as the consumers stored and received it at each time."""

    message_id: str
    failed: list[dict[str, Any]]
    corrected: list[dict[str, Any]]
    mails: tuple[str, str]
    requests: list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def course(stack: Stack, api: httpx.Client, consumers: Consumers) -> Course:
    sent = silent(api, "twilio")
    message_id = sent["message_id"]
    target = callback(stack.api_url, "twilio", message_id)

    def report(word: str, **more: str) -> None:
        fields = {**report_fields("twilio", sent["provider_message_id"], word), **more}
        assert tell(signed("twilio", target, fields)) == 204

    report("undelivered", ErrorCode="30003")
    failed, mail = consumers.store(message_id, "undelivered"), consumers.mail(message_id)
    report("delivered")
    return Course(
        message_id=message_id,
        failed=failed,
        corrected=consumers.store(message_id, "delivered"),
        mails=(mail, consumers.mail(message_id)),
        requests=consumers.requested(message_id, 2),
    )


def test_each_stack_stores_the_failure_with_its_explanation_and_then_the_correction(course: Course) -> None:
    for failed, corrected in zip(course.failed, course.corrected, strict=True):
        assert failed["failure"]["retryable"] is True
        assert failed["failure"]["meaning"] == "The handset was off or out of reach. Send again later."
        assert (corrected["outcome"], corrected["failure"]) == ("success", None)
        assert corrected["version"] > failed["version"]


def test_an_address_receives_both_with_the_connections_key(course: Course) -> None:
    key = "{{resolve:secretsmanager:sms-events-authorization}}"

    assert [authorization for authorization, _ in course.requests] == [key, key]
    assert {(body["status"], body["corrects"]) for _, body in course.requests} == {
        ("undelivered", None),
        ("delivered", "undelivered"),
    }


def test_a_mail_explains_the_failure_and_another_takes_it_back(course: Course) -> None:
    failed, corrected = course.mails

    assert "undelivered, previously accepted. The handset was off or out of reach. Send again later." in failed
    assert "sending again may help" in failed
    assert "delivered, previously undelivered." in corrected
    assert "<" not in failed + corrected  # every placeholder is replaced


def test_a_replayed_failure_does_not_undo_its_correction(course: Course, consumers: Consumers, stack: Stack) -> None:
    stack.clients.events.start_replay(
        ReplayName="again",
        EventSourceArn=consumers.archive,
        EventStartTime=datetime.now(UTC) - timedelta(hours=1),
        EventEndTime=datetime.now(UTC) + timedelta(hours=1),
        Destination={
            "Arn": stack.deployment.outputs["BusArn"],
            "FilterArns": [consumers.outputs["queue"]["RuleArn"]],
        },
    )
    replayed = consumers.requested(course.message_id, 3)  # the local replay reaches every rule

    watch.eventually(
        lambda: watch.held_at(stack, consumers.outputs["queue"]["QueueUrl"]) == 0, "replayed events are unhandled"
    )
    assert [body["status"] for _, body in replayed[2:]] == ["undelivered"]
    assert consumers.stored("queue", course.message_id) == course.corrected[0]


def test_concurrent_batches_of_one_message_leave_its_highest_version(consumers: Consumers, stack: Stack) -> None:
    sample = json.loads(SAMPLES[0].read_text())
    events = [{**sample, "detail": {**sample["detail"], "message_id": "race", "version": 1 + n}} for n in range(20)]
    resources = stack.clients.cloudformation.list_stack_resources(StackName="queue")["StackResourceSummaries"]
    (function,) = [each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "Function"]

    def invoke(seed: int) -> dict[str, Any]:
        shuffled = random.Random(seed).sample(events, len(events))
        records = [{"messageId": str(number), "body": json.dumps(each)} for number, each in enumerate(shuffled)]
        answer = stack.clients.functions.invoke(FunctionName=function, Payload=json.dumps({"Records": records}))
        return dict(json.loads(answer["Payload"].read()))

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(invoke, range(3))) == [{"batchItemFailures": []}] * 3
    stored = consumers.stored("queue", "race")
    assert stored is not None
    assert stored["version"] == len(events)


def test_a_record_that_the_function_cannot_read_ends_in_the_dead_letter_queue(
    consumers: Consumers, stack: Stack
) -> None:
    outputs, sqs = consumers.outputs["queue"], stack.clients.sqs
    sqs.set_queue_attributes(QueueUrl=outputs["QueueUrl"], Attributes={"VisibilityTimeout": "0"})
    sqs.send_message(QueueUrl=outputs["QueueUrl"], MessageBody="no event")

    def dead() -> list[str]:
        found = sqs.receive_message(QueueUrl=outputs["DeadLetterQueueUrl"], WaitTimeSeconds=5)
        return [message["Body"] for message in found.get("Messages", [])]

    assert watch.eventually(dead, "the dead-letter queue is empty") == ["no event"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_rule_keeps_every_sample_but_a_plain_delivery_and_what_nobody_confirms(sample: Any, stack: Stack) -> None:
    pattern = json.dumps(consumer("queue").properties("Rule")["EventPattern"])
    answer = stack.clients.events.test_event_pattern(EventPattern=pattern, Event=sample.read_text())

    assert answer["Result"] is (sample.stem not in {"delivered", "unconfirmed"})

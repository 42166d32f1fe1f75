"""One message's life, counted: AWS calls, reads, write units, item bytes, log bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from botocore import xform_name
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from bench.answers import BASE_URL, KEY
from bench.cpu import event
from bench.endpoint import Call, Endpoint
from bench.load.traffic import ONE_FAILS_IN, Request, Target, reports
from bench.report import Cell, Outcome, Plan, Table, progress
from bench.sandbox import FUNCTIONS, Sandbox, deployed, sandbox
from bench.units import Item, entry, index_units, item_size, write_units
from tests import tables
from tests.cloud import SECRETS, sample
from tests.unit.template_stack import source

MESSAGES, STATE = "MessagesTable", "StateTable"
INDEXES = source()["Resources"][MESSAGES]["Properties"]["GlobalSecondaryIndexes"]
REPORTS = 3
"""Twilio's usual reports, after the answer ``queued``: sending, sent, and delivered or undelivered."""
_TARGET = Target(url=BASE_URL, key="", accounts=SECRETS, to="+31612345678")
LOGS = {
    "INFO": {},
    "INFO, dashboard": {"Dashboard": "on"},
    "WARNING": {"LogLevel": "WARNING"},
    "WARNING, dashboard": {"LogLevel": "WARNING", "Dashboard": "on"},
}
"""Parameters that decide which lines and metrics the functions write."""
OVERHEAD = 100
"""Bytes that DynamoDB's storage adds to an item and to an index entry."""
LINE = 26
"""Bytes that CloudWatch adds to each log line."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation: calls of AWS and a provider, the message before and after each write, the log, the answer."""

    function: str
    calls: Sequence[Call]
    writes: Sequence[tuple[Item, Item]]
    log: str
    answer: Any


class Service:
    """Functions on tables of moto, warm after one message's life."""

    def __init__(self, endpoint: Endpoint, dynamodb: DynamoDBClient, sandboxes: Mapping[str, Sandbox]) -> None:
        self.endpoint, self.dynamodb, self.sandboxes = endpoint, dynamodb, sandboxes
        self._canned, endpoint.respond = endpoint.respond, self._respond
        self._writes: list[tuple[Item, Item]] = []
        self.empty()
        dynamodb.put_item(TableName=STATE, Item=KEY)
        self.life()

    def empty(self) -> None:
        """Create both tables, instead of earlier ones."""
        for name in self.dynamodb.list_tables()["TableNames"]:
            self.dynamodb.delete_table(TableName=name)
        for name in (MESSAGES, STATE):
            tables.create(self.dynamodb, name, name)

    def _respond(self, call: Call) -> Mapping[str, Any] | str:
        """DynamoDB's answer by moto, or another service's canned one."""
        if call.service != "DynamoDB":
            return self._canned(call)
        writes = call.body.get("TableName") == MESSAGES and call.operation in {"PutItem", "UpdateItem"}
        message_id = (call.body.get("Key") or call.body["Item"])["message_id"] if writes else {}
        before = self._message(message_id) if writes else {}
        answer = dict(getattr(self.dynamodb, xform_name(call.operation))(**call.body))
        if writes:
            self._writes.append((before, self._message(message_id)))
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def _message(self, message_id: Any) -> Item:
        return self.dynamodb.get_item(TableName=MESSAGES, Key={"message_id": message_id}).get("Item", {})

    def invoke(self, function: str, event: Mapping[str, Any]) -> Invocation:
        """One invocation."""
        started = self.sandboxes[function]
        logged, self._writes = len(started.logged), []
        answer = started.call(event).answer
        return Invocation(function, self.endpoint.take(), self._writes, started.logged[logged:], answer)

    def life(self, reference: str | None = "order-424242", *, fails: bool = False) -> list[Invocation]:
        """Send one message; then pass each of its reports through both functions."""
        asked = {"to": _TARGET.to, "body": "Your parcel is here", "provider": "twilio", "reference": reference}
        body = json.dumps({name: value for name, value in asked.items() if value})
        steps = [self.invoke("send", {**sample("send"), "body": body})]
        sent, (pattern,) = json.loads(steps[0].answer["body"]), event("processor")["Records"]
        (url,) = (call.body["StatusCallback"] for call in steps[0].calls if call.service == "provider")
        for report in reports(_TARGET, ONE_FAILS_IN if fails else 1, sent, url):
            steps.append(self.invoke("webhook", callback_event(report)))
            (queued,) = (call.body["MessageBody"] for call in steps[-1].calls if call.operation == "SendMessage")
            steps.append(self.invoke("processor", {"Records": [{**pattern, "body": queued}]}))
        return steps


@contextmanager
def service(**parameters: str) -> Iterator[Service]:
    """All functions of a deployment with these parameters, and tables with one API key."""
    with ExitStack() as stack:
        stack.enter_context(mock_aws())
        deployment = stack.enter_context(deployed(**parameters))
        started = {name: stack.enter_context(sandbox(deployment.ours(name))) for name in FUNCTIONS}
        yield Service(deployment.endpoint, tables.client(), started)


def callback_event(report: Request) -> dict[str, Any]:
    """A signed callback as API Gateway passes it on."""
    recorded, query = sample("webhook-twilio"), urlsplit(report.url).query
    return {
        **recorded,
        "rawQueryString": query,
        "queryStringParameters": dict(parse_qsl(query)),
        "headers": {**recorded["headers"], **report.headers},
        "body": base64.b64encode(report.body.encode()).decode(),
    }


def counted(_: Plan) -> Outcome:
    """Calls, bytes and units of a message: each step, and other kinds of message as a whole."""
    progress("lives of messages")
    with service() as one:
        steps = one.life()
        kinds = {"counted": steps, "unreferenced": one.life(None), "failed": one.life(fails=True)}
    figures = {f"{name}.{key}": value for name, kind in kinds.items() for key, value in amounts(kind).items()}
    for kind, parameters in LOGS.items():
        figures |= {f"log.{kind}.{name}": size for name, size in _logged(parameters).items()}
    names = {"counted": "total", "unreferenced": "... without a reference", "failed": "... of a failed message"}
    rows: list[list[Cell]] = [[step.function, *amounts([step]).values()] for step in steps]
    rows += [[names[name], *amounts(kind).values()] for name, kind in kinds.items()]
    columns = ("step", *(name.replace("_", " ") for name in amounts([])))
    return Outcome((Table(title="One message, three reports in order", columns=columns, rows=rows),), figures)


def _logged(parameters: Mapping[str, str]) -> dict[str, int]:
    """Bytes that CloudWatch bills for a warm invocation of each function; for the publisher's, one message's end."""
    progress(f"log lines with {parameters}")
    with service(**parameters) as one:
        end = {"Records": event("publisher")["Records"][-1:]}
        others = {"authorizer": event("authorizer"), "publisher": end, "digest": event("digest")}
        steps = [*one.life(), *(one.invoke(*each) for each in others.items() for _ in range(2))]
    return {step.function: len(step.log.encode()) + LINE * step.log.count("\n") for step in steps}


def amounts(steps: Sequence[Invocation]) -> dict[str, int]:
    """The totals of these invocations; ``entry_bytes`` are those of all index entries."""
    operations = [call.operation for step in steps for call in step.calls if call.service != "provider"]
    writes = [write for step in steps for write in step.writes]
    item = writes[-1][1] if writes else {}
    return {
        "calls": len(operations),
        "reads": sum(name in {"GetItem", "Query", "BatchGetItem"} for name in operations),
        "item_units": sum(write_units(max(map(item_size, write))) for write in writes),
        "index_units": sum(index_units(INDEXES, *write) for write in writes),
        "item_bytes": item_size(item),
        "entry_bytes": sum(item_size(held) + OVERHEAD for held in (entry(index, item) for index in INDEXES) if held),
        "log_bytes": sum(len(step.log.encode()) for step in steps),
    }

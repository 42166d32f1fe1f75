"""One message's life, counted: AWS calls, request bytes, reads, write units, item bytes, log bytes."""

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

from bench.answers import BASE_URL
from bench.cpu import event
from bench.deployment import FUNCTIONS, Deployment, deployed
from bench.endpoint import Call
from bench.report import Cell, Outcome, Plan, Progress, Table
from bench.sandbox import Sandbox
from bench.units import Item, entry, index_units, item_size, write_units
from local import simulators
from local.simulators.base import Reported
from sms_tracker.domain.callback import callback_token, callback_url
from tests import tables
from tests.cloud import SECRETS, sample
from tests.unit.template_stack import source

MESSAGES = "MessagesTable"
INDEXES = source()["Resources"][MESSAGES]["Properties"]["GlobalSecondaryIndexes"]
WORDS = ("sending", "sent", "delivered")
"""Twilio's usual reports, after the answer ``queued``."""
FAILED = (*WORDS[:-1], "undelivered:30003")
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
    """One invocation: its AWS calls, the units of its writes, the item after them, its log and its answer."""

    function: str
    calls: tuple[Call, ...]
    item_units: int
    index_units: int
    item: Item
    log: str
    answer: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Warm functions, and a table on which their writes are repeated to count their units."""

    deployment: Deployment
    table: DynamoDBClient
    sandboxes: Mapping[str, Sandbox]

    def invoke(self, function: str, event: Mapping[str, Any]) -> Invocation:
        """One invocation."""
        sandbox = self.sandboxes[function]
        logged = len(sandbox.logged)
        answer = sandbox.call(event).answer
        calls, units = tuple(self.deployment.aws.take()), [(0, 0)]
        after: Item = {}
        for call in calls:
            if call.body.get("TableName") == MESSAGES and call.operation in {"PutItem", "UpdateItem"}:
                key = {"message_id": (call.body.get("Key") or call.body["Item"])["message_id"]}
                before = self._item(key)
                getattr(self.table, xform_name(call.operation))(**call.body)
                after = self._item(key)
                on_item = write_units(max(item_size(before), item_size(after)))
                units.append((on_item, index_units(INDEXES, before, after)))
        on_item, on_indexes = map(sum, zip(*units, strict=True))
        return Invocation(function, calls, on_item, on_indexes, after, sandbox.logged[logged:], answer)

    def _item(self, key: Any) -> Item:
        return dict(self.table.get_item(TableName=MESSAGES, Key=key, ConsistentRead=True).get("Item", {}))

    def life(self, words: Sequence[str], reference: str | None = "order-424242") -> list[Invocation]:
        """Send one message; then pass each of its reports through both functions."""
        asked = {"to": "+31612345678", "body": "Your parcel is here", "provider": "twilio", "reference": reference}
        body = json.dumps({name: value for name, value in asked.items() if value})
        steps = [self.invoke("send", {**sample("send"), "body": body})]
        sent = json.loads(steps[0].answer["body"])
        (pattern,) = event("processor")["Records"]
        for word in words:
            steps.append(self.invoke("webhook", callback_event(sent["message_id"], sent["provider_message_id"], word)))
            (queued,) = (call.body["MessageBody"] for call in steps[-1].calls if call.operation == "SendMessage")
            steps.append(self.invoke("processor", {"Records": [{**pattern, "body": queued}]}))
        return steps


@contextmanager
def service(progress: Progress, **parameters: str) -> Iterator[Service]:
    """All functions of a deployment with these parameters, and an empty table."""
    with ExitStack() as stack:
        stack.enter_context(mock_aws())
        table = tables.client()
        tables.create(table, MESSAGES, MESSAGES)
        deployment = stack.enter_context(deployed(progress, **parameters))
        started = {name: stack.enter_context(Sandbox(deployment.ours(name))) for name in FUNCTIONS}
        yield Service(deployment=deployment, table=table, sandboxes=started)


def callback_event(message_id: str, provider_id: str, word: str) -> dict[str, Any]:
    """A signed Twilio callback as API Gateway passes it on."""
    recorded = sample("webhook-twilio")
    key = base64.b64decode(SECRETS["service"]["hmac_key"])
    url = callback_url(BASE_URL, "twilio", message_id, 1, token=callback_token(key, "twilio", message_id, 1))
    report = Reported(word=word, message_id=message_id, provider_id=provider_id, callback_url=url, to="+31612345678")
    signing = simulators.load("twilio").signing
    assert signing is not None  # noqa: S101  # for the type checker
    made = signing.sign(SECRETS["twilio"], report)
    return {
        **recorded,
        "rawQueryString": urlsplit(made.url).query,
        "queryStringParameters": dict(parse_qsl(urlsplit(url).query)),
        "headers": {**recorded["headers"], **made.headers},
        "body": base64.b64encode(made.body).decode(),
    }


def counted(_: Plan, progress: Progress) -> Outcome:
    """Calls, bytes and units of a message: each step, and other kinds of message as a whole."""
    progress("lives of messages")
    with service(progress) as one:
        one.life(WORDS)  # reads the settings
        steps = one.life(WORDS)
        kinds = {"counted": steps, "unreferenced": one.life(WORDS, None), "failed": one.life(FAILED)}
    figures = {f"{name}.{key}": value for name, kind in kinds.items() for key, value in amounts(kind).items()}
    for kind, parameters in LOGS.items():
        figures |= {f"log.{kind}.{name}": size for name, size in _logged(progress, parameters).items()}
    names = {"counted": "total", "unreferenced": "... without a reference", "failed": "... of a failed message"}
    rows: list[list[Cell]] = [[step.function, *amounts([step]).values()] for step in steps]
    rows += [[names[name], *amounts(kind).values()] for name, kind in kinds.items()]
    columns = ("step", *(name.replace("_", " ") for name in amounts([])))
    return Outcome((Table(title="One message, three reports in order", columns=columns, rows=rows),), figures)


def _logged(progress: Progress, parameters: Mapping[str, str]) -> dict[str, int]:
    """Bytes that CloudWatch bills for a warm invocation of each function; for the publisher's, one message's end."""
    progress(f"log lines with {parameters}")
    with service(progress, **parameters) as one:
        end = {"Records": event("publisher")["Records"][-1:]}
        others = {"authorizer": event("authorizer"), "publisher": end, "digest": event("digest")}
        one.life(WORDS)
        steps = [*one.life(WORDS), *(one.invoke(*each) for each in others.items() for _ in range(2))]
    return {step.function: len(step.log.encode()) + LINE * step.log.count("\n") for step in steps}


def amounts(steps: Sequence[Invocation]) -> dict[str, float]:
    """The totals of these invocations; ``entry_bytes`` are those of all index entries."""
    calls = [call for step in steps for call in step.calls]
    item = next((step.item for step in reversed(steps) if step.item), {})
    return {
        "calls": len(calls),
        "request_bytes": sum(call.body_bytes for call in calls),
        "reads": sum(call.operation in {"GetItem", "Query", "BatchGetItem"} for call in calls),
        "item_units": sum(step.item_units for step in steps),
        "index_units": sum(step.index_units for step in steps),
        "item_bytes": item_size(item),
        "entry_bytes": sum(item_size(held) + OVERHEAD for held in (entry(index, item) for index in INDEXES) if held),
        "log_bytes": sum(len(step.log.encode()) for step in steps),
    }

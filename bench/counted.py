"""One message's life, counted: AWS calls, request bytes, reads, write units, item bytes, log bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from botocore import xform_name
from moto import mock_aws
from twilio.request_validator import RequestValidator
from types_boto3_dynamodb import DynamoDBClient

from bench.answers import BASE_URL
from bench.code import Code
from bench.cold import event
from bench.deployment import Deployment, deployed
from bench.endpoint import Call
from bench.report import Outcome, Plan, Progress
from bench.sandbox import Sandbox
from bench.table import Cell, Table
from bench.units import Item, entry, index_units, item_size, write_units
from bench.warm import FIELDS, queue_event
from tests import tables
from tests.cloud import SECRETS, sample
from tests.unit.template_stack import source

MESSAGES = "MessagesTable"
INDEXES = source()["Resources"][MESSAGES]["Properties"]["GlobalSecondaryIndexes"]
WORDS = ("sending", "sent", "delivered")
"""Twilio's usual reports, after the answer ``queued``."""
FAILED = (*WORDS[:-1], "undelivered")
FUNCTIONS = ("send", "webhook", "processor", "publisher", "authorizer", "digest", "query", "reconciler")
OVERHEAD = 100
"""Bytes of storage that DynamoDB adds to an item and to an index entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write of the messages table: units on the item and on all indexes, the item before and after."""

    item_units: int
    index_units: int
    before: Item
    after: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One invocation: its AWS calls, its writes, its log."""

    function: str
    calls: tuple[Call, ...]
    writes: tuple[Write, ...]
    log: str
    answer: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Warm functions, and a table on which their writes are repeated to see what they cost."""

    deployment: Deployment
    table: DynamoDBClient
    sandboxes: Mapping[str, Sandbox]

    def invoke(self, function: str, event: Mapping[str, Any]) -> Invocation:
        """One invocation."""
        sandbox = self.sandboxes[function]
        logged = len(sandbox.logged)
        answer = sandbox.call(event).answer
        calls = tuple(self.deployment.aws.take())
        about = (call for call in calls if call.body.get("TableName") == MESSAGES)
        writes = tuple(self._write(call) for call in about if call.operation in {"PutItem", "UpdateItem"})
        return Invocation(function=function, calls=calls, writes=writes, log=sandbox.logged[logged:], answer=answer)

    def _write(self, call: Call) -> Write:
        key = {"message_id": (call.body.get("Key") or call.body["Item"])["message_id"]}
        before = self._item(key)
        getattr(self.table, xform_name(call.operation))(**call.body)
        after = self._item(key)
        units = write_units(max(item_size(before), item_size(after)))
        return Write(item_units=units, index_units=index_units(INDEXES, before, after), before=before, after=after)

    def _item(self, key: Any) -> Item:
        return self.table.get_item(TableName=MESSAGES, Key=key, ConsistentRead=True).get("Item", {})

    def life(self, words: Sequence[str], reference: str | None = "order-424242") -> list[Invocation]:
        """Send one message; then each of its reports passes both functions."""
        asked = {"to": "+31612345678", "body": "Your parcel is here", "provider": "twilio", "reference": reference}
        body = json.dumps({name: value for name, value in asked.items() if value})
        steps = [self.invoke("send", {**sample("send"), "body": body})]
        sent = json.loads(steps[0].answer["body"])
        for word in words:
            event = callback_event(sent["message_id"], sent["provider_message_id"], word)
            steps.append(self.invoke("webhook", event))
            (queued,) = (call.body["MessageBody"] for call in steps[-1].calls if call.operation == "SendMessage")
            steps.append(self.invoke("processor", queue_event([queued])))
        return steps


@contextmanager
def service(code: Code) -> Iterator[Service]:
    """All functions, and an empty table."""
    with ExitStack() as stack:
        stack.enter_context(mock_aws())
        table = tables.client()
        tables.create(table, MESSAGES, MESSAGES)
        deployment = stack.enter_context(deployed(code))
        started = {name: stack.enter_context(Sandbox(deployment.ours(name))) for name in FUNCTIONS}
        yield Service(deployment=deployment, table=table, sandboxes=started)


def callback_event(message_id: str, known: str, word: str) -> dict[str, Any]:
    """A signed Twilio callback as API Gateway passes it on; ``known`` is Twilio's id of the message."""
    failed = {"ErrorCode": "30003", "ErrorMessage": "Unreachable destination handset"} if word == FAILED[-1] else {}
    form = {**FIELDS, **failed, "MessageSid": known, "SmsSid": known, "MessageStatus": word, "SmsStatus": word}
    recorded = sample("webhook-twilio")
    query = {"message_id": message_id, "attempt": "1"}
    url = f"{BASE_URL}{recorded['rawPath']}?{urlencode(query)}"
    signature = RequestValidator(SECRETS["twilio"]["auth_token"]).compute_signature(url, form)
    return {
        **recorded,
        "rawQueryString": urlencode(query),
        "queryStringParameters": query,
        "headers": {**recorded["headers"], "x-twilio-signature": signature},
        "body": base64.b64encode(urlencode(form).encode()).decode(),
    }


def counted(_: Plan, progress: Progress) -> Outcome:
    """Calls, bytes and units of a message: step by step, and other kinds of message as a whole."""
    progress("lives of messages")
    with service(Code(progress)) as one:
        one.life(WORDS)  # reads the settings
        steps = one.life(WORDS)
        kinds = {"counted": steps, "unreferenced": one.life(WORDS, None), "failed": one.life(FAILED)}
        changes = stream_event([write for step in steps for write in step.writes])
        events = {name: changes if name == "publisher" else event(name) for name in FUNCTIONS[3:]}
        others = [one.invoke(name, given) for name, given in events.items() for _ in range(2)]  # cold, then warm
    figures = {f"{name}.{key}": value for name, kind in kinds.items() for key, value in amounts(kind).items()}
    for each in (*steps, *others):
        figures |= {f"log.{each.function}": len(each.log.encode()), f"lines.{each.function}": each.log.count("\n")}
    names = {"counted": "together", "unreferenced": "... without a reference", "failed": "... and it failed"}
    rows: list[list[Cell]] = [[step.function, *amounts([step]).values()] for step in steps]
    rows += [[names[name], *amounts(kind).values()] for name, kind in kinds.items()]
    columns = ("step", *(name.replace("_", " ") for name in amounts([])))
    return Outcome((Table(title="One message, three reports in order", columns=columns, rows=rows),), figures)


def amounts(steps: Sequence[Invocation]) -> dict[str, float]:
    """What these invocations need together; ``entry_bytes`` are those of all index entries."""
    calls = [call for step in steps for call in step.calls]
    writes = [write for step in steps for write in step.writes]
    item = writes[-1].after if writes else {}
    return {
        "calls": len(calls),
        "request_bytes": sum(call.body_bytes for call in calls),
        "reads": sum(call.operation in {"GetItem", "Query", "BatchGetItem"} for call in calls),
        "item_units": sum(write.item_units for write in writes),
        "index_units": sum(write.index_units for write in writes),
        "item_bytes": item_size(item),
        "entry_bytes": sum(item_size(held) + OVERHEAD for held in (entry(index, item) for index in INDEXES) if held),
        "log_bytes": sum(len(step.log.encode()) for step in steps),
    }


def stream_event(writes: Sequence[Write]) -> dict[str, Any]:
    """Changes as the table's stream passes them to the publisher."""
    return {"Records": [_record(number, write) for number, write in enumerate(writes)]}


def _record(number: int, write: Write) -> dict[str, Any]:
    images = {"NewImage": write.after, **({"OldImage": write.before} if write.before else {})}
    key = {"message_id": write.after["message_id"]}
    change = {"Keys": key, "SequenceNumber": f"{number:021d}", "StreamViewType": "NEW_AND_OLD_IMAGES", **images}
    name = "MODIFY" if write.before else "INSERT"
    return {"eventID": f"{number:032d}", "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": change}

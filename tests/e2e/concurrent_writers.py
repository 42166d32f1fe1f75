"""Many separate processes that write reports of the same few messages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from sms_tracker.aws.clients import calling
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.report import Report
from sms_tracker.domain.status import Status
from sms_tracker.services.track import track
from tests import tables
from tests.e2e import processes
from tests.factories import NOW, record, report

WRITERS = 8
MESSAGES = tuple(f"0b0e9f0a-53cf-4f13-9f0c-{number:012d}" for number in range(2))
_STATUSES = (Status.ACCEPTED, Status.SENDING, Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED)
REPORTS = tuple(
    report(status, attempt=attempt, provider_message_id=f"SM{attempt}", code="30003" if attempt % 2 else None)
    for status in _STATUSES
    for attempt in range(1, 4)
)
"""18 for each message, fewer than a timeline holds."""


class ReadsAfterRefusal:
    """A client for a DynamoDB that does not return the item with a refusal: it reads the item afterwards.

    Another write in between is equivalent to a later refusal.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **arguments: Any) -> Any:
        return self._call(self._client.put_item, {"message_id": arguments["Item"]["message_id"]}, arguments)

    def update_item(self, **arguments: Any) -> Any:
        return self._call(self._client.update_item, arguments["Key"], arguments)

    def _call(self, call: Any, key: Mapping[str, Any], arguments: dict[str, Any]) -> Any:
        arguments.pop("ReturnValuesOnConditionCheckFailure")
        try:
            return call(**arguments)
        except ClientError as error:
            table = arguments["TableName"]
            found = self._client.get_item(TableName=table, Key=key, ConsistentRead=True)
            answer: dict[str, Any] = error.response  # type: ignore[assignment]  # the stubs lack Item
            answer.update({"Item": found["Item"]} if "Item" in found else {})
            raise


@dataclass(frozen=True)
class Database:
    """The table's location; ``returns_old`` is whether a refusal includes the item."""

    endpoint: str
    table: str
    returns_old: bool

    def store(self) -> MessageStore:
        plain = tables.client(self.endpoint)
        client: Any = plain if self.returns_old else ReadsAfterRefusal(plain)
        return MessageStore(calling(client), self.table)


def write(database: Database, seed: int) -> Counter[tuple[str, str]]:
    """One process: write every report of every message in a random order; counts decisions by message."""
    store, decided = database.store(), Counter[tuple[str, str]]()
    work = [(message_id, each) for message_id in MESSAGES for each in REPORTS]
    random.Random(seed).shuffle(work)
    for message_id, each in work:
        decided[message_id, _tracked(store, message_id, each)] += 1
    return decided


def _tracked(store: MessageStore, message_id: str, each: Report) -> str:
    """Track a report and retry lost races, as the queue does."""
    for _ in range(50):
        try:
            return track(store, message_id, [each], now=NOW).decision
        except Unavailable:
            continue
    raise AssertionError("a report could not be written")


def run_writers(database: Database, seeds: Sequence[int]) -> Counter[tuple[str, str]]:
    """Run all writers in parallel; returns the sum of their decisions."""
    store = database.store()
    for message_id in MESSAGES:
        store.put(record(message_id=message_id))
    return processes.counted(write, [(database, seed) for seed in seeds])

"""Lambda's mapping from the table's stream to the publisher, as AWS documents it, and a history of all changes.

The emulator's own mapping continues after a partial failure. This one retries from the failed item, halves a batch
after a failed invocation, and keeps the order. The history is also the checks' independent source of every version.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.clients import Clients

STATUS_CHANGED = "SMS Status Changed"
_BATCH = 100
_PAUSE = 0.1
_PUBLISHED = {"canceled", "expired", "failed", "undelivered", "unknown"}
_SUCCESS = {"delivered", "read"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An item, read without the service's code."""

    message_id: str
    version: int | None
    status: str | None
    final: bool
    code: str | None
    send: str | None
    reports: Mapping[str, str]
    """Each timeline entry as text, by its key."""

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> Image:
        """From DynamoDB's typed JSON; a poison item lacks most of it."""
        failure = item.get("failure", {}).get("M", {})
        return cls(
            message_id=item["message_id"]["S"],
            version=int(item["version"]["N"]) if "N" in item.get("version", {}) else None,
            status=item.get("status", {}).get("S"),
            final=bool(item.get("final", {}).get("BOOL")),
            code=failure.get("code", {}).get("S"),
            reports={
                key: json.dumps(entry, sort_keys=True, default=str)
                for key, entry in item.get("reports", {}).get("M", {}).items()
            },
            send=item.get("send", {}).get("M", {}).get("state", {}).get("S"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One stream record; ``old`` is None for an insertion."""

    old: Image | None
    new: Image


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """A stored event about no message. ``read_at`` is when it was read from the stream, after it was stored."""

    read_at: datetime
    kind: str
    detail: Mapping[str, Any]

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> OutboxItem:
        """From DynamoDB's typed JSON."""
        return cls(read_at=datetime.now(UTC), kind=item["outbox"]["S"], detail=json.loads(item["detail"]["S"]))


def published(change: Change) -> bool:
    """Whether a stored change must become an event, by the rule in the README."""
    old, new = change.old, change.new
    if old is None or new.status is None:
        return False
    if new.status != old.status:
        return new.status in _PUBLISHED or (old.status in _PUBLISHED and new.status in _SUCCESS)
    return new.status in _PUBLISHED and old.code is None and new.code is not None


class StreamMapping(threading.Thread):
    """Reads the stream of one table and invokes one function, until ``stop``."""

    def __init__(self, clients: Clients, *, table: str, function: str) -> None:
        super().__init__(name="stream", daemon=True)
        self._clients, self._function = clients, function
        self.history: list[Change] = []
        self.latest: dict[str, Image] = {}
        self.outbox: list[OutboxItem] = []
        self.counts: Counter[str] = Counter()
        self._ended = threading.Event()
        self._idle = threading.Event()
        self._changed_at = time.monotonic()
        streams = clients.streams
        arn = clients.dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self._iterator: str = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def run(self) -> None:
        waiting: list[dict[str, Any]] = []
        while not self._ended.is_set():
            answer = self._clients.streams.get_records(ShardIterator=self._iterator)
            self._iterator = answer["NextShardIterator"]
            for record in answer["Records"]:
                if record["eventName"] != "REMOVE":
                    self._remember(record["dynamodb"])
                if record["eventName"] == "MODIFY" or _is_new_event(record):  # the template's filter
                    waiting.append(record)
            if waiting:
                self._idle.clear()
                waiting = self._deliver(waiting)
            else:
                self._idle.set()
                self._ended.wait(_PAUSE)

    def stop(self) -> None:
        """End after the current batch."""
        self._ended.set()
        self.join()

    def settled(self, seconds: float) -> bool:
        """Whether everything read was delivered within that time, and nothing new arrived."""
        self._idle.clear()
        return self._idle.wait(seconds)

    def seconds_unchanged(self) -> float:
        """Seconds since a change was last read."""
        return time.monotonic() - self._changed_at

    def _remember(self, record: Mapping[str, Any]) -> None:
        self._changed_at = time.monotonic()
        if "outbox" in record["NewImage"]:
            self.outbox.append(OutboxItem.read(record["NewImage"]))
            return
        old = Image.read(record["OldImage"]) if "OldImage" in record else None
        change = Change(old=old, new=Image.read(record["NewImage"]))
        self.history.append(change)
        self.latest[change.new.message_id] = change.new

    def _deliver(self, waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Deliver one batch; returns the undelivered rest."""
        batch, failed = waiting[:_BATCH], self._invoke(waiting[:_BATCH])
        while failed is None and len(batch) > 1:
            batch = batch[: len(batch) // 2]
            failed = self._invoke(batch)
        if failed == 0 or failed is None:
            self._ended.wait(_PAUSE)
        return waiting[0 if failed is None else failed :]

    def _invoke(self, batch: Sequence[Mapping[str, Any]]) -> int | None:
        """How many records of the batch succeeded; None if the invocation failed."""
        payload = json.dumps({"Records": batch}, default=_plain)
        answer = self._clients.functions.invoke(FunctionName=self._function, Payload=payload.encode())
        result = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError") or not isinstance(result, dict):
            self.counts["stream batches with a failed invocation"] += 1
            return None
        failures = {failure["itemIdentifier"] for failure in result.get("batchItemFailures", [])}
        if not failures:
            return len(batch)
        self.counts["stream batches that failed in part"] += 1
        return next(n for n, record in enumerate(batch) if record["dynamodb"]["SequenceNumber"] in failures)


def _is_new_event(record: Mapping[str, Any]) -> bool:
    return record["eventName"] == "INSERT" and "outbox" in record["dynamodb"]["NewImage"]


def _plain(value: object) -> float:
    """A record's time in seconds, as a function receives it; botocore reads it as a datetime."""
    assert isinstance(value, datetime)  # noqa: S101 - nothing else in a record without binary attributes
    return value.timestamp()


def wait_for(true: Callable[[], bool], seconds: float) -> bool:
    """Poll until ``true()``; returns whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True

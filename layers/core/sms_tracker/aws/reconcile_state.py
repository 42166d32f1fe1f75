"""What the reconciler stores: the positions of its walks, due times of open messages, and hourly statistics."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sms_tracker.aws.api import UNREADABLE, Api, ConditionFailed, Item, batch_get, marshal, unmarshal
from sms_tracker.aws.updates import Update
from sms_tracker.domain.cost import CostSums, plain_digits
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.hourly_stats import Group, HourlyStats, Progress, Sums, Tally
from sms_tracker.domain.indexes import BY_ATTENTION, open_shard, shard

# --- Positions and due times


class ReconcileStateStore:
    """Implements :class:`sms_tracker.domain.ports.ReconcileState` with both tables."""

    def __init__(self, dynamodb: Api, *, messages: str, state: str) -> None:
        self._dynamodb = dynamodb
        self._messages = messages
        self._state = state

    def position(self, name: str) -> str | None:
        """One consistent GetItem."""
        answer = self._dynamodb("GetItem", TableName=self._state, Key=_position_key(name), ConsistentRead=True)
        with _reading(f"the position {name}"):
            return str(answer["Item"]["walked"]["S"]) if "Item" in answer else None

    def advance(self, name: str, until: str) -> None:
        """One UpdateItem, unless a later position is stored."""
        update = Update()
        path = update.path("walked")
        update.require(f"(attribute_not_exists({path}) OR {path} < {update.value(until)})")
        update.set(until, "walked")
        self._write(self._state, _position_key(name), update)

    def open(self, message_id: str, *, due: str) -> bool:
        """One UpdateItem, refused if the message is final or already has a due time."""
        update = self._due_update(message_id, due)
        update.require(f"attribute_not_exists({update.path('attention')})")
        return self._write(self._messages, marshal({"message_id": message_id}), update)

    def put_off(self, message_id: str, *, due: str) -> None:
        """One UpdateItem, refused if the message is final."""
        self._write(self._messages, marshal({"message_id": message_id}), self._due_update(message_id, due))

    def due(self, shard: int, *, until: str, limit: int) -> list[str]:
        """One Query of by_attention."""
        answer = self._dynamodb(
            "Query",
            TableName=self._messages,
            IndexName=BY_ATTENTION.name,
            KeyConditionExpression="attention = :key AND due_at <= :until",
            ExpressionAttributeValues=marshal({":key": open_shard(shard), ":until": until}),
            Limit=limit,
        )
        return [item["message_id"]["S"] for item in answer["Items"]]

    @staticmethod
    def _due_update(message_id: str, due: str) -> Update:
        """A new due time, if the message is open. The version stays: a due time does not change the message's state."""
        update = Update()
        update.require(f"{update.path('final')} = {update.value(value=False)}")
        update.set(open_shard(int(shard(message_id))), "attention")
        update.set(due, "due_at")
        return update

    def _write(self, table: str, key: dict[str, object], update: Update) -> bool:
        try:
            self._dynamodb("UpdateItem", TableName=table, Key=key, **update.arguments())
        except ConditionFailed:
            return False
        return True


def _position_key(name: str) -> Item:
    return marshal({"pk": f"reconciler#{name}"})


# --- Hourly statistics

STATISTICS_PREFIX = "statistics#"
"""The prefix of every key of statistics; it is part of the functions' policies."""


class StatisticsStore:
    """Implements :class:`sms_tracker.domain.hourly_stats.Statistics`; hours are kept for ``retention``."""

    def __init__(self, dynamodb: Api, table: str, *, retention: timedelta = timedelta(days=90)) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._retention = retention

    def progress(self, stage: int) -> Progress | None:
        """One consistent GetItem."""
        answer = self._dynamodb("GetItem", TableName=self._table, Key=_stage_key(stage), ConsistentRead=True)
        if "Item" not in answer:
            return None
        with _reading(f"the position of stage {stage}"):
            values = unmarshal(answer["Item"])
            return Progress(
                hour=values["hour"],
                since=values.get("since"),
                shard=int(values["shard"]),
                until=values.get("until"),
                sums=unpacked(values["sums"]),
            )

    def save(self, stage: int, progress: Progress) -> bool:
        """One PutItem. Of two runs in one shard the later write stays; its sums match its position."""
        position = f"{progress.hour}#{progress.shard:02d}"
        values = {
            "position": position,
            "hour": progress.hour,
            "since": progress.since,
            "shard": progress.shard,
            "until": progress.until,
            "sums": packed(progress.sums),
        }
        item = {**_stage_key(stage), **marshal(values)}
        return self._put(item, "position", "attribute_not_exists(pk) OR #of <= :new")

    def put(self, stats: HourlyStats) -> None:
        """One PutItem."""
        values = {
            "computed_at": stats.computed_at,
            "final": stats.final,
            "sums": packed(stats.sums),
            "expires_at": int((datetime.fromisoformat(stats.hour) + self._retention).timestamp()),
        }
        item = {**_hour_key(stats.hour), **marshal(values)}
        self._put(item, "computed_at", "attribute_not_exists(pk) OR #of < :new")

    def hourly_stats(
        self, hours: Sequence[str], *, provider: str | None = None, client: str | None = None
    ) -> Iterator[HourlyStats]:
        """BatchGetItem, 100 at a time."""
        for item in batch_get(self._dynamodb, self._table, [_hour_key(hour) for hour in hours]):
            yield _hourly_stats(item, provider, client)

    def _put(self, item: Item, attribute: str, condition: str) -> bool:
        """False if ``condition`` does not hold; in it ``#of`` is the attribute and ``:new`` its new value."""
        try:
            self._dynamodb(
                "PutItem",
                TableName=self._table,
                Item=item,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#of": attribute},
                ExpressionAttributeValues={":new": item[attribute]},
            )
        except ConditionFailed:
            return False
        return True


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Raises ``Unavailable`` for what is damaged, or of a later version."""
    try:
        yield
    except (*UNREADABLE, zlib.error) as error:
        raise Unavailable(f"{what} cannot be read: {type(error).__name__}") from error


_MAX_CHARACTERS = 400_000
"""Of the counts in one item, which is at most 400 KB (409,600 bytes)."""


def packed(sums: Mapping[Group, Tally]) -> str:
    """Sums as compressed JSON in base64: a list of provider, client, the counts, and the counts by country."""
    rows = [[*group, *_row(tally)] for group, tally in sorted(sums.items())]
    countries = [{name: _row(each) for name, each in tally.countries.items()} for _, tally in sorted(sums.items())]
    complete = _compressed([[*row, by_country] for row, by_country in zip(rows, countries, strict=True)])
    return complete if len(complete) <= _MAX_CHARACTERS else _compressed(rows)


def _row(tally: Tally) -> list[object]:
    """Statuses, reasons, deliveries by bucket, and costs (missing in items of an earlier version)."""
    cost = tally.cost
    amounts = {currency: plain_digits(amount) for currency, amount in cost.amounts.items()}
    sums = [cost.attempts, cost.priced, cost.computed, cost.billed, cost.different, amounts]
    return [tally.statuses, tally.reasons, tally.seconds, sums]


def _compressed(rows: list[list[object]]) -> str:
    return base64.b64encode(zlib.compress(json.dumps(rows, separators=(",", ":")).encode())).decode()


def unpacked(text: str, provider: str | None = None, client: str | None = None) -> Sums:
    """The inverse of :func:`packed`; with a provider or client, only its sums."""
    return {
        (row[0], row[1]): _tally(*row[2:])
        for row in json.loads(zlib.decompress(base64.b64decode(text)))
        if provider in (None, row[0]) and client in (None, row[1])
    }


def _tally(
    statuses: Mapping[str, int],
    reasons: Mapping[str, int],
    seconds: Mapping[str, int],
    cost: Sequence[Any] = (0, 0, 0, 0, 0, {}),
    countries: Mapping[str, Sequence[Any]] = {},
) -> Tally:
    attempts, priced, computed, billed, different, stated = cost
    amounts = {currency: Decimal(amount) for currency, amount in stated.items()}
    return Tally(
        Counter(statuses),
        Counter(reasons),
        Counter({int(bucket): count for bucket, count in seconds.items()}),
        CostSums(attempts, priced, computed, billed, different, amounts),
        {name: _tally(*row) for name, row in countries.items()},
    )


def _hourly_stats(item: Item, provider: str | None, client: str | None) -> HourlyStats:
    hour = item["pk"]["S"].removeprefix(STATISTICS_PREFIX)
    with _reading(f"the statistics of {hour}"):
        values = unmarshal(item)
        sums = unpacked(values["sums"], provider, client)
        return HourlyStats(hour=hour, computed_at=values["computed_at"], final=values["final"], sums=sums)


def _hour_key(hour: str) -> Item:
    return marshal({"pk": f"{STATISTICS_PREFIX}{hour}"})


def _stage_key(stage: int) -> Item:
    return marshal({"pk": f"{STATISTICS_PREFIX}stage#{stage}"})

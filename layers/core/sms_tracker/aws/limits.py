"""Counters of sends in the ``state`` table, one item for each counter and day."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sms_tracker.aws.api import Api, ConditionFailed, Item, marshal, unmarshal
from sms_tracker.aws.updates import Update
from sms_tracker.domain.errors import Throttled
from sms_tracker.domain.limits import Bound, Counter

PREFIX = "limit#"
"""The prefix of every key here; the functions' policies name it."""
_FULL = 16
"""Tokens in a generation from which on the next one may begin. Two of them stay below a third of 1 KB."""
_AGE = 10
"""Seconds that a generation lasts at least. A client's own repetitions of a call end within 9."""
_TRIES = 6
"""Writes until a take gives up: each refused one saw another sender's write."""


class LimitCounterStore:
    """The ``state`` table behind :class:`sms_tracker.domain.limits.LimitCounters`.

    Our client silently repeats a call whose reply was lost, and a repeated ADD would count twice. So each write leaves
    its token in the set ``recent`` and is refused where its token is. Full sets move: ``recent`` becomes ``earlier``.
    """

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def take(self, counter: Counter, units: int, *, token: str, now: int) -> Bound | None:
        """One UpdateItem; about one in sixteen needs a second one, which begins a generation of tokens."""
        if (full := counter.exceeded({}, units)) is not None:
            return full
        write = partial(self._take, counter, units, token, now)
        seen: Mapping[str, Any] | None = None
        for _ in range(_TRIES):
            try:
                write(seen)
            except ConditionFailed as refused:
                values = unmarshal(dict(refused.item))
                if _has(values, token):
                    return None
                if (full := counter.exceeded(values, units)) is not None:
                    return full
                seen = values if _is_full(values, now) else None
            else:
                return None
        raise Throttled("UpdateItem: too many writes of one counter")

    def _take(self, counter: Counter, units: int, token: str, now: int, seen: Mapping[str, Any] | None) -> None:
        """Count once, within all bounds. ``seen`` is the item whose tokens are full, None for a usual write."""
        update = _once(token)
        for bound in counter.bounds:
            path = update.path(bound.attribute)
            update.require(f"(attribute_not_exists({path}) OR {path} <= {update.value(bound.most - units)})")
            update.add(units, bound.attribute)
        update.set(counter.expires_at, "expires_at")
        began, recent = update.path("began"), update.path("recent")
        if seen is None:
            full = f"size({recent}) < {update.value(_FULL)}"
            young = f"{began} > {update.value(now - _AGE)}"
            update.require(f"(attribute_not_exists({recent}) OR {full} OR {young})")
            update.add({token}, "recent")
        else:
            known = seen.get("began")
            update.require(f"attribute_not_exists({began})" if known is None else f"{began} = {update.value(known)}")
            update.sets.append(f"{update.path('earlier')} = {recent}")
            update.set({token}, "recent")
            update.set(now, "began")
            for past in sorted(_past(seen, counter.hour)):
                update.set(None, past)
        self._write(counter.key, update)

    def give_back(self, counter: Counter, units: int, *, token: str) -> None:
        """One UpdateItem; none of an item that has expired."""
        update = _once(token)
        update.require(f"attribute_exists({update.path('pk')})")
        for bound in counter.bounds:
            update.add(-units, bound.attribute)
        update.add({token}, "recent")
        try:
            self._write(counter.key, update)
        except ConditionFailed:
            return

    def first_uses(self, client: str) -> Mapping[str, int]:
        """One GetItem, eventually consistent: a use that is not seen yet counts as new."""
        answer = self._dynamodb("GetItem", TableName=self._table, Key=_key(_countries(client)))
        values = unmarshal(answer.get("Item", {}))
        return {country: day for country, day in values.items() if country != "pk"}

    def note_use(self, client: str, country: str, *, day: int) -> None:
        """One UpdateItem, idempotent."""
        self._dynamodb(
            "UpdateItem",
            TableName=self._table,
            Key=_key(_countries(client)),
            UpdateExpression="SET #country = if_not_exists(#country, :day)",
            ExpressionAttributeNames={"#country": country},
            ExpressionAttributeValues=marshal({":day": day}),
        )

    def _write(self, key: str, update: Update) -> None:
        self._dynamodb(
            "UpdateItem",
            TableName=self._table,
            Key=_key(key),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **update.arguments(),
        )


def _once(token: str) -> Update:
    """An update that neither generation of tokens has."""
    update = Update()
    held = update.value(token)
    for name in ("recent", "earlier"):
        update.require(f"NOT contains({update.path(name)}, {held})")
    return update


def _has(values: Mapping[str, Any], token: str) -> bool:
    return token in values.get("recent", ()) or token in values.get("earlier", ())


def _is_full(values: Mapping[str, Any], now: int) -> bool:
    """Whether the next write may begin a generation: the negation of a usual write's condition."""
    return len(values.get("recent", ())) >= _FULL and values.get("began", 0) <= now - _AGE


def _past(values: Mapping[str, Any], hour: int) -> set[str]:
    """Attributes of hours that are over for good: what is given back was counted less than a minute ago."""
    return {name for name in values if name[0] == "h" and name[1:3].isdigit() and int(name[1:3]) < hour - 1}


def _countries(client: str) -> str:
    return f"countries#{client}"


def _key(name: str) -> Item:
    return marshal({"pk": f"{PREFIX}{name}"})

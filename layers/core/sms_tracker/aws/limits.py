"""What can refuse a send, in the ``state`` table: the counters of limits, and sending stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sms_tracker.aws.api import UNREADABLE, Api, ConditionFailed, Item, marshal, unmarshal
from sms_tracker.aws.updates import Update
from sms_tracker.domain.errors import SmsTrackerError, Throttled, Unavailable
from sms_tracker.domain.limits import Bound, Counter
from sms_tracker.domain.operator_rules import Action, Instruction, SendingStops

# --- Counters of limits

LIMITS_PREFIX = "limit#"
"""The prefix of every counter's key; it is part of the functions' policies."""
_COUNTRIES = "countries#"
"""The prefix of a client's used countries."""
_FULL_SET = 16
"""Tokens in a full set. ``recent`` and ``earlier`` together stay below a third of 1 KB."""
_MIN_SET_AGE = 10
"""Seconds for which a set is kept at least. The AWS client's retries of a call end within 9."""
_MAX_WRITES = 6
"""Writes until a take gives up. Each refusal is due to another sender's write."""


class LimitCounterStore:
    """Implements :class:`sms_tracker.domain.limits.LimitCounters`: one item per counter and day.

    The AWS client silently repeats a call with a lost reply, and a repeated ADD would count twice. So each write adds
    its token to the set ``recent``, and is refused if its token is in either set. The next take after a full set::

        h12: 48, d: 300, began: 12:00:00, recent: {q … x, 16 tokens}, earlier: {a … p, 16 tokens}
        h12: 49, d: 301, began: 12:00:14, recent: {y}, earlier: {q … x, 16 tokens}
    """

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def take(self, counter: Counter, units: int, *, token: str, now: int) -> Bound | None:
        """One UpdateItem; about one take in sixteen needs a second one, which begins a new set of tokens."""
        if (full := counter.exceeded({}, units)) is not None:
            return full
        usual = update = _take_into_set(counter, units, token, now)
        for _ in range(_MAX_WRITES):
            stored = self._write(counter.key, update)
            if stored is None or token in stored.get("recent", ()) or token in stored.get("earlier", ()):
                return None
            if (full := counter.exceeded(stored, units)) is not None:
                return full
            update = _take_into_new_set(counter, units, token, now, stored) if _is_set_full(stored, now) else usual
        raise Throttled("UpdateItem: too many writes of one counter")

    def give_back(self, counter: Counter, units: int, *, token: str) -> None:
        """One UpdateItem, unless the item has expired."""
        update = _add_once(counter, -units, token)
        update.require(f"attribute_exists({update.path('pk')})")
        update.add({token}, "recent")
        self._write(counter.key, update)

    def first_uses(self, client: str) -> Mapping[str, int]:
        """One GetItem, eventually consistent: a use not yet visible counts as new."""
        answer = self._dynamodb("GetItem", TableName=self._table, Key=_counter_key(f"{_COUNTRIES}{client}"))
        values = unmarshal(answer.get("Item", {}))
        return {country: day for country, day in values.items() if country != "pk"}

    def note_use(self, client: str, country: str, *, day: int) -> None:
        """One UpdateItem, idempotent."""
        self._dynamodb(
            "UpdateItem",
            TableName=self._table,
            Key=_counter_key(f"{_COUNTRIES}{client}"),
            UpdateExpression="SET #country = if_not_exists(#country, :day)",
            ExpressionAttributeNames={"#country": country},
            ExpressionAttributeValues=marshal({":day": day}),
        )

    def _write(self, key: str, update: Update) -> Mapping[str, Any] | None:
        """Returns the stored values if they refuse the write, None if it was made."""
        where = {"TableName": self._table, "Key": _counter_key(key)}
        try:
            self._dynamodb("UpdateItem", ReturnValuesOnConditionCheckFailure="ALL_OLD", **where, **update.arguments())
        except ConditionFailed as refused:
            return unmarshal(dict(refused.item))
        return None


def _add_once(counter: Counter, units: int, token: str) -> Update:
    """Adds ``units`` to every window; refused if ``token`` is in either set."""
    update = Update()
    placeholder = update.value(token)
    for name in ("recent", "earlier"):
        update.require(f"NOT contains({update.path(name)}, {placeholder})")
    for bound in counter.bounds:
        update.add(units, bound.attribute)
    return update


def _take_within_bounds(counter: Counter, units: int, token: str) -> Update:
    """The part that both kinds of takes share."""
    update = _add_once(counter, units, token)
    for bound in counter.bounds:
        path = update.path(bound.attribute)
        update.require(f"(attribute_not_exists({path}) OR {path} <= {update.value(bound.most - units)})")
    update.set(counter.expires_at, "expires_at")
    return update


def _take_into_set(counter: Counter, units: int, token: str, now: int) -> Update:
    """The usual take; refused if the set is full."""
    update = _take_within_bounds(counter, units, token)
    recent = update.path("recent")
    has_room = f"size({recent}) < {update.value(_FULL_SET)}"
    is_young = f"{update.path('began')} > {update.value(now - _MIN_SET_AGE)}"
    update.require(f"(attribute_not_exists({recent}) OR {has_room} OR {is_young})")
    update.add({token}, "recent")
    return update


def _take_into_new_set(counter: Counter, units: int, token: str, now: int, stored: Mapping[str, Any]) -> Update:
    """The take that begins a set, and removes past hours. Refused if another take has begun a set since ``stored``."""
    update = _take_within_bounds(counter, units, token)
    began, before = update.path("began"), stored.get("began")
    update.require(f"{began} = {update.value(before)}" if before is not None else f"attribute_not_exists({began})")
    update.sets.append(f"{update.path('earlier')} = {update.path('recent')}")
    update.set({token}, "recent")
    update.set(now, "began")
    for past in sorted(_past_hours(stored, counter.hour)):
        update.set(None, past)
    return update


def _is_set_full(values: Mapping[str, Any], now: int) -> bool:
    """Whether the next take begins a new set: the negation of the condition in :func:`_take_into_set`."""
    return len(values.get("recent", ())) >= _FULL_SET and values.get("began", 0) <= now - _MIN_SET_AGE


def _past_hours(values: Mapping[str, Any], hour: int) -> set[str]:
    """Attributes of hours before the last one. Nothing is given back to them: that happens within a minute."""
    return {name for name in values if name[0] == "h" and name[1:3].isdigit() and int(name[1:3]) < hour - 1}


def _counter_key(name: str) -> Item:
    return marshal({"pk": f"{LIMITS_PREFIX}{name}"})


# --- Sending stops

STOPS_KEY = "sending-stops"
"""The key of the stops; it is part of the functions' policies."""
STOPS_LIFETIME = 20.0
"""Seconds between two reads. One read may fail and a send may take 20 s more, so a stop works within 60 s."""


class SendingStopStore:
    """All sending stops in one item. Every method raises ``Unavailable``."""

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def read(self, *, consistent: bool = False) -> SendingStops:
        """One GetItem."""
        key = marshal({"pk": STOPS_KEY})
        answer = self._dynamodb("GetItem", TableName=self._table, Key=key, ConsistentRead=consistent)
        if "Item" not in answer:
            return SendingStops()
        try:
            return _stops(unmarshal(answer["Item"]))
        except UNREADABLE as error:
            raise Unavailable(f"{STOPS_KEY} cannot be read: {type(error).__name__}") from error

    def save(self, stops: SendingStops) -> bool:
        """One PutItem under the version before; False if another write came first, also on a retry."""
        try:
            self._dynamodb(
                "PutItem",
                TableName=self._table,
                Item=marshal(_stops_values(stops)),
                ConditionExpression="attribute_not_exists(pk) OR version = :before",
                ExpressionAttributeValues=marshal({":before": stops.version - 1}),
            )
        except ConditionFailed:
            return False
        return True


class CachedStops:
    """A :class:`sms_tracker.domain.operator_rules.StopOf` that reads the item at most every ``STOPS_LIFETIME`` seconds.

    After a failed read the cached stops stay in force. Without cached ones it raises: nothing is sent before the first
    successful read. ``now`` must go on while Lambda freezes the environment, which a monotonic clock may not.
    """

    def __init__(self, store: SendingStopStore, *, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now
        self._cached: SendingStops | None = None
        self._tried_at = 0.0

    def __call__(self, client: str, /) -> Instruction | None:
        """The stop in force for ``client``."""
        now = self._now()
        if self._cached is None or not 0 <= now - self._tried_at < STOPS_LIFETIME:  # below 0: the clock was set back
            self._tried_at = now
            self._cached = self._read()
        return self._cached.stop_of(client)

    def _read(self) -> SendingStops:
        try:
            return self._store.read()
        except SmsTrackerError:
            if self._cached is None:
                raise
            return self._cached


def _stops_values(stops: SendingStops) -> dict[str, object]:
    return {
        "pk": STOPS_KEY,
        "version": stops.version,
        "stops": {client: _instruction_values(stop) for client, stop in stops.stops.items()},
        "log": {f"{place:02}": _instruction_values(each) for place, each in enumerate(stops.log)},
    }


def _instruction_values(each: Instruction) -> dict[str, object]:
    return {"action": str(each.action), "client": each.client, "by": each.by, "reason": each.reason, "at": each.at}


def _stops(values: Mapping[str, Any]) -> SendingStops:
    return SendingStops(
        stops={client: _instruction(stop) for client, stop in values["stops"].items()},
        log=tuple(_instruction(each) for _, each in sorted(values["log"].items())),
        version=int(values["version"]),
    )


def _instruction(values: Mapping[str, Any]) -> Instruction:
    return Instruction(
        action=Action(values["action"]),
        client=values["client"],
        by=values["by"],
        reason=values["reason"],
        at=values["at"],
    )

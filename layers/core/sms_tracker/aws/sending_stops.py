"""Sending stops: one item of the ``state`` table, and each environment's cached copy."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sms_tracker.aws.api import UNREADABLE, Api, ConditionFailed, marshal, unmarshal
from sms_tracker.domain.errors import SmsTrackerError, Unavailable
from sms_tracker.domain.sending_stop import Action, Instruction, SendingStops

KEY = "sending-stops"
"""The item's key; it is part of the functions' policies."""
LIFETIME = 20.0
"""Seconds between two reads. One read may fail and a send may take 20 s more, so a stop works within 60 s."""


class SendingStopStore:
    """The item. Every method raises ``Unavailable``."""

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def read(self, *, consistent: bool = False) -> SendingStops:
        """One GetItem."""
        key = marshal({"pk": KEY})
        answer = self._dynamodb("GetItem", TableName=self._table, Key=key, ConsistentRead=consistent)
        if "Item" not in answer:
            return SendingStops()
        try:
            return _stops(unmarshal(answer["Item"]))
        except UNREADABLE as error:
            raise Unavailable(f"{KEY} cannot be read: {type(error).__name__}") from error

    def save(self, stops: SendingStops) -> bool:
        """One PutItem under the version before; False if another write came first, also on a retry."""
        try:
            self._dynamodb(
                "PutItem",
                TableName=self._table,
                Item=marshal(_values(stops)),
                ConditionExpression="attribute_not_exists(pk) OR version = :before",
                ExpressionAttributeValues=marshal({":before": stops.version - 1}),
            )
        except ConditionFailed:
            return False
        return True


class CachedStops:
    """A :class:`sms_tracker.domain.sending_stop.StopOf` that reads the item at most every ``LIFETIME`` seconds.

    After a failed read the cached stops stay in force. Without cached ones it raises: nothing is sent before the first
    successful read.
    """

    def __init__(self, store: SendingStopStore, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._cached: SendingStops | None = None
        self._tried_at = 0.0

    def __call__(self, client: str, /) -> Instruction | None:
        """The stop in force for ``client``."""
        now = self._monotonic()
        if self._cached is None or now - self._tried_at >= LIFETIME:
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


def _values(stops: SendingStops) -> dict[str, object]:
    return {
        "pk": KEY,
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

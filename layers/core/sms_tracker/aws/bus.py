"""EventBridge: put events, and say for each whether the bus took it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sms_tracker.aws.api import Api
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.ports import BusEvent

_ENTRIES, _BYTES = 10, 1_000_000
"""PutEvents takes at most 10 entries and 1 MB a call; a little is left for the envelope."""


class EventBus:
    """One bus behind :class:`sms_tracker.domain.ports.Bus`."""

    def __init__(self, events: Api, name: str) -> None:
        self._events = events
        self._name = name

    def put(self, events: Sequence[BusEvent]) -> list[str | None]:
        """For each event None once the bus has it, else why not; raises nothing."""
        results: list[str | None] = []
        for batch in _batches(events):
            results += self._put_batch(batch)
        return results

    def _put_batch(self, batch: Sequence[BusEvent]) -> list[str | None]:
        entries = [
            {"EventBusName": self._name, "Source": e.source, "DetailType": e.detail_type, "Detail": e.detail}
            for e in batch
        ]
        try:
            answer = self._events("PutEvents", Entries=entries)
        except SmsTrackerError as error:
            return [str(error)] * len(batch)
        return [entry.get("ErrorCode") for entry in answer["Entries"]]


def _batches(events: Sequence[BusEvent]) -> Iterator[list[BusEvent]]:
    batch: list[BusEvent] = []
    for event in events:
        if batch and (len(batch) == _ENTRIES or sum(e.size for e in batch) + event.size > _BYTES):
            yield batch
            batch = []
        batch.append(event)
    if batch:
        yield batch

"""EventBridge: put events, and say for each whether the bus took it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sms_tracker.domain.ports import BusEvent

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

_ENTRIES, _BYTES = 10, 1_000_000
"""PutEvents takes at most 10 entries and 1 MB a call; a little is left for the envelope."""


class EventBus:
    """One bus behind :class:`sms_tracker.domain.ports.Bus`."""

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, events: Sequence[BusEvent]) -> list[str | None]:
        """For each event None once the bus has it, else why not; raises nothing."""
        results: list[str | None] = []
        for batch in _batches(events):
            results += self._put_batch(batch)
        return results

    def _put_batch(self, batch: Sequence[BusEvent]) -> list[str | None]:
        entries: list[PutEventsRequestEntryTypeDef] = [
            {"EventBusName": self._name, "Source": e.source, "DetailType": e.detail_type, "Detail": e.detail}
            for e in batch
        ]
        try:
            answer = self._client.put_events(Entries=entries)
        except ClientError as error:
            return [str(error.response.get("Error", {}).get("Code", "unknown"))] * len(batch)
        except BotoCoreError as error:
            return [type(error).__name__] * len(batch)
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

"""Events for the bus, the outbox that stores those about no sent message, and changes in the stream of ``messages``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from sms_tracker.domain.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class BusEvent:
    """One event for the bus, in EventBridge's terms; ``detail`` is JSON."""

    source: str
    detail_type: str
    detail: str

    @property
    def size(self) -> int:
        """Bytes as EventBridge counts them, including 14 for the time."""
        return 14 + sum(len(part.encode()) for part in (self.source, self.detail_type, self.detail))


class Bus(Protocol):
    """The event bus."""

    def put(self, events: Sequence[BusEvent]) -> list[str | None]:
        """For each event: None if the bus has it, else the reason. Never raises."""
        ...


_NAMESPACE = UUID("0d1c5a5e-8f0a-5b57-9a55-2b0c3f1d7e11")
OUTBOX_DAYS = 1
"""Days until an outbox item expires, as long as the stream keeps its record. DynamoDB deletes it some days later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """An event to publish. Those with the same ``identity`` are stored and published once.

    It is a short-lived item of the table with the stream. ``expires_at`` is epoch seconds.
    """

    identity: str
    event: BusEvent
    expires_at: int

    @property
    def key(self) -> str:
        """The item's primary key; differs from every message id."""
        return f"event#{uuid5(_NAMESPACE, self.identity)}"


class Outbox(Protocol):
    """Stores events in the table ``messages``; its stream publishes them."""

    def put(self, item: OutboxItem) -> BusEvent | None:
        """Store one item. Returns the event already stored under its key, else None. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChange:
    """A modified record (``old``, ``new``) or a new outbox item (``event``) from the stream.

    ``unreadable``: why neither could be read.
    """

    sequence: str
    raw: Mapping[str, object] = field(repr=False)
    old: Record | None = None
    new: Record | None = None
    event: BusEvent | None = None
    unreadable: str | None = None

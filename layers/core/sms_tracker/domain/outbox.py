"""The outbox: events that belong to no sent message, as short-lived items of the table with the stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from sms_tracker.domain.ports import BusEvent

_NAMESPACE = UUID("0d1c5a5e-8f0a-5b57-9a55-2b0c3f1d7e11")
LIFETIME_DAYS = 1
"""Days until an outbox item expires, as long as the stream keeps its record. DynamoDB deletes it some days later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """One event. Events with the same ``identity`` are stored and published once. ``expires_at`` is epoch seconds."""

    identity: str
    event: BusEvent
    expires_at: int

    @property
    def key(self) -> str:
        """The item's primary key; differs from every message id."""
        return f"event#{uuid5(_NAMESPACE, self.identity)}"


class Outbox(Protocol):
    """The outbox."""

    def put(self, item: OutboxItem) -> BusEvent | None:
        """Store one item. Returns the event already stored under its key, else None. Raises ``Unavailable``."""
        ...

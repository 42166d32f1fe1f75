"""Events about no message that was sent: short-lived items of the messages' table, so that its stream has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from sms_tracker.domain.ports import BusEvent

_NAMESPACE = UUID("0d1c5a5e-8f0a-5b57-9a55-2b0c3f1d7e11")
LIFETIME_DAYS = 1
"""Days until an outbox item expires: as long as the stream keeps its record. DynamoDB deletes it within days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """One event. Items of one ``identity`` are one item: it is written, and published, once.

    ``expires_at`` is epoch seconds.
    """

    identity: str
    event: BusEvent
    expires_at: int

    @property
    def key(self) -> str:
        """The item's primary key, which no message has."""
        return f"event#{uuid5(_NAMESPACE, self.identity)}"


class Outbox(Protocol):
    """The outbox."""

    def put(self, item: OutboxItem) -> BusEvent | None:
        """Store one item. Returns the event that its key had before, None where it had none. Raises ``Unavailable``."""
        ...

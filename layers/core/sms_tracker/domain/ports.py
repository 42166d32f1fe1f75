"""Protocols of what the use cases call. aws/ and provider_http.py implement them, and so do the tests' fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from sms_tracker.domain.errors import SmsTrackerError
    from sms_tracker.domain.hourly_stats import HourlyStats, Progress
    from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
    from sms_tracker.domain.indexes import Index, Position, Span
    from sms_tracker.domain.record import Change, Record, Send
    from sms_tracker.domain.settings import Settings

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Written:
    """The write was applied, now or by an earlier try with a lost reply."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The condition did not hold. ``record`` is the stored one, None if there is none."""

    record: Record | None


class Messages(Protocol):
    """The records. Every method raises ``Unavailable`` if its outcome is not known."""

    def put(self, record: Record) -> Written | NotWritten:
        """Write a new record, unless another invocation wrote one with the same id."""
        ...

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        """Perform one conditional write."""
        ...

    def release(self, message_id: str, *, token: str, cause: str, now: str) -> None:
        """End the claim of ``token``, so that the same key may try again. Only if certainly nothing was sent."""
        ...

    def withdraw(self, message_id: str, *, token: str) -> None:
        """Delete a new record claimed by ``token``, so that its idempotency key is free again. Nothing was sent for it.

        A record changed by a report or another invocation stays.
        """
        ...

    def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
        """Claim the send of ``record``, as the next attempt or the same one; False if it changed since it was read.

        ``record`` is as read, except for ``sender``, which is the new attempt's. The caller checks that its phase may
        be taken over. The message is due for the reconciler at once.
        """
        ...

    def get(self, message_id: str) -> Record | None:
        """Read one record, strongly consistent."""
        ...

    def by_provider_id(self, provider: str, provider_message_id: str) -> str | None:
        """Our id of the message with this provider id, None if there is none."""
        ...


class OnUnreadable(Protocol):
    """A callback for each record that cannot be read. Reading continues with the others."""

    def __call__(self, message_id: str, error: SmsTrackerError, /) -> None:
        """Called once per record."""
        ...


class Search(Protocol):
    """The indexes. Every method raises ``Unavailable``."""

    def keys(
        self, index: Index, partition: str, *, span: Span | None, client: str | None
    ) -> tuple[list[Position], str | None]:
        """One page of an index's partition, newest first, and how far it reaches.

        The second value is a sort key: the page has every newer entry. It is None once the partition is read to its
        end. ``span`` limits the sort key. The page always reaches below ``span.until``, however many entries share that
        key; an index without sort key is read to the partition's end. ``client`` may narrow the page.
        """
        ...

    def records(self, message_ids: Sequence[str], *, on_unreadable: OnUnreadable | None = None) -> list[Record]:
        """The existing records, unordered. One that cannot be read is passed to ``on_unreadable``, or raises."""
        ...


class ReconcileState(Protocol):
    """The reconciler's positions, and the due times of open messages. Every method raises ``Unavailable``."""

    def position(self, name: str) -> str | None:
        """The time up to which the walk ``name`` has read, None before its first run."""
        ...

    def advance(self, name: str, until: str) -> None:
        """Save a position, unless a later one is stored."""
        ...

    def open(self, message_id: str, *, due: str) -> bool:
        """Give an open message its first due time; False if it has one already, or is final."""
        ...

    def put_off(self, message_id: str, *, due: str) -> None:
        """Set another due time, unless the message is final."""
        ...

    def due(self, shard: int, *, until: str, limit: int) -> list[str]:
        """Ids of the messages due by ``until``, the longest overdue first."""
        ...


class Statistics(Protocol):
    """The counted hours, and the position of each counting stage. Every method raises ``Unavailable``."""

    def progress(self, stage: int) -> Progress | None:
        """The position of a stage, None before its first run."""
        ...

    def save(self, stage: int, progress: Progress) -> bool:
        """Save position and sums in one write; False if another run is ahead."""
        ...

    def put(self, stats: HourlyStats) -> None:
        """Replace the stored hour, unless it was computed later."""
        ...

    def hourly_stats(
        self, hours: Sequence[str], *, provider: str | None = None, client: str | None = None
    ) -> Iterable[HourlyStats]:
        """The stored ones of these hours, unordered, one at a time: a month of all clients is large.

        With a provider or client, only its sums.
        """
        ...


class Queue(Protocol):
    """One queue."""

    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        """Send one message. Returns once the queue has it, otherwise raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BusEvent:
    """One event for the bus; ``detail`` is JSON."""

    source: str
    detail_type: str
    detail: str

    @property
    def size(self) -> int:
        """Bytes as EventBridge counts them, including 14 for the time."""
        return 14 + sum(len(part.encode()) for part in (self.source, self.detail_type, self.detail))


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


class Bus(Protocol):
    """The event bus."""

    def put(self, events: Sequence[BusEvent]) -> list[str | None]:
        """For each event: None if the bus has it, else the reason. Never raises."""
        ...


class Topic(Protocol):
    """A notification topic for people."""

    def publish(self, subject: str, text: str) -> None:
        """Notify the subscribers; raises ``Unavailable``."""
        ...


class Http(Protocol):
    """HTTP calls to providers."""

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        """Make one request on a new connection; ``timeout`` is seconds for the whole call."""
        ...


class CallFailed(Protocol):
    """A callback that logs a failed try. Thread-safe."""

    def __call__(self, call: str, *, attempt: int, code: str | None, status: int | None, again: bool) -> None:
        """Log one failed try of a call to AWS or to a provider.

        ``code`` is the service's error code, or the kind of failure if no response came. ``status`` is the HTTP status.
        ``again``: another try follows.
        """
        ...


class Each(Protocol):
    """``map``, possibly concurrent. Results are in the order of the items."""

    def __call__(self, function: Callable[[T], R], items: Sequence[T], /) -> Iterable[R]:
        """Apply the function to each item. Iteration raises its errors; calls for later items may still run."""
        ...


class Clock(Protocol):
    """The current time, aware and in UTC."""

    def __call__(self) -> datetime:
        """The time."""
        ...


class SettingsSource(Protocol):
    """The cached settings."""

    def __call__(self, *, max_age: float | None = None) -> Settings:
        """The settings, read again if older than ``max_age`` seconds (default: their lifetime).

        Raises ``Unavailable`` if none are cached and they cannot be read, ``Misconfigured`` if they are incomplete.
        """
        ...

"""What the use cases call, as protocols. aws/ and provider_http.py implement them; fakes pass the same contract."""

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
    """The write was applied, now or by an earlier try of the same request, which lost its reply."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The condition did not hold; ``record`` is the stored one, None where there is none."""

    record: Record | None


class Messages(Protocol):
    """The records. Every method raises ``Unavailable`` when its outcome is not known."""

    def put(self, record: Record) -> Written | NotWritten:
        """Write a new record, unless another invocation wrote one with this id."""
        ...

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        """Perform one conditional write."""
        ...

    def release(self, message_id: str, *, token: str, cause: str, now: str) -> None:
        """End the claim that ``token`` holds, so that the same key may try again. Nothing was sent, for certain."""
        ...

    def withdraw(self, message_id: str, *, token: str) -> None:
        """Delete a new record that ``token`` claims and nothing was sent for, so that its key is free again.

        A record that a report or another invocation has changed stays.
        """
        ...

    def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
        """Claim the send of ``record`` as the next attempt or the same one, under its claim, phase and version.

        ``record`` is as read, except for ``sender``, which is the next attempt's and stored with the claim. False where
        anything changed since the record was read. The caller decides whether its phase may be taken over.
        The message is due for the reconciler at once.
        """
        ...

    def get(self, message_id: str) -> Record | None:
        """Read one record, strongly consistent."""
        ...

    def by_provider_id(self, provider: str, provider_message_id: str) -> str | None:
        """Our id of the message with this provider id, None where there is none."""
        ...


class OnUnreadable(Protocol):
    """A callback for a record that cannot be read, so that the others can be."""

    def __call__(self, message_id: str, error: SmsTrackerError, /) -> None:
        """Called once for each such record."""
        ...


class Search(Protocol):
    """The indexes. Every method raises ``Unavailable``."""

    def keys(
        self, index: Index, partition: str, *, span: Span | None, client: str | None
    ) -> tuple[list[Position], str | None]:
        """One page of an index's partition, newest first, and how far it reaches.

        The second value is a sort key: every newer entry is in the page. It is None once the partition is read to its
        end. ``span`` bounds the sort key, both ends included. The page always reaches below the span's end, however
        many entries share that key; an index without sort key is read to the partition's end. ``client`` may narrow
        the page.
        """
        ...

    def records(self, message_ids: Sequence[str], *, on_unreadable: OnUnreadable | None = None) -> list[Record]:
        """The records that exist, in no order; one that cannot be read goes to ``on_unreadable``, or raises."""
        ...


class ReconcileState(Protocol):
    """The reconciler's positions and the open messages that are due. Every method raises ``Unavailable``."""

    def position(self, name: str) -> str | None:
        """The time up to which records were read, None before the first run; each ``name`` has its own."""
        ...

    def advance(self, name: str, until: str) -> None:
        """Save a position; an earlier one than is stored changes nothing."""
        ...

    def open(self, message_id: str, *, due: str) -> bool:
        """Make a message due that is not final; False where it already has a due time, or is final by now."""
        ...

    def put_off(self, message_id: str, *, due: str) -> None:
        """Give a message another due time; a final one is left alone."""
        ...

    def due(self, shard: int, *, until: str, limit: int) -> list[str]:
        """Ids of the messages due by ``until``, the longest overdue first."""
        ...


class Statistics(Protocol):
    """The counted hours, and the position of each stage of counting. Every method raises ``Unavailable``."""

    def progress(self, stage: int) -> Progress | None:
        """The position of a stage, None before its first run."""
        ...

    def save(self, stage: int, progress: Progress) -> bool:
        """Save position and sums in one write; False where another run has come further."""
        ...

    def put(self, stats: HourlyStats) -> None:
        """Replace the stored hour as a whole, unless that was computed later."""
        ...

    def hourly_stats(
        self, hours: Sequence[str], *, provider: str | None = None, client: str | None = None
    ) -> Iterable[HourlyStats]:
        """The counted ones of these hours, in no order; one at a time, because a month of all clients is large.

        With a provider or client, only the sums of that provider or client.
        """
        ...


class Queue(Protocol):
    """One queue."""

    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        """Send one message; returns once the queue has it, else raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BusEvent:
    """One entry: source, detail-type and the detail as JSON."""

    source: str
    detail_type: str
    detail: str

    @property
    def size(self) -> int:
        """Bytes as EventBridge counts them, with its 14 for a time."""
        return 14 + sum(len(part.encode()) for part in (self.source, self.detail_type, self.detail))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChange:
    """One modification of a record in the stream, or a new outbox item, which is an ``event``.

    ``unreadable`` is the reason where there is none of them.
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
        """For each event None once the bus has it, else the reason; raises nothing."""
        ...


class Topic(Protocol):
    """A topic with human subscribers."""

    def publish(self, subject: str, text: str) -> None:
        """Notify the subscribers; raises ``Unavailable``."""
        ...


class Http(Protocol):
    """The providers, over HTTP."""

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        """Make one request on a connection of its own; ``timeout`` is seconds for the whole call."""
        ...


class CallFailed(Protocol):
    """A callback for failed tries, to be logged; any thread may call it."""

    def __call__(self, call: str, *, attempt: int, code: str | None, status: int | None, again: bool) -> None:
        """Record one failed try of a call to AWS or to a provider.

        ``code`` is AWS's or the provider's own, or the kind of failure where no response came; ``status`` is HTTP's;
        ``again`` is whether another try follows.
        """
        ...


class Each(Protocol):
    """``map``, or a concurrent ``map``; results are in the order of the items."""

    def __call__(self, function: Callable[[T], R], items: Sequence[T], /) -> Iterable[R]:
        """Apply the function to each item. Iterating raises its error; calls for later items may then still run."""
        ...


class Clock(Protocol):
    """The current time, aware and in UTC."""

    def __call__(self) -> datetime:
        """Now."""
        ...


class SettingsSource(Protocol):
    """The settings, cached."""

    def __call__(self, *, max_age: float | None = None) -> Settings:
        """The settings, read again if older than ``max_age`` seconds (or their own lifetime).

        Raises ``Unavailable`` where there are none yet and they cannot be read, ``Misconfigured`` where they are
        incomplete.
        """
        ...

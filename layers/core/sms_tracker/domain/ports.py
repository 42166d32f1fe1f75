"""Protocols of what the use cases call. aws/ and provider_http.py implement them, and so do the tests' fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from sms_tracker.domain.http import HttpResponse, NoResponse

if TYPE_CHECKING:
    from datetime import datetime

    from sms_tracker.domain.errors import SmsTrackerError
    from sms_tracker.domain.http import HttpRequest
    from sms_tracker.domain.indexes import Index, Position, Span
    from sms_tracker.domain.record import Change, Record, Send
    from sms_tracker.domain.settings import Settings


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


class Queue(Protocol):
    """One queue."""

    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        """Send one message. Returns once the queue has it, otherwise raises ``Unavailable``."""
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


T = TypeVar("T")
R = TypeVar("R")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Time and randomness. ``monotonic`` is seconds, ``fraction`` is 0..1."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    fraction: Callable[[], float]


class Metrics(Protocol):
    """The metrics of one invocation, as :class:`sms_tracker.log.Line` writes them."""

    def count(self, metric: str, value: int = 1) -> None:
        """Add to a metric; zero counts are skipped."""
        ...

    def measure(self, metric: str, value: float | list[float] | None, unit: str) -> None:
        """Set a metric in CloudWatch's ``unit``; a list holds one value each; None and [] are skipped."""
        ...

    def with_dimensions(self, **dimensions: str) -> Metrics:
        """Other metrics, with these dimensions."""
        ...


def log_failed_call(
    failed: CallFailed,
    call: str,
    answer: HttpResponse | NoResponse,
    *,
    code: str | None = None,
    attempt: int = 1,
    again: bool = False,
) -> None:
    """Log a provider's failed call. Without an answer, the code is how the call ended."""
    if isinstance(answer, NoResponse):
        failed(call, attempt=attempt, code=answer.reason, status=None, again=again)
    else:
        failed(call, attempt=attempt, code=code, status=answer.status, again=again)

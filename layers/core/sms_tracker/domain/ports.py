"""What the use cases need from the outside; aws/ and http fulfil it, tests bring fakes that pass the same contract."""

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
    """The write was applied (or had been, by the same request whose reply was lost)."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The condition did not hold; ``record`` is what is there, None where nothing is."""

    record: Record | None


class Messages(Protocol):
    """The records. Every method raises ``Unavailable`` when it cannot say what happened."""

    def put(self, record: Record) -> Written | NotWritten:
        """Write a new record unless one with this id exists that another invocation wrote."""
        ...

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        """Perform one conditional write."""
        ...

    def release(self, message_id: str, *, token: str, cause: str, now: str) -> None:
        """Let the same key try again, if ``token`` still holds the claim; certainly nothing was sent."""
        ...

    def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
        """Claim the send of ``record`` as the next attempt, under the claim, phase and version that ``record`` shows.

        False where anything moved since it was read. Whether that phase may be taken over is the caller's to judge.
        The message is due on the reconciler's agenda at once.
        """
        ...

    def get(self, message_id: str) -> Record | None:
        """Read one record, strongly consistent."""
        ...

    def by_provider_id(self, provider: str, provider_message_id: str) -> str | None:
        """The id of the message that a provider knows under its own."""
        ...


class Damaged(Protocol):
    """Told of a record that cannot be read, so that it does not hold up the others."""

    def __call__(self, message_id: str, error: SmsTrackerError, /) -> None:
        """Note it."""
        ...


class Search(Protocol):
    """The indexes. Every method raises ``Unavailable``."""

    def keys(
        self, index: Index, partition: str, *, span: Span | None, client: str | None
    ) -> tuple[list[Position], str | None]:
        """One page of an index's partition, newest first, and how far it reaches.

        The second value is the sort key after which nothing newer is missing, None when the partition was read to its
        end. ``span`` bounds the sort key, its end included here; the page reaches below that end, however many keys
        share it, and to the partition's end where the index has no sort key. ``client`` may narrow the page already.
        """
        ...

    def records(self, message_ids: Sequence[str], *, damaged: Damaged | None = None) -> list[Record]:
        """The records that exist, in no order; ``damaged`` is told of one that cannot be read, if it is given."""
        ...


class ReconcileState(Protocol):
    """What the reconciler still has to look at. Every method raises ``Unavailable``."""

    def walked(self, name: str) -> str | None:
        """The time up to which records were walked, None before the first walk of that name."""
        ...

    def walk(self, name: str, until: str) -> None:
        """Remember it; never moves it back."""
        ...

    def open(self, message_id: str, *, due: str) -> bool:
        """Put a message that is not final on the agenda; False where it is there already, or final by now."""
        ...

    def put_off(self, message_id: str, *, due: str) -> None:
        """Move a message that is not final yet; nothing for one that is."""
        ...

    def due(self, shard: int, *, until: str, limit: int) -> list[str]:
        """Ids of messages whose time has come, the longest overdue first."""
        ...


class Statistics(Protocol):
    """The counted hours, and how far each stage of counting came. Every method raises ``Unavailable``."""

    def progress(self, stage: int) -> Progress | None:
        """Where this stage is, None before its first run."""
        ...

    def save(self, stage: int, progress: Progress) -> bool:
        """Remember position and sums in one write; False where another run is further already."""
        ...

    def put(self, cohort: HourlyStats) -> None:
        """Replace what is known of this hour as a whole, unless it was computed later."""
        ...

    def hourly_stats(
        self, hours: Sequence[str], *, provider: str | None = None, client: str | None = None
    ) -> Iterable[HourlyStats]:
        """Those of these hours that were counted, in no order, one after the other: a month of all clients is large.

        Where a provider or client is named, their sums alone are in them.
        """
        ...


class Queue(Protocol):
    """One queue."""

    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        """Put one message; returns only once the queue has it, else raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChange:
    """One modification of a record, as the stream shows it; ``unreadable`` says why there are no records in it."""

    sequence: str
    raw: Mapping[str, object] = field(repr=False)
    old: Record | None = None
    new: Record | None = None
    unreadable: str | None = None


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


class Bus(Protocol):
    """The event bus."""

    def put(self, events: Sequence[BusEvent]) -> list[str | None]:
        """For each event None once the bus has it, else the reason why not; raises nothing."""
        ...


class Topic(Protocol):
    """The topic that people listen to."""

    def publish(self, subject: str, text: str) -> None:
        """Tell them; raises ``Unavailable``."""
        ...


class Http(Protocol):
    """The providers, over HTTP."""

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        """Make one request on a connection of its own; ``timeout`` is seconds for the whole call."""
        ...


class CallFailed(Protocol):
    """Whoever keeps an invocation's log; any thread may call it."""

    def __call__(self, call: str, *, attempt: int, code: str | None, status: int | None, again: bool) -> None:
        """Hear of one try of a call to AWS or to a provider that came to nothing.

        ``code`` is AWS's or the provider's own, or how the call ended where nobody answered; ``status`` is HTTP's;
        ``again`` is whether another try followed.
        """
        ...


class Each(Protocol):
    """One function over many items, as ``map`` does it, or several at a time; the results are in the items' order."""

    def __call__(self, function: Callable[[T], R], items: Sequence[T], /) -> Iterable[R]:
        """Apply it to each. Iterating raises what it raised; calls of later items may then still run."""
        ...


class Clock(Protocol):
    """The present, aware and in UTC."""

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

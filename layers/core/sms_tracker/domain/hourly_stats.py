"""Hourly statistics: the counts of one hour's messages, and the stages at which an hour is counted again."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Protocol, TypeVar

from sms_tracker.domain.cost import CostSums
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Outcome, Status

BOUNDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400, 259200)
"""Upper bounds of the buckets in seconds to delivery; one more bucket lies above. Stored counts depend on them."""

UNKNOWN_COUNTRY = "ZZ"
"""CLDR's code for an unknown region: numbers without a country, and hours stored without countries."""
UNCONFIRMED = "unconfirmed"
"""In ``Tally.reasons``: messages that end as ``unknown`` although a carrier accepted them and nothing failed."""


HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of messages: by status, failures by reason (and ``UNCONFIRMED``), deliveries by bucket of ``BOUNDS``.

    ``countries``: the same by the recipient's country (ISO 3166); empty if they were not stored.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)
    cost: CostSums = field(default_factory=CostSums)
    countries: dict[str, Tally] = field(default_factory=dict)

    def count(
        self, record: Record, delivered_at: str | None, *, unconfirmed: bool = False, country: str | None = None
    ) -> None:
        """Count one message, also in its country's counts; ``delivered_at`` is None unless it was delivered."""
        if country is not None:
            self.countries.setdefault(country, Tally()).count(record, delivered_at, unconfirmed=unconfirmed)
        accepted = record.state.ids.keys() | record.costs.keys()
        self.cost.count(record.costs, attempts=len(accepted), segments=record.segmentation.segments)
        self.statuses[str(record.state.status)] += 1
        if unconfirmed:
            self.reasons[UNCONFIRMED] += 1
        if (failure := record.state.shown_failure) is not None:
            self.reasons[str(failure.reason)] += 1
        if delivered_at is not None:
            waited = datetime.fromisoformat(delivered_at) - datetime.fromisoformat(record.created_at)
            self.seconds[bisect_left(BOUNDS, waited.total_seconds())] += 1  # clocks differ: below 0 counts in the first

    def add(self, other: Tally) -> None:
        """Add the counts of ``other``, but not those by country."""
        _add(self.statuses, other.statuses)
        _add(self.reasons, other.reasons)
        _add(self.seconds, other.seconds)
        self.cost.add(other.cost)

    @property
    def messages(self) -> int:
        return self.statuses.total()

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """Messages by outcome, zero counts included."""
        return {
            outcome: sum(count for status, count in self.statuses.items() if Status(status).outcome is outcome)
            for outcome in Outcome
        }

    @property
    def judged(self) -> int:
        """Final messages except the unconfirmed ones, whose outcome is never known."""
        return self.messages - self.outcomes[Outcome.OPEN] - self.reasons[UNCONFIRMED]

    @property
    def delivery_rate(self) -> float | None:
        """Share of successes among :attr:`judged`, 0 to 1; None if there are none."""
        return self.outcomes[Outcome.SUCCESS] / self.judged if self.judged else None

    @property
    def histogram(self) -> list[int]:
        """Deliveries in each bucket, including the one above the last bound."""
        return [self.seconds[bucket] for bucket in range(len(BOUNDS) + 1)]


_Key = TypeVar("_Key", str, int)


def _add(counts: Counter[_Key], more: Counter[_Key]) -> None:
    """Add ``more`` to ``counts``, five times as fast as ``Counter.update``: a month has hundreds of thousands."""
    for name, count in more.items():
        counts[name] += count


def quantile(histogram: Sequence[int], share: float) -> float | None:
    """Seconds within which ``share`` of the deliveries were made, interpolated linearly within the bucket.

    At most the last bound; None without deliveries.
    """
    rank = share * sum(histogram)
    if not rank:
        return None
    below = [0, *accumulate(histogram)]
    bucket = bisect_left(below, rank) - 1
    if bucket == len(BOUNDS):
        return float(BOUNDS[-1])
    lower = BOUNDS[bucket - 1] if bucket else 0
    return lower + (BOUNDS[bucket] - lower) * (rank - below[bucket]) / histogram[bucket]


Group = tuple[str, str]
"""Provider and client."""
Sums = dict[Group, Tally]


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyStats:
    """The messages created in one hour, in their state at ``computed_at`` or later. Times are RFC 3339.

    ``hour`` is the start of the hour. ``final``: the hour is not counted again.
    """

    hour: str
    computed_at: str
    final: bool
    sums: Mapping[Group, Tally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The position in the count of one hour; ``sums`` has exactly the messages before it.

    The position is a ``shard`` of by_time, and the time down to which it was read (``until``, None: not begun).
    ``since`` is when the count began, None before.
    """

    hour: str
    since: str | None = None
    shard: int = 0
    until: str | None = None
    sums: Sums = field(default_factory=dict)


_AGES = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""The stages before the last one."""
_CLOSING_TIME = timedelta(hours=1)
"""Time for the reconciler to close the messages that reach their last age."""


def counting_stages(unknown: timedelta) -> tuple[timedelta, ...]:
    """The stages: times after an hour's end at which it is counted. At the last one no message is open."""
    return (*_AGES, max(unknown, _AGES[-1]) + _CLOSING_TIME)


def hour_of(moment: datetime) -> datetime:
    """The start of the hour of ``moment``."""
    return moment.replace(minute=0, second=0, microsecond=0)


def newest_hour(age: timedelta, *, now: datetime) -> datetime:
    """The last hour that ended ``age`` ago or earlier: at 12:05 and an age of 10 minutes, the one from 10:00."""
    return hour_of(now - age) - HOUR


def first_hour(stages: Sequence[timedelta], *, now: datetime) -> str:
    """The first hour that a new deployment counts: the newest one that is due at the last stage."""
    return timestamp(newest_hour(stages[-1], now=now))


def due_hour(stages: Sequence[timedelta], stage: int, reached: Progress, *, now: datetime) -> str | None:
    """The next hour to count at this stage, None if none is due.

    Skips hours that are due at the next stage too.
    """
    first = reached.hour
    if stage + 1 < len(stages):
        first = max(first, timestamp(newest_hour(stages[stage + 1], now=now) + HOUR))
    return first if first <= timestamp(newest_hour(stages[stage], now=now)) else None


def unfinished_hours(stages: Sequence[timedelta], *, now: datetime) -> Iterator[str]:
    """The hours before their first stage: the current one, and for a while the one before."""
    yield from map(timestamp, sorted({newest_hour(stages[0], now=now) + HOUR, hour_of(now)}))


def next_hour(hour: str) -> str:
    """The hour after ``hour``; both are the start of an hour, RFC 3339."""
    return timestamp(datetime.fromisoformat(hour) + HOUR)


def last_moment(hour: str) -> str:
    """The last millisecond of an hour."""
    return timestamp(datetime.fromisoformat(next_hour(hour)) - timedelta(milliseconds=1))


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

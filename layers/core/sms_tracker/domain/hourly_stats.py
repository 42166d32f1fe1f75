"""The messages of one hour, counted: what is counted of each, when it is counted again, how the counts are read."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TypeVar

from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Outcome, Status

BOUNDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400, 259200)
"""Seconds to delivery up to which a bucket reaches; one more lies above. Stored rows hold counts by these."""

HOUR = timedelta(hours=1)
_AGES = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
_LAST = timedelta(hours=1)
"""After the age at which a message is given up, what the reconciler needs to do so."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of messages: by status, failures by reason, deliveries by bucket of :data:`BOUNDS`."""

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)

    def count(self, record: Record, delivered_at: str | None) -> None:
        """One message more; ``delivered_at`` is None for what was not delivered."""
        self.statuses[str(record.state.status)] += 1
        if (failure := record.state.shown_failure) is not None:
            self.reasons[str(failure.reason)] += 1
        if delivered_at is not None:
            waited = datetime.fromisoformat(delivered_at) - datetime.fromisoformat(record.created_at)
            self.seconds[bisect_left(BOUNDS, waited.total_seconds())] += 1  # clocks differ: less than none is the first

    def add(self, other: Tally) -> None:
        """All that ``other`` counted, too."""
        _add(self.statuses, other.statuses)
        _add(self.reasons, other.reasons)
        _add(self.seconds, other.seconds)

    @property
    def messages(self) -> int:
        return self.statuses.total()

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """Messages by outcome, each of them named."""
        return {
            outcome: sum(count for status, count in self.statuses.items() if Status(status).outcome is outcome)
            for outcome in Outcome
        }

    @property
    def delivery_rate(self) -> float | None:
        """Success among what is final; None where nothing is."""
        final = self.messages - self.outcomes[Outcome.OPEN]
        return self.outcomes[Outcome.SUCCESS] / final if final else None

    @property
    def histogram(self) -> list[int]:
        """Deliveries in each bucket, the one above the last bound included."""
        return [self.seconds[bucket] for bucket in range(len(BOUNDS) + 1)]


Counted = TypeVar("Counted", str, int)


def _add(counts: Counter[Counted], more: Counter[Counted]) -> None:
    """As ``Counter.update`` does it in five times the time; a month has hundreds of thousands to add."""
    for name, count in more.items():
        counts[name] += count


Group = tuple[str, str]
"""Provider and client."""
Sums = dict[Group, Tally]


def quantile(histogram: Sequence[int], share: float) -> float | None:
    """Seconds within which ``share`` of the deliveries were made, on a straight line within the bucket.

    Above the last bound it is that bound; None where nothing was delivered.
    """
    wanted = share * sum(histogram)
    if not wanted:
        return None
    below = [0, *accumulate(histogram)]
    bucket = bisect_left(below, wanted) - 1
    if bucket == len(BOUNDS):
        return float(BOUNDS[-1])
    lower = BOUNDS[bucket - 1] if bucket else 0
    return lower + (BOUNDS[bucket] - lower) * (wanted - below[bucket]) / histogram[bucket]


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyStats:
    """The messages created in one hour, as they were at ``computed_at`` or after. Times are RFC 3339.

    ``hour`` is its beginning; ``final`` says that it is not counted again.
    """

    hour: str
    computed_at: str
    final: bool
    sums: Mapping[Group, Tally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the counting of one hour came; ``sums`` are exactly the messages before the position.

    The position is a shard of by_time and, within it, the time down to which was read (None: not begun). ``since`` is
    when the counting began, None where the hour is only the next.
    """

    hour: str
    since: str | None = None
    shard: int = 0
    until: str | None = None
    sums: Sums = field(default_factory=dict)


def ages(unknown: timedelta) -> tuple[timedelta, ...]:
    """How long after its end an hour is counted; the last time is when nothing is open any more."""
    return (*_AGES, max(unknown, _AGES[-1]) + _LAST)


def hour_of(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def newest(age: timedelta, *, now: datetime) -> datetime:
    """The last hour that ended so long ago."""
    return hour_of(now - age) - HOUR


def start(stages: Sequence[timedelta], stage: int, *, now: datetime) -> str:
    """The first hour that is ever counted at this stage: as far back as the last stage has not yet to be done."""
    return timestamp(newest(stages[-1], now=now) + (HOUR if stage + 1 < len(stages) else timedelta(0)))


def due(stages: Sequence[timedelta], stage: int, reached: Progress, *, now: datetime) -> str | None:
    """The next hour to be counted at this stage, None where none is.

    What is due at the following stage as well is left to that one.
    """
    following_stage = stages[stage + 1 : stage + 2]
    left = [timestamp(newest(age, now=now) + HOUR) for age in following_stage]
    first = max([reached.hour, *left])
    return first if first <= timestamp(newest(stages[stage], now=now)) else None


def unfinished(stages: Sequence[timedelta], *, now: datetime) -> Iterator[str]:
    """The hours before any stage: the one that runs, and the one before for a while."""
    yield from map(timestamp, sorted({newest(stages[0], now=now) + HOUR, hour_of(now)}))


def following(hour: str) -> str:
    """The hour after."""
    return timestamp(datetime.fromisoformat(hour) + HOUR)


def last_moment(hour: str) -> str:
    """The end of an hour, which is still in it."""
    return timestamp(datetime.fromisoformat(following(hour)) - timedelta(milliseconds=1))

"""Count each hour's messages from their records, again at each stage until none is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.hourly_stats import (
    UNKNOWN_COUNTRY,
    HourlyStats,
    Progress,
    Statistics,
    Sums,
    Tally,
    due_hour,
    first_hour,
    last_moment,
    next_hour,
    unfinished_hours,
)
from sms_tracker.domain.indexes import BY_TIME, SHARDS, Span
from sms_tracker.domain.ports import Clock, Metrics, Search
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.reconcile.provider_health import needed_hours, provider_health
from sms_tracker.services.numbers import country
from sms_tracker.services.timeline import delivered_at, unconfirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyCounter:
    """Counts hours. Safe to crash at any point and to run twice at once.

    ``stages``: ages at which an hour is counted, ascending. ``seconds``: time for one run. ``stride``: records between
    two saves of the position; an hour with more records gets no preview. ``errors``: of the last run, by text.
    """

    search: Search
    statistics: Statistics
    clock: Clock
    monotonic: Callable[[], float]
    stages: Sequence[timedelta]
    seconds: float
    stride: int = 10_000
    errors: Counter[str] = field(default_factory=Counter, init=False)

    def run(self) -> Counter[str]:
        """Run all stages, the last one first, so that final counts are never late. Counts the decisions."""
        end = self.monotonic() + self.seconds
        stages = reversed(range(len(self.stages)))
        done: Counter[str] = Counter()
        self.errors.clear()
        for steps in (*(self._catch_up(stage, end) for stage in stages), self._preview(end)):
            try:
                done.update(steps)
            except SmsTrackerError as error:  # the next run continues from the saved position
                done["failed"] += 1
                self.errors[str(error)] += 1
        return done

    def _catch_up(self, stage: int, end: float) -> Iterator[str]:
        """Count the hours due at this stage. The position passes an hour only once its counts are stored."""
        progress = self.statistics.progress(stage) or self._start(stage)
        while (hour := due_hour(self.stages, stage, progress, now=self.clock())) is not None:
            if progress.hour != hour or progress.since is None:
                progress = Progress(hour=hour, since=timestamp(self.clock()))
            counted = self._count(stage, progress, end)
            if isinstance(counted, str):
                yield counted
                return
            self._put(counted, final=stage + 1 == len(self.stages))
            progress = Progress(hour=next_hour(hour))
            if not self.statistics.save(stage, progress):
                yield "another-run-is-ahead"
                return
            yield "hour-counted"

    def _start(self, stage: int) -> Progress:
        """Save a stage's first position at once, so that a failed first run misses no hour."""
        progress = Progress(hour=first_hour(self.stages, now=self.clock()))
        self.statistics.save(stage, progress)
        return progress

    def _count(self, stage: int, progress: Progress, end: float) -> Progress | str:
        """Count the rest of an hour, or return why this run cannot. Saves the position and its sums on the way."""
        counted, unsaved = progress, 0
        for counted, read in self._pages(progress):
            unsaved += read
            over = self.monotonic() > end
            if over or unsaved >= self.stride:
                unsaved = 0
                if not self.statistics.save(stage, counted):
                    return "another-run-is-ahead"
            if over:
                return "left-for-the-next-run"
        return counted

    def _preview(self, end: float) -> Iterator[str]:
        """Count hours before their first stage, if they are small. Each run counts them anew."""
        for hour in unfinished_hours(self.stages, now=self.clock()):
            progress, total = Progress(hour=hour, since=timestamp(self.clock())), 0
            for counted, read in self._pages(progress):
                progress, total = counted, total + read
                if total > self.stride or self.monotonic() > end:
                    yield "busy-hour-left-to-its-stage"
                    return
            self._put(progress, final=False)
            yield "hour-previewed"

    def _pages(self, progress: Progress) -> Iterator[tuple[Progress, int]]:
        """The progress after each page of the hour's records from ``progress`` on, and the page's number of records."""
        while progress.shard < SHARDS:
            partition = f"{progress.hour[:10]}#{progress.shard:02d}"
            span = Span(since=progress.hour, until=progress.until or last_moment(progress.hour))
            keys, reach = self.search.keys(BY_TIME, partition, span=span, client=None)
            # More records of the moment ``reach`` may follow: they all count with the next page, which begins there.
            counted = [key.message_id for key in keys if reach is None or key.at > reach]
            for record in self.search.records(counted, on_unreadable=self._skip):
                _count_record(record, progress.sums)
            progress = replace(progress, shard=progress.shard + 1 if reach is None else progress.shard, until=reach)
            yield progress, len(counted)

    def _skip(self, _: str, error: SmsTrackerError) -> None:
        self.errors[str(error)] += 1

    def _put(self, progress: Progress, *, final: bool) -> None:
        computed_at = progress.since or timestamp(self.clock())
        counted = HourlyStats(hour=progress.hour, computed_at=computed_at, final=final, sums=progress.sums)
        self.statistics.put(counted)


def _count_record(record: Record, sums: Sums) -> None:
    if not record.test:
        sums.setdefault((record.state.provider, record.client), Tally()).count(
            record,
            delivered_at(record),
            unconfirmed=unconfirmed(record),
            country=country(record.to) or UNKNOWN_COUNTRY,
        )


def measure(counter: HourlyCounter, metrics: Metrics, *, objective: float) -> None:
    """Measure the health of each provider, and the gauges of all for alarms. ``objective``: percent, below 100."""
    now = counter.clock()
    healths = provider_health(counter.statistics.hourly_stats(needed_hours(now)), now=now, objective=objective)
    for provider, health in healths.items():
        own = metrics.with_dimensions(provider=provider)
        own.measure("DeliveryRate", health.delivery_rate, "Percent")
        own.measure("TrackedShare", health.tracked, "Percent")
    metrics.measure("DeliveryRateChange", _known(health.change for health in healths.values()), "None")
    metrics.measure("TimeToDeliverChange", _known(health.slower for health in healths.values()), "None")
    metrics.measure("TrackingBurn", _known(health.burn for health in healths.values()), "None")


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]

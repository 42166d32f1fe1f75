"""Count: fold the messages of each hour from their records, again and again until nothing in it is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.hourly_stats import HourlyStats, Progress, Tally, due, following, last_moment, start, unfinished
from sms_tracker.domain.indexes import BY_TIME, SHARDS, Span
from sms_tracker.domain.ports import Clock, Search, Statistics
from sms_tracker.domain.report import timestamp
from sms_tracker.services.timeline import delivered_at


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyCounter:
    """The use case with everything it needs from outside. Safe to crash anywhere and to run twice at once.

    ``stages`` are the ages at which an hour is counted, ascending; ``seconds`` is for one run. ``stride`` records are
    read before the position is saved; an hour with more of them is counted at its stages only. ``errors`` are those of
    the last run.
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
        """The last stage comes first, so that what is final never waits; counts of what was done, by its word."""
        end = self.monotonic() + self.seconds
        stages = reversed(range(len(self.stages)))
        done: Counter[str] = Counter()
        self.errors.clear()
        for steps in (*(self._catch_up(stage, end) for stage in stages), self._preview(end)):
            try:
                done.update(steps)
            except SmsTrackerError as error:  # what was saved is right; the next run goes on from there
                done["failed"] += 1
                self.errors[str(error)] += 1
        return done

    def _catch_up(self, stage: int, end: float) -> Iterator[str]:
        """Count what is due at this stage, hour by hour; an hour is left behind only once its counts are put."""
        progress = self.statistics.progress(stage) or self._begun(stage)
        while (hour := due(self.stages, stage, progress, now=self.clock())) is not None:
            if progress.hour != hour or progress.since is None:
                progress = Progress(hour=hour, since=timestamp(self.clock()))
            counted = self._count(stage, progress, end)
            if isinstance(counted, str):
                yield counted
                return
            self._put(counted, final=stage + 1 == len(self.stages))
            progress = Progress(hour=following(hour))
            if not self.statistics.save(stage, progress):
                yield "another-run-is-ahead"
                return
            yield "hour-counted"

    def _begun(self, stage: int) -> Progress:
        """Where a stage begins is remembered at once: no hour is missed then, whatever befalls its first run."""
        progress = Progress(hour=start(self.stages, stage, now=self.clock()))
        self.statistics.save(stage, progress)
        return progress

    def _count(self, stage: int, progress: Progress, end: float) -> Progress | str:
        """The rest of an hour, or why it is left to another run. What is saved are the sums of just what was read."""
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
        """What no stage has counted yet, where it is little: anew in each run, so nothing is saved on the way."""
        for hour in unfinished(self.stages, now=self.clock()):
            progress, total = Progress(hour=hour, since=timestamp(self.clock())), 0
            for counted, read in self._pages(progress):
                progress, total = counted, total + read
                if total > self.stride or self.monotonic() > end:
                    yield "busy-hour-left-to-its-stage"
                    return
            self._put(progress, final=False)
            yield "hour-previewed"

    def _pages(self, progress: Progress) -> Iterator[tuple[Progress, int]]:
        """The hour's records from where ``progress`` is, page by page, each counted once; and how many a page had."""
        for shard in range(progress.shard, SHARDS):
            until = progress.until if shard == progress.shard and progress.until else last_moment(progress.hour)
            span: Span | None = Span(since=progress.hour, until=until)
            while span is not None:
                keys, reach = self.search.keys(BY_TIME, f"{progress.hour[:10]}#{shard:02d}", span=span, client=None)
                # What was created at the very end of the page may go on in the next one, so that one has it all.
                taken = [key.message_id for key in keys if reach is None or key.at > reach]
                for record in self.search.records(taken, on_unreadable=self._left_out):
                    group = (record.state.provider, record.client)
                    if group not in progress.sums:
                        progress.sums[group] = Tally()
                    progress.sums[group].count(record, delivered_at(record))
                span = None if reach is None else Span(since=progress.hour, until=reach)
                position = (shard, span.until) if span else (shard + 1, None)
                yield replace(progress, shard=position[0], until=position[1]), len(taken)

    def _left_out(self, _: str, error: SmsTrackerError) -> None:
        self.errors[str(error)] += 1

    def _put(self, progress: Progress, *, final: bool) -> None:
        computed_at = progress.since or timestamp(self.clock())
        cohort = HourlyStats(hour=progress.hour, computed_at=computed_at, final=final, sums=progress.sums)
        self.statistics.put(cohort)

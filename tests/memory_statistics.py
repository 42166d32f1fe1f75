"""The statistics port in memory; values are stored serialised, so that later changes do not affect them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sms_tracker.aws.reconcile_state import packed, unpacked
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.hourly_stats import HourlyStats, Progress


@dataclass
class MemoryStatistics:
    """``stages`` and ``hours`` are the saved values, with sums as text. ``error`` is raised by every call."""

    stages: dict[int, tuple[Progress, str]] = field(default_factory=dict)
    hours: dict[str, tuple[HourlyStats, str]] = field(default_factory=dict)
    error: SmsTrackerError | None = None

    def progress(self, stage: int) -> Progress | None:
        self._answer()
        known = self.stages.get(stage)
        return None if known is None else replace(known[0], sums=unpacked(known[1]))

    def save(self, stage: int, progress: Progress) -> bool:
        self._answer()
        known = self.stages.get(stage)
        if known is not None and _position(known[0]) > _position(progress):
            return False
        self.stages[stage] = (replace(progress, sums={}), packed(progress.sums))
        return True

    def put(self, cohort: HourlyStats) -> None:
        self._answer()
        known = self.hours.get(cohort.hour)
        if known is None or known[0].computed_at < cohort.computed_at:
            self.hours[cohort.hour] = (replace(cohort, sums={}), packed(cohort.sums))

    def hourly_stats(
        self, hours: Sequence[str], *, provider: str | None = None, client: str | None = None
    ) -> Iterator[HourlyStats]:
        self._answer()
        for cohort, text in (self.hours[hour] for hour in hours if hour in self.hours):
            yield replace(cohort, sums=unpacked(text, provider, client))

    def _answer(self) -> None:
        if self.error is not None:
            raise self.error


def _position(progress: Progress) -> tuple[str, int]:
    return progress.hour, progress.shard

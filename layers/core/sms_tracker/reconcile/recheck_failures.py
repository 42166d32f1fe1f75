"""Look each failure up once more: the report of a correction can be lost like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from sms_tracker.domain.indexes import BY_ATTENTION, Position, Span, key_pages, months
from sms_tracker.domain.overdue import named
from sms_tracker.domain.ports import OnUnreadable, ReconcileState, Search
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Outcome
from sms_tracker.reconcile.lookup import NO_ANSWER

FAILURES = "failures"
"""The name of its position in the reconciler's state."""
_SLICE, _LATEST = timedelta(minutes=10), timedelta(days=1)
"""The time span that is read at once, and the age above which a failure is skipped."""
_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRecheck:
    """``look_up`` looks a record up; None if this run may make no more look-ups, or cannot queue them."""

    search: Search
    state: ReconcileState
    look_up: Callable[[Record], str | None]
    on_unreadable: OnUnreadable

    def run(self, horizon: datetime) -> Iterator[str]:
        """Each failure once, oldest first, up to ``horizon``. The next run continues there.

        A provider without an answer delays the other failures by one run at most.
        """
        walked = self.state.position(FAILURES)
        since = max(datetime.fromisoformat(walked), horizon - _LATEST) if walked else horizon - _SLICE
        while since < horizon:
            until = min(since + _SLICE, horizon)
            for position, record in self._failed(Span(since=timestamp(since), until=timestamp(until))):
                decision = self.look_up(record)
                if decision is None or (decision == NO_ANSWER and position.at != walked):
                    self.state.advance(FAILURES, position.at)
                    yield "failures-left-for-the-next-run"
                    return
                yield f"failure-{decision}"
            self.state.advance(FAILURES, timestamp(until))
            since = until

    def _failed(self, span: Span) -> Iterator[tuple[Position, Record]]:
        """Records that are still failures and have a provider id, oldest first. The span excludes its end."""
        partitions = chain.from_iterable(months(span))
        keys = chain.from_iterable(key_pages(self.search, BY_ATTENTION, partition, span) for partition in partitions)
        found = sorted({position for position in chain.from_iterable(keys) if position.at < span.until})
        for start in range(0, len(found), _BATCH):
            batch = found[start : start + _BATCH]
            read = self.search.records([each.message_id for each in batch], on_unreadable=self.on_unreadable)
            records = {record.message_id: record for record in read}
            for position in batch:
                record = records.get(position.message_id)
                if record and record.state.status.outcome is Outcome.FAILURE and named(record):
                    yield position, record

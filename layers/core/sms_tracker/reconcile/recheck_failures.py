"""Again: a second look at failures, for a correction's report is lost as easily as any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from sms_tracker.domain.indexes import BY_ATTENTION, Position, Span, months
from sms_tracker.domain.overdue import named
from sms_tracker.domain.ports import OnUnreadable, ReconcileState, Search
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Outcome
from sms_tracker.reconcile.lookup import NO_ANSWER
from sms_tracker.services.pages import pages

FAILURES = "failures"
"""The name of its position."""
_SLICE, _LATEST = timedelta(minutes=10), timedelta(days=1)
"""How much of the past is looked through at a time, and how late a look may be before it is left out."""
_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRecheck:
    """``look`` asks the provider about a record; None where in this run no more may be asked, or can be queued."""

    search: Search
    reconcile_state: ReconcileState
    look: Callable[[Record], str | None]
    on_unreadable: OnUnreadable

    def run(self, horizon: datetime) -> Iterator[str]:
        """Each failure once, in the order in which they failed, up to ``horizon``; the next run goes on from there.

        One about which its provider does not answer holds the others up for one run only.
        """
        walked = self.reconcile_state.position(FAILURES)
        since = max(datetime.fromisoformat(walked), horizon - _LATEST) if walked else horizon - _SLICE
        while since < horizon:
            until = min(since + _SLICE, horizon)
            for position, record in self._failed(Span(since=timestamp(since), until=timestamp(until))):
                told = self.look(record)
                if told is None or (told == NO_ANSWER and position.at != walked):
                    self.reconcile_state.advance(FAILURES, position.at)
                    yield "failures-left-for-the-next-run"
                    return
                yield f"failure-{told}"
            self.reconcile_state.advance(FAILURES, timestamp(until))
            since = until

    def _failed(self, span: Span) -> Iterator[tuple[Position, Record]]:
        """What its provider named and is a failure still, oldest first; the span's end belongs to the next one."""
        partitions = chain.from_iterable(months(span))
        keys = chain.from_iterable(pages(self.search, BY_ATTENTION, partition, span) for partition in partitions)
        found = sorted({position for position in chain.from_iterable(keys) if position.at < span.until})
        for start in range(0, len(found), _BATCH):
            batch = found[start : start + _BATCH]
            read = self.search.records([each.message_id for each in batch], on_unreadable=self.on_unreadable)
            records = {record.message_id: record for record in read}
            for position in batch:
                record = records.get(position.message_id)
                if record and record.state.status.outcome is Outcome.FAILURE and named(record):
                    yield position, record

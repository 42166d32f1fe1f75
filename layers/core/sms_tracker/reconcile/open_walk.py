"""Walk the records by time, and put those without a final report on the reconciler's agenda."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from sms_tracker.domain.indexes import BY_TIME, Span, days, key_pages
from sms_tracker.domain.invocation import Metrics
from sms_tracker.domain.overdue import Ages
from sms_tracker.domain.ports import Clock, OnUnreadable, ReconcileState, Search
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import Source, timestamp

_POSITION = "walked"
"""The name of its position in the reconciler's state."""
_SLICE, _LONGEST_SLICE = timedelta(minutes=10), timedelta(hours=6)
"""The time span that is walked before the position is saved: at first, and at most."""
_FEW = 1000
"""Records in a slice below which the next slice is twice as long."""
_OVERLAP = timedelta(minutes=2)
"""Walked again each time: an index shows a record a little later than it was written."""
_FEWEST = 5
"""Messages below which a share of reports is not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWalk:
    """One run's walk.

    ``receipts`` counts the walked messages that their provider took: by provider, and by whether a report came.
    """

    search: Search
    state: ReconcileState
    clock: Clock
    monotonic: Callable[[], float]
    ages: Ages
    on_unreadable: OnUnreadable
    receipts: dict[str, Counter[bool]] = field(default_factory=dict)

    def run(self, end: float) -> Iterator[str]:
        """Walk until ``end`` (monotonic). The position only moves past records that were read."""
        horizon, size = self.clock() - self.ages.first, _SLICE
        walked = self.state.position(_POSITION)
        since = datetime.fromisoformat(walked) if walked else horizon - self.ages.unknown
        while since < horizon:
            until, found = min(since + size, horizon), 0
            for records in self._between(Span(since=timestamp(since - _OVERLAP), until=timestamp(until))):
                if self.monotonic() > end:
                    yield "walk-left-for-the-next-run"
                    return
                found += len(records)
                yield from chain.from_iterable(map(self._open, records))
            self.state.advance(_POSITION, timestamp(until))
            since, size = until, min(2 * size, _LONGEST_SLICE) if found < _FEW else _SLICE

    def _between(self, span: Span) -> Iterator[list[Record]]:
        """The records of a span, page by page; a page may be empty."""
        for partition in chain.from_iterable(days(span)):
            for keys in key_pages(self.search, BY_TIME, partition, span):
                yield self.search.records([key.message_id for key in keys], on_unreadable=self.on_unreadable)

    def _open(self, record: Record) -> Iterator[str]:
        yield "walked"
        taken = record.state.provider_message_id is not None and record.send.phase is SendPhase.ANSWERED
        if taken and not record.test:
            reported = any(entry.source == Source.CALLBACK for entry in record.reports.values())
            self.receipts.setdefault(record.state.provider, Counter())[reported] += 1
        if not record.state.status.final and self.state.open(record.message_id, due=timestamp(self.clock())):
            yield "opened"


def measure_receipts(receipts: dict[str, Counter[bool]], metrics: Metrics) -> None:
    """The percentage of walked messages with a report: by provider, and all of these together."""
    shares = {
        provider: 100 * reported[True] / walked
        for provider, reported in receipts.items()
        if (walked := reported.total()) >= _FEWEST
    }
    metrics.measure("ReceiptShare", list(shares.values()), "Percent")
    for provider, share in shares.items():
        metrics.apart(provider=provider).measure("ReceiptShare", share, "Percent")

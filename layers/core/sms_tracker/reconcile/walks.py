"""The reconciler's three walks through the messages by time: open messages, failures, messages without a price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from sms_tracker import providers
from sms_tracker.domain.indexes import BY_ATTENTION, BY_TIME, SHARDS, Index, Position, Span, days, months
from sms_tracker.domain.overdue import Ages, lookup_target
from sms_tracker.domain.ports import Clock, Metrics, OnUnreadable, ReconcileState, Search
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.domain.settings import PriceLookup
from sms_tracker.domain.status import Outcome
from sms_tracker.reconcile.lookup import NO_ANSWER, Lookups

_OPEN = "walked"
"""The name of the position of :class:`OpenWalk` in the reconciler's state."""
_OVERLAP = timedelta(minutes=2)
"""Walked again in each slice, because an index shows records with a delay."""
_SLICE, _LONGEST_SLICE = timedelta(minutes=10), timedelta(hours=6)
"""The time span walked between two saves of the position: initial, and longest."""
_FEW = 1000
"""If a slice has fewer records, the next one is twice as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWalk:
    """Gives messages without a final report their first due time.

    ``receipts`` counts the walked messages that a provider accepted, by provider and by whether a report came.
    """

    search: Search
    state: ReconcileState
    clock: Clock
    monotonic: Callable[[], float]
    ages: Ages
    on_unreadable: OnUnreadable
    receipts: dict[str, Counter[bool]] = field(default_factory=dict)

    def run(self, end: float) -> Iterator[str]:
        """Walk until ``end`` (monotonic). Returns the decisions. The position moves only past records already read."""
        horizon, size = self.clock() - self.ages.first, _SLICE
        walked = self.state.position(_OPEN)
        since = datetime.fromisoformat(walked) if walked else horizon - self.ages.unknown
        while since < horizon:
            until, count = min(since + size, horizon), 0
            for records in self._between(Span(since=timestamp(since - _OVERLAP), until=timestamp(until))):
                if self.monotonic() > end:
                    yield "walk-left-for-the-next-run"
                    return
                count += len(records)
                yield from chain.from_iterable(map(self._open, records))
            self.state.advance(_OPEN, timestamp(until))
            since, size = until, min(2 * size, _LONGEST_SLICE) if count < _FEW else _SLICE

    def _between(self, span: Span) -> Iterator[list[Record]]:
        """The records of a span, page by page; a page may be empty."""
        for partition in chain.from_iterable(days(span)):
            for keys in key_pages(self.search, BY_TIME, partition, span):
                yield self.search.records([key.message_id for key in keys], on_unreadable=self.on_unreadable)

    def _open(self, record: Record) -> Iterator[str]:
        yield "walked"
        is_accepted = record.state.provider_message_id is not None and record.send.phase is SendPhase.ANSWERED
        if is_accepted and not record.test:
            has_report = any(entry.source == Source.CALLBACK for entry in record.reports.values())
            self.receipts.setdefault(record.state.provider, Counter())[has_report] += 1
        if not record.state.status.final and self.state.open(record.message_id, due=timestamp(self.clock())):
            yield "opened"


_MIN_MESSAGES = 5
"""The fewest messages for a share of reports."""


def measure_receipts(receipts: dict[str, Counter[bool]], metrics: Metrics) -> None:
    """The percentage of accepted messages with a report: one value per provider, and each by provider."""
    shares = {
        provider: 100 * counts[True] / counts.total()
        for provider, counts in receipts.items()
        if counts.total() >= _MIN_MESSAGES
    }
    metrics.measure("ReceiptShare", list(shares.values()), "Percent")
    for provider, share in shares.items():
        metrics.with_dimensions(provider=provider).measure("ReceiptShare", share, "Percent")


_LATEST = timedelta(days=1)
"""A walk through final messages begins at most this long before its horizon."""
_BATCH = 100
"""Records in one read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """A walk through final messages: each once, oldest first, continued by the next run."""

    search: Search
    state: ReconcileState
    on_unreadable: OnUnreadable

    def _records(
        self,
        name: str,
        index: Index,
        partitions: Callable[[Span], Iterable[str]],
        *,
        since: datetime,
        until: datetime,
    ) -> Iterator[tuple[Position, Record]]:
        """The records from ``since`` until before ``until``. Saves the position ``name`` after each slice."""
        while since < until:
            end = min(since + _SLICE, until)
            span = Span(since=timestamp(since), until=timestamp(end))
            keys = chain.from_iterable(key_pages(self.search, index, each, span) for each in partitions(span))
            ordered = sorted({position for position in chain.from_iterable(keys) if position.at < span.until})
            for start in range(0, len(ordered), _BATCH):
                positions = {each.message_id: each for each in ordered[start : start + _BATCH]}
                records = self.search.records(list(positions), on_unreadable=self.on_unreadable)
                yield from sorted(((positions[each.message_id], each) for each in records), key=lambda pair: pair[0])
            self.state.advance(name, span.until)
            since = end

    def _since(self, walked: str | None, horizon: datetime) -> datetime:
        """The start of the walk: the saved position, unless it is too old."""
        return max(datetime.fromisoformat(walked), horizon - _LATEST) if walked else horizon - _SLICE


_FAILURES = "failures"
"""The name of the position of :class:`FailureWalk`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureWalk(_Walk):
    """Looks each failure up once more, because the report of a correction may be lost.

    ``look_up`` returns the decision, None if this run cannot look up or queue any more.
    """

    look_up: Callable[[Record], str | None]

    def run(self, horizon: datetime) -> Iterator[str]:
        """Each failure once, up to ``horizon``. Returns the decisions.

        A provider that does not answer delays the other failures by at most one run.
        """
        walked = self.state.position(_FAILURES)
        since = self._since(walked, horizon)
        for position, record in self._records(_FAILURES, BY_ATTENTION, _failure_keys, since=since, until=horizon):
            if record.state.status.outcome is not Outcome.FAILURE or not lookup_target(record):
                continue
            decision = self.look_up(record)
            if decision is None or (decision == NO_ANSWER and position.at != walked):
                self.state.advance(_FAILURES, position.at)
                yield "failures-left-for-the-next-run"
                return
            yield f"failure-{decision}"


def _failure_keys(span: Span) -> Iterator[str]:
    return chain.from_iterable(months(span))


PRICE_AGES = (timedelta(hours=1), timedelta(hours=24), timedelta(hours=48))
"""Ages of a message at which its price is looked up. Twilio's may be a day late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceWalk(_Walk):
    """Looks up final messages without a price, at each of ``PRICE_AGES`` until they have one.

    After a failed call the next look-up is at the next age.
    """

    clock: Clock
    lookups: Lookups

    def run(self, mode: PriceLookup, *, spent: Callable[[], bool]) -> Iterator[str]:
        """All ages, the last one first, until ``spent``. Returns the decisions."""
        if mode is not PriceLookup.OFF:
            shards = 1 if mode is PriceLookup.SAMPLE else SHARDS
            yield from chain.from_iterable(self._at(age, shards, spent) for age in reversed(PRICE_AGES))

    def _at(self, age: timedelta, shards: int, spent: Callable[[], bool]) -> Iterator[str]:
        """Look up the messages that have reached an age."""
        name, horizon = f"prices-{age // timedelta(hours=1)}", self.clock() - age
        since = self._since(self.state.position(name), horizon)

        def sampled(span: Span) -> Iterator[str]:
            return chain.from_iterable(day[:shards] for day in days(span))

        for position, record in self._records(name, BY_TIME, sampled, since=since, until=horizon):
            if spent():
                self.state.advance(name, position.at)
                yield "prices-left-for-the-next-run"
                return
            for attempt, provider_id in _unpriced(record):
                yield f"price-{self._look_up(record, attempt, provider_id)}"

    def _look_up(self, record: Record, attempt: int, provider_id: str) -> str:
        provider = record.provider_of(attempt)
        if self.lookups.has_given_up(provider):
            return NO_ANSWER
        return self.lookups.impossible(provider) or self.lookups.look_up(record, attempt, provider_id)


def _unpriced(record: Record) -> Iterator[tuple[int, str]]:
    """The attempts of a final message without a price that can be looked up, each with its provider id."""
    if record.state.status.final:
        for attempt, provider_id in sorted(record.state.ids.items()):
            if attempt not in record.costs and providers.load(record.provider_of(attempt)).LOOKUP:
                yield attempt, provider_id


def key_pages(search: Search, index: Index, partition: str, span: Span) -> Iterator[list[Position]]:
    """All keys of a span in one partition, newest first, in pages. A page may be empty.

    A key at the border of two pages may be in both.
    """
    rest: Span | None = span
    while rest is not None:
        keys, reach = search.keys(index, partition, span=rest, client=None)
        yield keys
        rest = None if reach is None else Span(since=rest.since, until=reach)

"""Look up final messages whose price no report stated, until it is there or they are two days old."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from sms_tracker import providers
from sms_tracker.domain.indexes import BY_TIME, SHARDS, Position, Span, days, key_pages
from sms_tracker.domain.ports import Clock, OnUnreadable, ReconcileState, Search
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import PriceLookup
from sms_tracker.reconcile.lookup import NO_ANSWER, Lookups

AGES = (timedelta(hours=1), timedelta(hours=24), timedelta(hours=48))
"""Ages of a message at which its price is looked up: Twilio's may come a day late."""
_SLICE, _LATEST = timedelta(minutes=5), timedelta(days=1)
"""The time span that is read at once, and how late a message is still looked up at each age."""
_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceWalk:
    """One run's walk. A provider that does not answer is asked again at the next age."""

    search: Search
    state: ReconcileState
    clock: Clock
    lookups: Lookups
    on_unreadable: OnUnreadable

    def run(self, mode: PriceLookup, *, spent: Callable[[], bool]) -> Iterator[str]:
        """Each age, the last one first, until ``spent``; the next run continues there. Returns the decisions."""
        if mode is not PriceLookup.OFF:
            shards = 1 if mode is PriceLookup.SAMPLE else SHARDS
            yield from chain.from_iterable(self._at(age, shards, spent) for age in reversed(AGES))

    def _at(self, age: timedelta, shards: int, spent: Callable[[], bool]) -> Iterator[str]:
        """Messages as they reach an age, oldest first; each once."""
        name, horizon = f"prices-{age // timedelta(hours=1)}", self.clock() - age
        walked = self.state.position(name)
        since = max(datetime.fromisoformat(walked), horizon - _LATEST) if walked else horizon - _SLICE
        while since < horizon:
            until = min(since + _SLICE, horizon)
            for position, record in self._records(Span(since=timestamp(since), until=timestamp(until)), shards):
                if spent():
                    self.state.advance(name, position.at)
                    yield "prices-left-for-the-next-run"
                    return
                for attempt, known in unpriced(record):
                    yield f"price-{self._look_up(record, attempt, known)}"
            self.state.advance(name, timestamp(until))
            since = until

    def _look_up(self, record: Record, attempt: int, known: str) -> str:
        provider = record.provider_of(attempt)
        silent = NO_ANSWER if self.lookups.silent(provider) else None
        return silent or self.lookups.cannot_ask(provider) or self.lookups.look_up(record, attempt, known)

    def _records(self, span: Span, shards: int) -> Iterator[tuple[Position, Record]]:
        """The records of a span, without its end, oldest first, in the first ``shards`` of by_time."""
        partitions = chain.from_iterable(day[:shards] for day in days(span))
        keys = chain.from_iterable(key_pages(self.search, BY_TIME, partition, span) for partition in partitions)
        found = sorted({position for position in chain.from_iterable(keys) if position.at < span.until})
        for start in range(0, len(found), _BATCH):
            positions = {each.message_id: each for each in found[start : start + _BATCH]}
            records = self.search.records(list(positions), on_unreadable=self.on_unreadable)
            yield from sorted(((positions[each.message_id], each) for each in records), key=lambda pair: pair[0])


def unpriced(record: Record) -> Iterator[tuple[int, str]]:
    """Attempts of a final message that their provider took and can look up, without a price; each with its id."""
    if record.state.status.final:
        for attempt, known in sorted(record.state.ids.items()):
            if attempt not in record.costs and providers.load(record.provider_of(attempt)).LOOKUP:
                yield attempt, known

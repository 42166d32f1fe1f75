"""Reconcile: close messages without a final report by looking them up at the provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from math import ceil

from sms_tracker import providers
from sms_tracker.domain.errors import SmsTrackerError, Unavailable
from sms_tracker.domain.indexes import SHARDS
from sms_tracker.domain.outbound import NO_CANDIDATE, LookupFailed, Matched, NotMatched
from sms_tracker.domain.overdue import Ages, Step, due, lookup_provider, lookup_target, may_resend, step
from sms_tracker.domain.ports import (
    CallFailed,
    Clock,
    Http,
    Messages,
    Metrics,
    Pace,
    Queue,
    ReconcileState,
    Search,
    SettingsSource,
)
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import PriceLookup
from sms_tracker.reconcile.lookup import LOOKED_UP, NO_ANSWER, Budget, Lookups, end_as_not_sent, end_as_unknown
from sms_tracker.reconcile.provider_health import endpoint_states, measure_endpoints
from sms_tracker.reconcile.recover_send import ABSENT_ONCE, SecondSearches, SendRecovery
from sms_tracker.reconcile.walks import FailureWalk, OpenWalk, PriceWalk, measure_receipts

_BATCH = 100
"""The fewest due messages to read from a shard."""
_SOON = timedelta(minutes=10)
"""The pause before a message is looked up again after a failed call."""
_AGAIN_SOON = frozenset(
    {NO_ANSWER, ABSENT_ONCE, "resent-outcome-unknown", "resent-unavailable", "resent-sending-stopped"}
)
"""Decisions after which that pause is enough, because an answer may come soon."""
_GRACE = timedelta(days=1)
"""Extra time before a message is given up, if its provider does not answer."""


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """Closes open messages. Safe to run twice at once: every write is conditional.

    ``resend`` sends a lost message again and returns the decision. Results of the last run: ``receipts``
    (:class:`OpenWalk`), ``endpoints`` (state by provider), and ``errors`` (by text; the next run tries again).
    """

    messages: Messages
    search: Search
    state: ReconcileState
    settings: SettingsSource
    http: Http
    queue: Queue
    clock: Clock
    pace: Pace
    ages: Ages
    budget: Budget
    resend: Callable[[Record], str]
    prices: PriceLookup
    failed: CallFailed
    receipts: dict[str, Counter[bool]] = field(init=False)
    endpoints: dict[str, str] = field(init=False)
    errors: Counter[str] = field(init=False)
    _damaged: set[str] = field(init=False)
    _lookups: Lookups = field(init=False)
    _second: SecondSearches = field(init=False)

    def run(self) -> Counter[str]:
        """Check endpoints, then open records, due ones, failures and prices. Returns the decisions, counted."""
        self._lookups = Lookups(
            settings=self.settings,
            http=self.http,
            queue=self.queue,
            clock=self.clock,
            pace=self.pace,
            rate=self.budget.rate,
            failed=self.failed,
        )
        self._second = SecondSearches(messages=self.messages, pace=self.pace)
        self.endpoints, self.errors, self._damaged = {}, Counter(), set()
        end = self.pace.monotonic() + self.budget.seconds
        done = Counter(self._read_endpoints())
        done.update(self._walk(end - self.budget.seconds / 2))  # the other half is for look-ups
        done.update(self._until_error(self._handle_due(end), "due-failed"))
        done.update(self._until_error(self._search_again(end), "search-failed"))
        done.update(self._recheck_failures(end))
        done.update(self._look_up_prices(end))
        return done + Counter({"unreadable": len(self._damaged)})

    def _read_endpoints(self) -> list[str]:
        try:
            self.endpoints = endpoint_states(self.settings(), self._lookups.call)
        except SmsTrackerError as error:
            return [self._failed("endpoints-not-read", error)]
        return list(self.endpoints.values())

    def _walk(self, end: float) -> Iterator[str]:
        walk = OpenWalk(
            search=self.search,
            state=self.state,
            clock=self.clock,
            monotonic=self.pace.monotonic,
            ages=self.ages,
            on_unreadable=self._set_aside,
        )
        self.receipts = walk.receipts
        return self._until_error(walk.run(end), "walk-failed")

    def _recheck_failures(self, end: float) -> Iterator[str]:
        walk = FailureWalk(
            search=self.search, state=self.state, look_up=partial(self._recheck, end), on_unreadable=self._set_aside
        )
        return self._until_error(walk.run(self.clock() - self.ages.again), "failures-walk-failed")

    def _look_up_prices(self, end: float) -> Iterator[str]:
        walk = PriceWalk(
            search=self.search, state=self.state, clock=self.clock, lookups=self._lookups, on_unreadable=self._set_aside
        )
        return self._until_error(walk.run(self.prices, spent=partial(self._spent, end)), "prices-walk-failed")

    def _until_error(self, steps: Iterator[str], word: str) -> Iterator[str]:
        """The decisions, and ``word`` for an error. The position stays before the error, so the next run repeats it."""
        try:
            yield from steps
        except SmsTrackerError as error:
            yield self._failed(word, error)

    def _failed(self, word: str, error: SmsTrackerError) -> str:
        """Keep the error for the log; returns ``word``."""
        self.errors[str(error)] += 1
        return word

    def _set_aside(self, message_id: str, error: SmsTrackerError) -> None:
        """Make a damaged record due last. Each run tries it again until it is repaired."""
        self._damaged.add(message_id)
        self.errors[str(error)] += 1
        self.state.put_off(message_id, due=timestamp(self.clock()))

    def _spent(self, end: float) -> bool:
        return self.pace.monotonic() > end or self._lookups.calls >= self.budget.lookups

    def _handle_due(self, end: float) -> Iterator[str]:
        """The due records of each shard. The first shard changes every minute, so none is always last."""
        first, share = self.clock().minute, max(_BATCH, ceil(self.budget.lookups / SHARDS))
        for number in range(SHARDS):
            due_now = self.state.due((first + number) % SHARDS, until=timestamp(self.clock()), limit=share)
            for record in self.search.records(due_now, on_unreadable=self._set_aside):
                if self._spent(end):
                    yield "left-for-the-next-run"
                    return
                yield self._handle(record, searched_before=False)

    def _search_again(self, end: float) -> Iterator[str]:
        """Search again for the absent messages, and send those again that are still absent."""
        for record in self._second.records(end):
            if self._spent(end):
                return
            yield self._handle(record, searched_before=True)

    def _handle(self, record: Record, *, searched_before: bool) -> str:
        """Perform the record's next step. An error is counted and does not stop the run."""
        now = self.clock()
        next_step = step(record, now=now, ages=self.ages)
        try:
            match next_step:
                case Step.NOTHING:
                    return "settled-meanwhile"
                case Step.NOT_SENT:
                    return end_as_not_sent(self.messages, record, now=timestamp(now))
                case Step.WAIT:
                    decision = "waiting"
                case Step.LOOK_UP | Step.SEARCH | Step.GIVE_UP if self._lookups.has_given_up(lookup_provider(record)):
                    return "left-alone-for-this-run"
                case Step.LOOK_UP | Step.SEARCH:
                    decision = self._look_up(record)
                    if decision == NO_CANDIDATE:
                        decision = self._send_again(record, searched_before=searched_before)
                case Step.GIVE_UP:
                    decision = self._give_up(record)
            following = due(record, now=now, ages=self.ages)
            if decision in _AGAIN_SOON or next_step is Step.GIVE_UP:
                following = min(following, timestamp(now + _SOON))
            self.state.put_off(record.message_id, due=following)
        except SmsTrackerError as error:
            return self._failed("failed", error)
        return decision

    def _recheck(self, end: float, record: Record) -> str | None:
        if self._spent(end) or self._lookups.has_given_up(lookup_provider(record)):
            return None
        try:
            return self._look_up(record)
        except SmsTrackerError as error:
            word = self._failed("failed", error)
            return None if isinstance(error, Unavailable) else word

    def _look_up(self, record: Record) -> str:
        """Look the message up by its provider id; without one, search the provider's list."""
        if (reason := self._lookups.impossible(lookup_provider(record))) is not None:
            return reason
        if (target := lookup_target(record)) is not None:
            return self._lookups.look_up(record, *target)
        recovery = SendRecovery(messages=self.messages, search=self.search, call=self._lookups.call)
        match recovery.find(record, self.settings()):
            case Matched(candidate):
                looked_up = self._lookups.look_up(record, record.send.attempt, candidate.provider_message_id)
                return "adopted" if looked_up == LOOKED_UP else looked_up
            case NotMatched(reason):
                return reason
            case LookupFailed():
                return NO_ANSWER

    def _send_again(self, record: Record, *, searched_before: bool) -> str:
        """Send an absent message again if it may be; with an idempotency key, only after a second search."""
        idempotency = providers.load(record.state.provider).IDEMPOTENCY
        if not may_resend(record, now=self.clock(), repeatable=idempotency.seconds if idempotency else None):
            return NO_CANDIDATE
        if idempotency and not searched_before:
            return self._second.add(record)
        return f"resent-{self.resend(record)}"

    def _give_up(self, record: Record) -> str:
        """Look the message up a last time. If the call fails, wait a day longer before giving up."""
        decision = self._look_up(record)
        deadline = datetime.fromisoformat(record.created_at) + self.ages.unknown + _GRACE
        if decision in (LOOKED_UP, "adopted") or (decision == NO_ANSWER and self.clock() < deadline):
            return decision
        return f"gave-up-{end_as_unknown(self.messages, record, now=timestamp(self.clock()))}"


def measure(reconciler: Reconciler, done: Mapping[str, int], metrics: Metrics) -> None:
    """Count the run if it succeeded, and measure its receipts and endpoints."""
    failed = {"walk-failed", "due-failed", "search-failed", "failures-walk-failed", "prices-walk-failed", "unreadable"}
    metrics.count("ReconcilerRuns", not done.keys() & failed)
    measure_receipts(reconciler.receipts, metrics)
    measure_endpoints(reconciler.endpoints, metrics)

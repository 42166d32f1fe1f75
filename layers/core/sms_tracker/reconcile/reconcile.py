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
from sms_tracker.domain.invocation import Metrics, Pace, ignore_failed_call
from sms_tracker.domain.matching import Matched, NotMatched
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.domain.overdue import Ages, Step, due, may_resend, named, step
from sms_tracker.domain.ports import CallFailed, Clock, Http, Messages, Queue, ReconcileState, Search, SettingsSource
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import PriceLookup
from sms_tracker.reconcile.endpoints import endpoint_states, measure_endpoints
from sms_tracker.reconcile.lookup import LOOKED_UP, NO_ANSWER, Limits, Lookups, end_as_not_sent, end_as_unknown
from sms_tracker.reconcile.recover_send import ABSENT_ONCE, SecondSearches, SendRecovery
from sms_tracker.reconcile.walks import FailureWalk, OpenWalk, PriceWalk, measure_receipts

_BATCH = 100
"""Due messages read from a shard at least."""
_SOON = timedelta(minutes=10)
"""The pause before a provider that did not answer is asked about the same message again."""
_AGAIN_SOON = frozenset(
    {NO_ANSWER, ABSENT_ONCE, "resent-outcome-unknown", "resent-unavailable", "resent-sending-stopped"}
)
"""Decisions after which that pause is enough, because an answer can still come within the hour."""
_GRACE = timedelta(days=1)
"""Extra time for a provider that does not answer before a message is given up."""


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """Closes open messages. Safe to run twice at once: every write is conditional.

    ``resend`` sends a lost message again at its client's request, and returns the decision. Of the last run are
    ``receipts`` (:class:`OpenWalk`), ``endpoints`` (their states, by provider) and ``errors``, which the next run
    retries.
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
    limits: Limits
    resend: Callable[[Record], str]
    prices: PriceLookup = PriceLookup.OFF
    failed: CallFailed = ignore_failed_call
    receipts: dict[str, Counter[bool]] = field(init=False)
    endpoints: dict[str, str] = field(init=False)
    errors: Counter[str] = field(init=False)
    _damaged: set[str] = field(init=False)
    _lookups: Lookups = field(init=False)
    _second: SecondSearches = field(init=False)

    def run(self) -> Counter[str]:
        """Endpoints, old records, due messages, failures, prices: in this order. Returns the decisions, counted."""
        self._lookups = Lookups(
            settings=self.settings,
            http=self.http,
            queue=self.queue,
            clock=self.clock,
            pace=self.pace,
            rate=self.limits.rate,
            failed=self.failed,
        )
        self._second = SecondSearches(messages=self.messages, pace=self.pace)
        self.errors, self._damaged = Counter(), set()
        start = self.pace.monotonic()
        end = start + self.limits.seconds
        done: Counter[str] = Counter()
        done.update(self._read_endpoints())
        done.update(self._walk(start + self.limits.seconds / 2))  # half, so that look-ups get the other half
        done.update(self._handle_due(end))
        done.update(self._search_again(end))
        done.update(self._recheck_failures(end))
        done.update(self._look_up_prices(end))
        return done + Counter({"unreadable": len(self._damaged)})

    def _read_endpoints(self) -> list[str]:
        self.endpoints = {}
        try:
            self.endpoints = endpoint_states(self.settings(), self._lookups.ask)
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
        """The decisions, and ``word`` for an error: the position has not moved past it, so the next run repeats it."""
        try:
            yield from steps
        except SmsTrackerError as error:
            yield self._failed(word, error)

    def _failed(self, word: str, error: SmsTrackerError) -> str:
        """``word``, after keeping the error for the log."""
        self.errors[str(error)] += 1
        return word

    def _set_aside(self, message_id: str, error: SmsTrackerError) -> None:
        """Put a damaged record last on its agenda; each run tries it again until it is repaired."""
        self._damaged.add(message_id)
        self.errors[str(error)] += 1
        self.state.put_off(message_id, due=timestamp(self.clock()))

    def _spent(self, end: float) -> bool:
        return self.pace.monotonic() > end or self._lookups.calls >= self.limits.lookups

    def _handle_due(self, end: float) -> Iterator[str]:
        """Start at another shard each minute, so that no shard is always last when time is short."""
        first, share = self.clock().minute, max(_BATCH, ceil(self.limits.lookups / SHARDS))
        for number in range(SHARDS):
            due_now = self.state.due((first + number) % SHARDS, until=timestamp(self.clock()), limit=share)
            for record in self.search.records(due_now, on_unreadable=self._set_aside):
                if self._spent(end):
                    yield "left-for-the-next-run"
                    return
                yield self._handle(record, absent=self._absent)

    def _search_again(self, end: float) -> Iterator[str]:
        """Only what a second search does not find either is sent again under its idempotency key."""
        for record in self._second.records(end):
            if self._spent(end):
                return
            yield self._handle(record, absent=self._send_again)

    def _absent(self, record: Record) -> str:
        is_repeatable = providers.load(record.state.provider).IDEMPOTENCY is not None
        return self._second.note(record) if is_repeatable else self._send_again(record)

    def _send_again(self, record: Record) -> str:
        return f"resent-{self.resend(record)}"

    def _handle(self, record: Record, *, absent: Callable[[Record], str]) -> str:
        """Perform the record's next step. An error is counted and does not stop the run.

        ``absent`` handles a lost message that its provider does not have and that may be sent again.
        """
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
                case Step.LOOK_UP | Step.SEARCH | Step.GIVE_UP if self._lookups.silent(record.state.provider):
                    return "left-alone-for-this-run"
                case Step.LOOK_UP | Step.SEARCH:
                    decision = self._look_up(record, absent=absent)
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
        if self._spent(end) or self._lookups.silent(record.state.provider):
            return None
        try:
            return self._look_up(record)
        except SmsTrackerError as error:
            word = self._failed("failed", error)
            return None if isinstance(error, Unavailable) else word

    def _look_up(self, record: Record, absent: Callable[[Record], str] | None = None) -> str:
        """Look it up by its provider id, or search the provider's list if it has none."""
        if (why_not := self._lookups.cannot_ask(record.state.provider)) is not None:
            return why_not
        if (known := named(record)) is not None:
            return self._lookups.look_up(record, *known)
        match SendRecovery(messages=self.messages, search=self.search, ask=self._lookups.ask).find(
            record, self.settings()
        ):
            case Matched(candidate):
                looked_up = self._lookups.look_up(record, record.send.attempt, candidate.provider_message_id)
                return "adopted" if looked_up == LOOKED_UP else looked_up
            case NotMatched("no-candidate") if absent is not None and self._may_resend(record):
                return absent(record)
            case NotMatched(why):
                return why
            case LookupFailed():
                return NO_ANSWER

    def _may_resend(self, record: Record) -> bool:
        known = providers.load(record.state.provider).IDEMPOTENCY
        return may_resend(record, now=self.clock(), repeatable=known.seconds if known else None)

    def _give_up(self, record: Record) -> str:
        """Look it up a last time. A new report is waited for; without an answer the wait is a day longer."""
        last = self._look_up(record)
        patience = datetime.fromisoformat(record.created_at) + self.ages.unknown + _GRACE
        if last in (LOOKED_UP, "adopted") or (last == NO_ANSWER and self.clock() < patience):
            return last
        return f"gave-up-{end_as_unknown(self.messages, record, now=timestamp(self.clock()))}"


def measure(reconciler: Reconciler, done: Mapping[str, int], metrics: Metrics) -> None:
    """Count a run that ended well, and measure its receipts and endpoints."""
    failed = {"walk-failed", "failures-walk-failed", "prices-walk-failed", "unreadable"}
    metrics.count("ReconcilerRuns", not done.keys() & failed)
    measure_receipts(reconciler.receipts, metrics)
    measure_endpoints(reconciler.endpoints, metrics)

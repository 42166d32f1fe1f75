"""Reconcile: close messages without a final report by looking them up at the provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from math import ceil

from sms_tracker.domain.errors import SmsTrackerError, Unavailable
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.indexes import SHARDS
from sms_tracker.domain.invocation import Metrics, Pace, ignore_failed_call
from sms_tracker.domain.matching import Matched, NotMatched
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.domain.overdue import Ages, Step, due, may_resend, named, step
from sms_tracker.domain.ports import (
    CallFailed,
    Clock,
    Http,
    Messages,
    NotWritten,
    Queue,
    ReconcileState,
    Search,
    SettingsSource,
)
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import NO_REPORT, NOT_SENT, Report, Source, timestamp
from sms_tracker.domain.status import Status
from sms_tracker.domain.transition import final_try
from sms_tracker.reconcile.lookup import LOOKED_UP, NO_ANSWER, Lookups
from sms_tracker.reconcile.open_walk import OpenWalk, measure_receipts
from sms_tracker.reconcile.recheck_failures import FailureRecheck
from sms_tracker.reconcile.recover_send import SendRecovery
from sms_tracker.services.track import track

_BATCH = 100
"""Due messages read from a shard at least."""
_SOON = timedelta(minutes=10)
"""The pause before a provider that did not answer is asked about the same message again."""
_GRACE = timedelta(days=1)
"""Extra time for a provider that does not answer before a message is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``seconds`` for one run, ``lookups`` in it, and provider calls a second (``rate``)."""

    seconds: float
    lookups: int
    rate: float


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """Closes open messages. Safe to run twice at once: every write is conditional.

    ``resend`` sends a lost message again at its client's request, and returns the decision. ``receipts`` are those of
    the last run's :class:`OpenWalk`; ``errors`` are the last run's errors, which the next run retries.
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
    failed: CallFailed = ignore_failed_call
    receipts: dict[str, Counter[bool]] = field(init=False)
    errors: Counter[str] = field(init=False)
    _damaged: set[str] = field(init=False)
    _lookups: Lookups = field(init=False)

    def run(self) -> Counter[str]:
        """Walk old records, handle due messages, recheck failures. Returns the decisions, counted."""
        self._lookups = Lookups(
            settings=self.settings,
            http=self.http,
            queue=self.queue,
            clock=self.clock,
            pace=self.pace,
            rate=self.limits.rate,
            failed=self.failed,
        )
        self.errors, self._damaged = Counter(), set()
        walk = OpenWalk(
            search=self.search,
            state=self.state,
            clock=self.clock,
            monotonic=self.pace.monotonic,
            ages=self.ages,
            on_unreadable=self._set_aside,
        )
        self.receipts = walk.receipts
        start = self.pace.monotonic()
        done: Counter[str] = Counter()
        try:
            done.update(walk.run(start + self.limits.seconds / 2))  # half, so that look-ups get the other half
        except SmsTrackerError as error:  # the position has not moved past it, so the next run repeats it
            done[self._failed("walk-failed", error)] += 1
        end = start + self.limits.seconds
        done.update(self._handle_due(end))
        recheck = FailureRecheck(
            search=self.search, state=self.state, look_up=partial(self._recheck, end), on_unreadable=self._set_aside
        )
        try:
            done.update(recheck.run(self.clock() - self.ages.again))
        except SmsTrackerError as error:  # as above
            done[self._failed("failures-walk-failed", error)] += 1
        return done + Counter({"unreadable": len(self._damaged)})

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
                yield self._handle(record)

    def _handle(self, record: Record) -> str:
        """Perform the record's next step. An error is counted and does not stop the run."""
        now = self.clock()
        next_step = step(record, now=now, ages=self.ages)
        try:
            match next_step:
                case Step.NOTHING:
                    return "settled-meanwhile"
                case Step.NOT_SENT:
                    return self._not_sent(record)
                case Step.WAIT:
                    decision = "waiting"
                case Step.LOOK_UP | Step.SEARCH | Step.GIVE_UP if self._lookups.silent(record.state.provider):
                    return "left-alone-for-this-run"
                case Step.LOOK_UP | Step.SEARCH:
                    decision = self._look_up(record, resend=self.resend)
                case Step.GIVE_UP:
                    decision = self._give_up(record)
            following = due(record, now=now, ages=self.ages)
            if decision == NO_ANSWER or next_step is Step.GIVE_UP:
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

    def _look_up(self, record: Record, resend: Callable[[Record], str] | None = None) -> str:
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
            case NotMatched("no-candidate") if resend is not None and may_resend(record, now=self.clock()):
                return resend(record)
            case NotMatched(why):
                return why
            case LookupFailed():
                return NO_ANSWER

    def _give_up(self, record: Record) -> str:
        """Look it up a last time. A new report is waited for; without an answer the wait is a day longer."""
        last = self._look_up(record)
        patience = datetime.fromisoformat(record.created_at) + self.ages.unknown + _GRACE
        if last in (LOOKED_UP, "adopted") or (last == NO_ANSWER and self.clock() < patience):
            return last
        report = self._own(record, NO_REPORT, Status.UNKNOWN)
        return f"gave-up-{track(self.messages, record.message_id, [report], now=report.received).decision}"

    def _not_sent(self, record: Record) -> str:
        """One conditional write, which fails if a client takes the send over in the meantime."""
        reason = Reason.ACCOUNT if record.send.cause == "account" else Reason.NOT_SENT
        failure = Failure(category=Category.TEMPORARY, reason=reason)
        report = self._own(record, NOT_SENT, Status.FAILED, failure)
        change = final_try(record, report, now=report.received)
        return (
            "taken-over-meanwhile"
            if isinstance(self.messages.change(record.message_id, change), NotWritten)
            else "not-sent"
        )

    def _own(self, record: Record, word: str, status: Status, failure: Failure | None = None) -> Report:
        return Report(
            provider=record.state.provider,
            word=word,
            status=status,
            received=timestamp(self.clock()),
            provider_message_id=record.state.provider_message_id,
            failure=failure,
            attempt=record.send.attempt,
            source=Source.LOOKUP,
        )


def measure(done: Mapping[str, int], receipts: dict[str, Counter[bool]], metrics: Metrics) -> None:
    """Count one run by its decisions, and measure its receipts."""
    metrics.count("ReconcilerRuns", not done.keys() & {"walk-failed", "failures-walk-failed", "unreadable"})
    for name, decision in (("MessagesOpened", "opened"), ("ReportsLookedUp", "looked-up"), ("SendsAdopted", "adopted")):
        metrics.count(name, done.get(decision, 0))
    measure_receipts(receipts, metrics)

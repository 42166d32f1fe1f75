"""Reconcile: close what reports alone leave open, by asking the provider for its own record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from math import ceil

from sms_tracker.domain.errors import SmsTrackerError, Unavailable
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.indexes import BY_TIME, SHARDS, Span, days
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
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import NO_REPORT, NOT_SENT, Report, Source, timestamp
from sms_tracker.domain.status import Status
from sms_tracker.domain.transition import final_try
from sms_tracker.reconcile.lookup import LOOKED_UP, NO_ANSWER, Lookups
from sms_tracker.reconcile.recheck_failures import FailureRecheck
from sms_tracker.reconcile.recover_send import SendRecovery
from sms_tracker.services.pages import pages
from sms_tracker.services.provider_call import Pace, ignore_failed_call
from sms_tracker.services.track import track

_SLICE, _QUIET = timedelta(minutes=10), timedelta(hours=6)
"""How much of the past is walked before the position is saved: at first, and at most where little happened."""
_LITTLE, _OPEN = 1000, "walked"
_OVERLAP = timedelta(minutes=2)
"""Walked again each time: an index shows a record a little later than it was written."""
_BATCH = 100
"""Messages looked at in a shard at least, where so many are due."""
_SOON = timedelta(minutes=10)
"""When a provider that could not answer is asked about the same message again."""
_GRACE = timedelta(days=1)
"""How much longer a provider that does not answer is waited for before a message is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``seconds`` for one run, ``lookups`` in it, and provider calls a second (``rate``)."""

    seconds: float
    lookups: int
    rate: float


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """The use case with everything it needs from outside. Safe to run twice at once: every write is conditional.

    ``resend`` sends a lost message again for a client that asked for it, and says what came of it. ``receipts`` counts
    the messages that the last run walked and their provider took, by provider and whether any report of them has come;
    ``errors`` is what stood in the last run's way, which the next one tries again.
    """

    messages: Messages
    search: Search
    reconcile_state: ReconcileState
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
    _inquiries: Lookups = field(init=False)

    def run(self) -> Counter[str]:
        """Walk what became old enough, look at what is due, again at failures; counts of what was done, by its word."""
        self._inquiries = Lookups(
            settings=self.settings,
            http=self.http,
            queue=self.queue,
            clock=self.clock,
            pace=self.pace,
            rate=self.limits.rate,
            failed=self.failed,
        )
        self.receipts, self.errors, self._damaged = {}, Counter(), set()
        start = self.pace.monotonic()
        done: Counter[str] = Counter()
        try:
            done.update(self._walk(start + self.limits.seconds / 2))  # half, so that a long walk starves no look-up
        except SmsTrackerError as error:  # the position has not moved past it, so the next run walks there again
            done[self._left("walk-failed", error)] += 1
        end = start + self.limits.seconds
        done.update(self._settle(end))
        again = FailureRecheck(
            search=self.search,
            reconcile_state=self.reconcile_state,
            look=partial(self._look_again, end),
            on_unreadable=self._set_aside,
        )
        try:
            done.update(again.run(self.clock() - self.ages.again))
        except SmsTrackerError as error:  # as above
            done[self._left("failures-walk-failed", error)] += 1
        return done + Counter({"unreadable": len(self._damaged)})

    def _left(self, word: str, error: SmsTrackerError) -> str:
        """``word``, with the error kept for the log."""
        self.errors[str(error)] += 1
        return word

    def _set_aside(self, message_id: str, error: SmsTrackerError) -> None:
        """Make it due last: every run tries it again until it is repaired."""
        self._damaged.add(message_id)
        self.errors[str(error)] += 1
        self.reconcile_state.put_off(message_id, due=timestamp(self.clock()))

    def _spent(self, end: float) -> bool:
        return self.pace.monotonic() > end or self._inquiries.calls >= self.limits.lookups

    def _walk(self, end: float) -> Iterator[str]:
        """List what is old enough and not final as due; the position moves only past what was looked at."""
        horizon, size = self.clock() - self.ages.first, _SLICE
        walked = self.reconcile_state.position(_OPEN)
        since = datetime.fromisoformat(walked) if walked else horizon - self.ages.unknown
        while since < horizon:
            until, found = min(since + size, horizon), 0
            for records in self._between(Span(since=timestamp(since - _OVERLAP), until=timestamp(until))):
                if self.pace.monotonic() > end:
                    yield "walk-left-for-the-next-run"
                    return
                found += len(records)
                yield from chain.from_iterable(map(self._open, records))
            self.reconcile_state.advance(_OPEN, timestamp(until))
            since, size = until, min(2 * size, _QUIET) if found < _LITTLE else _SLICE

    def _between(self, span: Span) -> Iterator[list[Record]]:
        """The records of a span, page by page, an empty one for a page without."""
        for partition in chain.from_iterable(days(span)):
            for keys in pages(self.search, BY_TIME, partition, span):
                yield self.search.records([key.message_id for key in keys], on_unreadable=self._set_aside)

    def _open(self, record: Record) -> Iterator[str]:
        yield "walked"
        if record.state.provider_message_id is not None and record.send.phase is SendPhase.ANSWERED:
            reported = any(entry.source == Source.CALLBACK for entry in record.reports.values())
            self.receipts.setdefault(record.state.provider, Counter())[reported] += 1
        if not record.state.status.final and self.reconcile_state.open(record.message_id, due=timestamp(self.clock())):
            yield "opened"

    def _settle(self, end: float) -> Iterator[str]:
        """Begin at another shard each minute, so that none is always the last when time is short."""
        first, share = self.clock().minute, max(_BATCH, ceil(self.limits.lookups / SHARDS))
        for number in range(SHARDS):
            due_now = self.reconcile_state.due((first + number) % SHARDS, until=timestamp(self.clock()), limit=share)
            for record in self.search.records(due_now, on_unreadable=self._set_aside):
                if self._spent(end):
                    yield "left-for-the-next-run"
                    return
                yield self._look_at(record)

    def _look_at(self, record: Record) -> str:
        """Do what the record needs; a fault with one holds up no other."""
        now = self.clock()
        wanted = step(record, now=now, ages=self.ages)
        try:
            match wanted:
                case Step.NOTHING:
                    return "settled-meanwhile"
                case Step.NOT_SENT:
                    return self._not_sent(record)
                case Step.WAIT:
                    decision = "waiting"
                case Step.LOOK_UP | Step.SEARCH | Step.GIVE_UP if self._inquiries.silent(record.state.provider):
                    return "left-alone-for-this-run"
                case Step.LOOK_UP | Step.SEARCH:
                    decision = self._inquire(record, resend=self.resend)
                case Step.GIVE_UP:
                    decision = self._give_up(record)
            following = due(record, now=now, ages=self.ages)
            if decision == NO_ANSWER or wanted is Step.GIVE_UP:
                following = min(following, timestamp(now + _SOON))
            self.reconcile_state.put_off(record.message_id, due=following)
        except SmsTrackerError as error:
            return self._left("failed", error)
        return decision

    def _look_again(self, end: float, record: Record) -> str | None:
        if self._spent(end) or self._inquiries.silent(record.state.provider):
            return None
        try:
            return self._inquire(record)
        except SmsTrackerError as error:
            word = self._left("failed", error)
            return None if isinstance(error, Unavailable) else word

    def _inquire(self, record: Record, resend: Callable[[Record], str] | None = None) -> str:
        """Ask the provider about it: by its id, or in a list where there is none."""
        if record.state.provider not in self.settings().credentials:
            return "provider-not-enabled"
        if (known := named(record)) is not None:
            return self._inquiries.look_up(record, *known)
        match SendRecovery(messages=self.messages, search=self.search, ask=self._inquiries.ask).find(
            record, self.settings()
        ):
            case Matched(candidate):
                looked_up = self._inquiries.look_up(record, record.send.attempt, candidate.provider_message_id)
                return "adopted" if looked_up == LOOKED_UP else looked_up
            case NotMatched("no-candidate") if resend is not None and may_resend(record, now=self.clock()):
                return resend(record)
            case NotMatched(why):
                return why
            case LookupFailed():
                return NO_ANSWER

    def _give_up(self, record: Record) -> str:
        """Ask a last time; what the provider says now is waited for, and its silence a day longer."""
        last = self._inquire(record)
        patience = datetime.fromisoformat(record.created_at) + self.ages.unknown + _GRACE
        if last in (LOOKED_UP, "adopted") or (last == NO_ANSWER and self.clock() < patience):
            return last
        report = self._own(record, NO_REPORT, Status.UNKNOWN)
        return f"gave-up-{track(self.messages, record.message_id, [report], now=report.received).decision}"

    def _not_sent(self, record: Record) -> str:
        """One conditional write, which a client that takes the send over in the meantime makes fail."""
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

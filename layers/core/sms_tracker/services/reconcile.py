"""Reconcile: close what reports alone leave open, by asking the provider for its own record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from sms_tracker import providers
from sms_tracker.domain.adopt import Adopted, NotAdopted
from sms_tracker.domain.decide import final_try
from sms_tracker.domain.envelope import Envelope, encode
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import LookupFailed, NoSuchMessage
from sms_tracker.domain.overdue import Ages, Step, due, step
from sms_tracker.domain.ports import Agenda, Clock, Http, Messages, Queue, Refused, Search, SettingsSource
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import NO_REPORT, NOT_SENT, Report, Source, timestamp
from sms_tracker.domain.search import BY_TIME, SHARDS, Span, days
from sms_tracker.domain.status import Status
from sms_tracker.services.deliver import Pace
from sms_tracker.services.lost import Lost
from sms_tracker.services.track import track

_SLICE = timedelta(hours=1)
"""How much of the past is walked before the position is saved."""
_OVERLAP = timedelta(minutes=2)
"""Walked again each time: an index shows a record a little later than it was written."""
_SENDS = 3
"""Times that a message with resend_if_lost is handed over at the most."""
_BATCH = 100
_TIMEOUT = 10.0
_SOON = timedelta(minutes=10)
"""When a provider that could not answer is asked about the same message again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``seconds`` for one run, ``lookups`` in it, and provider calls a second (``rate``)."""

    seconds: float
    lookups: int
    rate: float


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """The use case with everything it needs from outside. Safe to run twice at once: every write is conditional.

    ``resend`` sends a lost message again for a client that asked for it, and says what came of it.
    """

    messages: Messages
    search: Search
    agenda: Agenda
    settings: SettingsSource
    http: Http
    queue: Queue
    clock: Clock
    pace: Pace
    ages: Ages
    limits: Limits
    resend: Callable[[Record], str]
    _asked: dict[str, float] = field(default_factory=dict)
    _calls: int = 0

    def run(self) -> Counter[str]:
        """Walk what became old enough, then look at what is due; counts of what was done, by its word."""
        self._asked, self._calls = {}, 0
        end = self.pace.monotonic() + self.limits.seconds
        done: Counter[str] = Counter()
        done.update(self._walk(end))
        done.update(self._settle(end))
        return done

    def _walk(self, end: float) -> Iterator[str]:
        """Put on the agenda what is old enough and not final; the position moves only past what was looked at."""
        horizon = self.clock() - self.ages.first
        walked = self.agenda.walked()
        since = datetime.fromisoformat(walked) if walked else horizon - self.ages.unknown
        while since < horizon and self.pace.monotonic() < end:
            until = min(since + _SLICE, horizon)
            for records in self._between(Span(since=timestamp(since - _OVERLAP), until=timestamp(until))):
                yield from chain.from_iterable(map(self._open, records))
            self.agenda.walk(timestamp(until))
            since = until

    def _between(self, span: Span) -> Iterator[list[Record]]:
        for partition in chain.from_iterable(days(span)):
            rest: Span | None = span
            while rest is not None:
                keys, reach = self.search.keys(BY_TIME, partition, span=rest, client=None)
                for start in range(0, len(keys), _BATCH):
                    yield self.search.records([key.message_id for key in keys[start : start + _BATCH]])
                rest = None if reach is None else Span(since=rest.since, until=reach)

    def _open(self, record: Record) -> Iterator[str]:
        yield "walked"
        if not record.state.status.final and self.agenda.open(record.message_id, due=timestamp(self.clock())):
            yield "opened"

    def _settle(self, end: float) -> Iterator[str]:
        """Begin at another shard each minute, so that none is always the last when time is short."""
        first = self.clock().minute
        for number in range(SHARDS):
            now = timestamp(self.clock())
            due_now = self.agenda.due((first + number) % SHARDS, until=now, limit=_BATCH)
            for record in self.search.records(due_now):
                if self.pace.monotonic() > end or self._calls >= self.limits.lookups:
                    yield "left-for-the-next-run"
                    return
                yield self._look_at(record)

    def _look_at(self, record: Record) -> str:
        """Do what the record needs; a fault with one holds up no other."""
        wanted = step(record, now=self.clock(), ages=self.ages)
        try:
            following = due(record, now=self.clock(), ages=self.ages)
            match wanted:
                case Step.NOTHING:
                    return "settled-meanwhile"
                case Step.GIVE_UP:
                    return self._give_up(record)
                case Step.NOT_SENT:
                    return self._not_sent(record)
                case Step.WAIT:
                    decision = "waiting"
                case Step.LOOK_UP:
                    decision = self._look_up(record, record.state.provider_message_id or "")
                case Step.SEARCH:
                    decision = self._search(record)
            if decision == "provider-did-not-answer":
                following = min(following, timestamp(self.clock() + _SOON))
            self.agenda.put_off(record.message_id, due=following)
        except SmsTrackerError:
            return "failed"
        return decision

    def _look_up(self, record: Record, provider_message_id: str) -> str:
        """The provider's record goes the way of a callback: through the queue, under the same rules."""
        name = record.state.provider
        adapter, credentials = providers.load(name), self.settings().credentials[name]
        answer = self._ask(name, adapter.lookup_request(provider_message_id, credentials=credentials))
        now = timestamp(self.clock())
        outcome = adapter.lookup_outcome(answer, received_at=now)
        if isinstance(outcome, NoSuchMessage):
            return "provider-has-no-such-message"
        if isinstance(outcome, LookupFailed) or isinstance(answer, NoResponse):
            return "provider-did-not-answer"
        envelope = Envelope(
            provider=name,
            message_id=record.message_id,
            attempt=record.send.attempt,
            source=Source.LOOKUP,
            received_at=now,
            fields={"record": without_text(answer.body)},
        )
        self.queue.send(encode(envelope))
        return "looked-up"

    def _search(self, record: Record) -> str:
        found = Lost(messages=self.messages, search=self.search, ask=self._ask).find(record, self.settings())
        match found:
            case Adopted(candidate):
                looked_up = self._look_up(record, candidate.provider_message_id)
                return "adopted" if looked_up == "looked-up" else looked_up
            case NotAdopted("no-candidate") if record.resend_if_lost and record.body and record.send.attempt < _SENDS:
                return self.resend(record)
            case NotAdopted(why):
                return why
            case LookupFailed():
                return "provider-did-not-answer"

    def _give_up(self, record: Record) -> str:
        report = self._own(record, NO_REPORT, Status.UNKNOWN)
        return f"gave-up-{track(self.messages, record.message_id, [report], now=report.received).decision}"

    def _not_sent(self, record: Record) -> str:
        reason = Reason.ACCOUNT if record.send.cause == "account" else Reason.NOT_SENT
        failure = Failure(category=Category.TEMPORARY, reason=reason)
        report = self._own(record, NOT_SENT, Status.FAILED, failure)
        change = final_try(record, report, now=report.received)
        taken_over = change is None or isinstance(self.messages.change(record.message_id, change), Refused)
        return "taken-over-meanwhile" if taken_over else "not-sent"

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

    def _ask(self, name: str, request: HttpRequest) -> HttpResponse | NoResponse:
        """One call to a provider, no sooner after the one before than the rate allows."""
        wait = self._asked.get(name, 0.0) + 1 / self.limits.rate - self.pace.monotonic()
        if name in self._asked and wait > 0:
            self.pace.sleep(wait)
        self._asked[name] = self.pace.monotonic()
        self._calls += 1
        return self.http(request, timeout=_TIMEOUT)


def without_text(body: bytes) -> str:
    """A provider's record of a message as JSON, without the message's text: that is not for the queue."""
    record = json.loads(body)
    return json.dumps({name: value for name, value in record.items() if name != "body"})

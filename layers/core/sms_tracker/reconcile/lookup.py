"""Look messages up at their providers at a limited rate and queue the answers; close messages without one."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace

from sms_tracker import providers
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import LookupFailed, NoSuchMessage
from sms_tracker.domain.ports import (
    CallFailed,
    Clock,
    Http,
    Messages,
    NotWritten,
    Pace,
    Queue,
    SettingsSource,
    log_failed_call,
)
from sms_tracker.domain.queued import Envelope, encode_report
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import NO_REPORT, NOT_SENT, Report, Source, timestamp
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.domain.transition import costs, final_try
from sms_tracker.services.track import track

NO_ANSWER, LOOKED_UP = "provider-did-not-answer", "looked-up"
_BUSY = frozenset({429, *range(500, 600)})
_ANSWERS = frozenset({*range(200, 300), 404})
_TIMEOUT = 10.0
_TEXTS = {"body", "text"}
"""The members of a provider's record with the message's text."""
_MAX_FAILURES = 3
"""Consecutive failed calls after which a run stops calling a provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The budget of one run: seconds, provider calls, and calls per second to each provider (``rate``)."""

    seconds: float
    lookups: int
    rate: float


@dataclass(slots=True, kw_only=True)
class Lookups:
    """The look-ups of one run. ``rate``: calls per second to each provider. ``calls``: made so far."""

    settings: SettingsSource
    http: Http
    queue: Queue
    clock: Clock
    pace: Pace
    rate: float
    failed: CallFailed
    calls: int = 0
    _last_call: dict[str, float] = field(default_factory=dict)
    _failures: Counter[str] = field(default_factory=Counter)

    def has_given_up(self, provider: str) -> bool:
        """Whether this run no longer calls the provider, because it did not answer."""
        return self._failures[provider] >= _MAX_FAILURES

    def impossible(self, provider: str) -> str | None:
        """Why no message can be looked up at the provider; None if look-ups are possible."""
        if provider not in self.settings().credentials:
            return "provider-not-enabled"
        return None if providers.load(provider).LOOKUP else "provider-has-no-look-up"

    def look_up(self, record: Record, attempt: int, provider_message_id: str) -> str:
        """Look up one message and queue the provider's record like a callback. Returns the decision."""
        name = record.provider_of(attempt)
        adapter, credentials = providers.load(name), self.settings().credentials[name]
        response = self.call(name, adapter.lookup_request(provider_message_id, credentials=credentials))
        now = timestamp(self.clock())
        outcome = adapter.lookup_outcome(response, received_at=now)
        if isinstance(outcome, NoSuchMessage):
            return "provider-has-no-such-message"
        if isinstance(outcome, LookupFailed) or isinstance(response, NoResponse):
            return NO_ANSWER
        if _adds_nothing(replace(outcome, attempt=attempt), record):
            return "nothing-new"
        envelope = Envelope(
            provider=name,
            message_id=record.message_id,
            attempt=attempt,
            source=Source.LOOKUP,
            received_at=now,
            fields={"record": without_text(response.body)},
        )
        self.queue.send(encode_report(envelope))
        return LOOKED_UP

    def call(self, name: str, request: HttpRequest) -> HttpResponse | NoResponse:
        """Make one call to a provider, after a pause to keep to the rate."""
        if name in self._last_call and (wait := self._last_call[name] + 1 / self.rate - self.pace.monotonic()) > 0:
            self.pace.sleep(wait)
        self._last_call[name] = self.pace.monotonic()
        self.calls += 1
        response = self.http(request, timeout=_TIMEOUT)
        has_failed = isinstance(response, NoResponse) or response.status in _BUSY
        self._failures[name] = self._failures[name] + 1 if has_failed else 0
        if isinstance(response, NoResponse) or response.status not in _ANSWERS:
            log_failed_call(self.failed, f"{name} {request.method}", response)
        return response


def _adds_nothing(report: Report, record: Record) -> bool:
    """Whether the report is in the timeline, or adds nothing to a final record.

    A new price always adds something: Twilio's comes after the last report.
    """
    if any(new.price != record.price(attempt) for attempt, new in costs([report], record.costs).items()):
        return False
    if record.has(report):
        return True
    return record.state.status.final and report.recognised and fold([report], base=record.state) == record.state


def without_text(body: bytes) -> str:
    """A provider's record of a message as JSON, without the message's text, which must not be queued.

    Fractions become text, to keep the digits of a price.
    """
    record = json.loads(body, parse_float=str)
    return json.dumps({name: value for name, value in record.items() if name not in _TEXTS})


def end_as_unknown(messages: Messages, record: Record, *, now: str) -> str:
    """End a message without a final report in time. Returns the decision."""
    report = _own_report(record, NO_REPORT, Status.UNKNOWN, now=now)
    return track(messages, record.message_id, [report], now=now).decision


def end_as_not_sent(messages: Messages, record: Record, *, now: str) -> str:
    """End a released send as failed, unless a client takes it over meanwhile. Returns the decision."""
    reason = Reason.ACCOUNT if record.send.cause == "account" else Reason.NOT_SENT
    failure = Failure(category=Category.TEMPORARY, reason=reason)
    report = _own_report(record, NOT_SENT, Status.FAILED, failure, now=now)
    result = messages.change(record.message_id, final_try(record, report, now=now))
    return "taken-over-meanwhile" if isinstance(result, NotWritten) else "not-sent"


def _own_report(record: Record, word: str, status: Status, failure: Failure | None = None, *, now: str) -> Report:
    return Report(
        provider=record.state.provider,
        word=word,
        status=status,
        received=now,
        provider_message_id=record.state.provider_message_id,
        failure=failure,
        attempt=record.send.attempt,
        source=Source.LOOKUP,
    )

"""Test keys: the same Sender with the built-in provider in place of providers, accounts and opt-outs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sms_tracker import providers
from sms_tracker.domain.envelope import Envelope, encode
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.ports import Clock, Queue, SettingsSource
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.providers import BUILT_IN
from sms_tracker.providers.test.numbers import BLOCK, OPTED_OUT, Event, exchange
from sms_tracker.services.policy import Policy
from sms_tracker.services.send import Sender

_SENDER = "Test"
"""The sender of a message that names none."""


def for_test_keys(live: Sender, *, settings: SettingsSource, reports: Queue) -> Sender:
    """The Sender of test keys. It has no HTTP and no credentials, so it can reach no real provider.

    ``settings`` need no credentials; ``reports`` is the queue that the processor reads.
    """
    http = BuiltInHttp(reports=reports, clock=live.clock, sleep=live.pace.sleep)
    rules = replace(live.rules, policy=policy(live.rules.policy))
    return replace(live, settings=settings, http=http, rules=rules, gate=BuiltInGate(), limiter=None)


def policy(live: Policy) -> Policy:
    """The deployment's rules, with the built-in provider alone; the documented numbers are open in every country."""
    return replace(
        live,
        providers=(BUILT_IN,),
        default_provider=BUILT_IN,
        senders={BUILT_IN: _SENDER},
        test=True,
        allowed=replace(live.allowed, ranges=(*live.allowed.ranges, BLOCK)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltInHttp:
    """The built-in provider behind :class:`sms_tracker.domain.ports.Http`: it answers, and queues its own reports.

    Each report gets to the queue before the answer, and out of it when it is due.
    """

    reports: Queue
    clock: Clock
    sleep: Callable[[float], None]

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:  # noqa: ARG002 - answers at once
        """The answer; ``NoResponse`` where a report could not be queued."""
        now, queued = self.clock(), False
        found = exchange(request, now=now)
        try:
            for event in found.events:
                self._queue(event, now)
                queued = True
        except SmsTrackerError as error:
            return NoResponse(written=queued, reason=str(error))
        if found.seconds:
            self.sleep(found.seconds)
        return found.answer

    def _queue(self, event: Event, now: datetime) -> None:
        """Queue an event as a webhook would, dated at the second at which it is due."""
        provider, request = providers.load(BUILT_IN), HttpRequest("POST", "", body=event.body)
        fields = provider.fields(request)
        target = provider.target(request, fields)
        envelope = Envelope(
            provider=BUILT_IN,
            message_id=target.message_id,
            attempt=target.attempt,
            source=Source.CALLBACK,
            received_at=timestamp(now + timedelta(seconds=event.seconds)),
            fields=fields,
        )
        self.reports.send(encode(envelope), delay_seconds=event.seconds)


@dataclass(frozen=True, slots=True)
class BuiltInGate:
    """An :class:`sms_tracker.services.gate.OptOutCheck` that knows one recipient and learns nothing."""

    def is_closed(self, record: Record) -> bool:
        """Whether it is the documented number of somebody who opted out."""
        return record.to == OPTED_OUT

    def learn(self, record: Record) -> None:
        """Nothing: no opt-out follows from a test."""

"""Test keys: a Sender with the built-in provider in place of real providers, opt-outs and limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sms_tracker import providers
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.ports import Clock, Queue, SettingsSource
from sms_tracker.domain.queued import Envelope, encode_report
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.providers import BUILT_IN
from sms_tracker.providers.test.numbers import BLOCK, OPTED_OUT, Event, exchange
from sms_tracker.services.policy import Policy
from sms_tracker.services.send import Sender

_SENDER = "Test"
"""The sender of a message that names none."""


def for_test_keys(live: Sender, *, settings: SettingsSource, reports: Queue) -> Sender:
    """The Sender of test keys. Without HTTP and credentials it cannot reach a real provider.

    ``settings`` need no credentials; ``reports`` is the queue that the processor reads.
    """
    return replace(
        live,
        settings=settings,
        http=BuiltInHttp(reports=reports, clock=live.clock, sleep=live.pace.sleep),
        rules=replace(live.rules, policy=policy(live.rules.policy)),
        opt_out_check=BuiltInOptOutCheck(),
        limiter=None,
    )


def policy(live: Policy) -> Policy:
    """The deployment's rules with only the built-in provider. Its documented numbers are allowed in every country."""
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
    """The built-in provider as a :class:`sms_tracker.domain.ports.Http`: it answers, and queues its own reports.

    It queues each report before it answers. The queue delays a report until it is due.
    """

    reports: Queue
    clock: Clock
    sleep: Callable[[float], None]

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:  # noqa: ARG002 - answers at once
        """The answer; ``NoResponse`` if a report could not be queued."""
        now, is_queued = self.clock(), False
        result = exchange(request, now=now)
        try:
            for event in result.events:
                self._queue(event, now)
                is_queued = True
        except SmsTrackerError as error:
            return NoResponse(written=is_queued, reason=str(error))
        if result.seconds:
            self.sleep(result.seconds)
        return result.answer

    def _queue(self, event: Event, now: datetime) -> None:
        """Queue an event as the webhook function does, received at the time when it is due."""
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
        self.reports.send(encode_report(envelope), delay_seconds=event.seconds)


@dataclass(frozen=True, slots=True)
class BuiltInOptOutCheck:
    """An :class:`sms_tracker.services.provider_call.OptOutCheck` with one blocked recipient."""

    def is_blocked(self, record: Record) -> bool:
        """Whether it is the documented number of a recipient who opted out."""
        return record.to == OPTED_OUT

    def pass_on_refusal(self, record: Record) -> None:
        """Do nothing: test messages change no opt-outs."""

"""Send a message: record it, hand it to its provider, store the answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from sms_tracker import providers
from sms_tracker.domain.errors import InvalidMessage, Misconfigured, SmsTrackerError, Unavailable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.invocation import Pace, ignore_failed_call
from sms_tracker.domain.limits import Bound
from sms_tracker.domain.overdue import validity_left
from sms_tracker.domain.ports import CallFailed, Clock, Http, Messages, SettingsSource, Written
from sms_tracker.domain.record import Record, Send, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.sending_stop import StopOf, never_stopped
from sms_tracker.domain.settings import Settings
from sms_tracker.domain.state import recorded
from sms_tracker.domain.status import MAX_ATTEMPT, Status
from sms_tracker.services import idempotency, responses
from sms_tracker.services.gate import OptOutCheck, stopped
from sms_tracker.services.limits import Limiter, count, settle
from sms_tracker.services.outcomes import Outcomes
from sms_tracker.services.policy import Policy
from sms_tracker.services.provider_call import BUDGET, call_provider, prepared, repeat_call
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send_request import Draft, again, draft, with_sender
from sms_tracker.services.text import text_hash
from sms_tracker.services.validation import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The deployment's rules for sending. ``stack`` is its name, part of every id derived from a key."""

    policy: Policy
    stack: str
    retention: timedelta
    claim: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends messages. ``new_token`` names one invocation's claim.

    ``gate`` is None where opt-outs are off; ``limiter`` finds in the settings whether there are limits.
    """

    messages: Messages
    settings: SettingsSource
    http: Http
    clock: Clock
    pace: Pace
    rules: Rules
    gate: OptOutCheck | None = None
    stop_of: StopOf = never_stopped
    limiter: Limiter | None = None
    failed: CallFailed = ignore_failed_call
    new_id: Callable[[], str] = lambda: str(uuid4())
    new_token: Callable[[], str] = lambda: uuid4().hex[:22]

    def send(self, client: str, payload: Json, key: str | None) -> ApiResponse:
        """Answer one request; raises ``InvalidMessage`` for an invalid one."""
        end = self.pace.monotonic() + BUDGET
        message = draft(payload, self.rules.policy)
        response = stopped(self.stop_of, client) or self._send(client, payload, key, message, end)
        return response.advising(message.warnings)

    def _send(self, client: str, payload: Json, key: str | None, message: Draft, end: float) -> ApiResponse:
        try:
            settings = self.settings()
            message = with_sender(message, settings.senders, self.rules.policy.senders)
            record, request = prepared(self._record(client, payload, key, message, settings), message, settings)
            stored = self._put(record, end)
        except InvalidMessage:  # no default for a field that this provider needs
            raise
        except SmsTrackerError as error:
            return responses.nothing_recorded(error)
        if stored is None:
            return self._hand_over(record, request, message, end)
        if not idempotency.is_same_request(settings.service_key, stored, payload):
            return responses.key_reused(stored)
        # Any report from the provider proves that it took the message, whatever it answered.
        taken = stored.state.status is not Status.PENDING or stored.state.ids
        if stored.send.phase is SendPhase.RELEASED and not taken:
            return self._take_over(stored, message, settings, end)
        if idempotency.names_another_provider(stored, payload):
            return responses.other_provider(stored)
        return self._repeated(stored)

    def resend(self, stored: Record) -> ApiResponse:
        """Hand a lost message over once more, which ``may_resend`` allows.

        Where the provider has an idempotency key, as the same request. Otherwise as the next attempt: it may have been
        sent already, and its client accepted that risk. Of two concurrent callers one gets 409.
        """
        end = self.pace.monotonic() + BUDGET
        if (refusal := stopped(self.stop_of, stored.client)) is not None:
            return refusal
        try:
            settings = self.settings()
        except SmsTrackerError as error:
            return responses.nothing_recorded(error)
        if providers.load(stored.state.provider).IDEMPOTENCY:
            return self._repeat(stored, settings, end)
        message = again(stored, validity_seconds=validity_left(stored, now=self.clock()))
        return self._take_over(stored, message, settings, end)

    def _repeat(self, stored: Record, settings: Settings, end: float) -> ApiResponse:
        """The same request under the same key.

        By one caller at a time, because an answer of 5xx frees the key even where the message was sent.
        """
        message = again(stored, validity_seconds=stored.validity_seconds)
        claimed, request = self._claimed(stored, stored.send.attempt, message, settings)
        if claimed.send.request != stored.send.request:
            return responses.accepted(stored, "request-changed")
        try:
            if self._is_closed(stored):  # it may have been sent before the opt-out, so it stays open
                return responses.accepted(stored, "opted-out")
            if not self.messages.take_over(stored, claimed.send, provider=message.provider, now=claimed.state.at):
                return responses.in_progress(stored, self.rules.claim.total_seconds())
            counted = count(self.limiter, stored)
        except SmsTrackerError as error:  # the claim may have been stored; it ends by itself
            return responses.nothing_recorded(error)
        if isinstance(counted, Bound):  # likewise it stays open, and its claim ends by itself
            return responses.accepted(stored, "over-limit")
        provider = providers.load(stored.state.provider)
        outcome = repeat_call(provider, request, http=self.http, pace=self.pace, end=end, failed=self.failed)
        response = self._outcomes.conclude(claimed, outcome, default_sender=message.default_sender, end=end)
        return settle(self.limiter, counted, outcome, response)

    def _repeated(self, stored: Record) -> ApiResponse:
        """The answer to a repeated key for a message that must not be sent again."""
        left = stored.send.until - self.clock().timestamp()
        if stored.send.phase is SendPhase.CLAIMED and left > 0:
            return responses.in_progress(stored, left)
        if stored.send.phase is not SendPhase.ANSWERED:  # also released, because a provider reported on it
            return responses.accepted(stored, "outcome-unknown").replayed()
        refused = responses.is_refused(stored)
        return (responses.refused(stored) if refused else responses.accepted(stored, "replayed")).replayed()

    def _take_over(self, stored: Record, message: Draft, settings: Settings, end: float) -> ApiResponse:
        attempt = stored.send.attempt + 1
        if attempt > MAX_ATTEMPT:
            return responses.attempts_spent(stored)
        resent = replace(stored, sender=message.sender)
        try:
            taken, request = self._claimed(resent, attempt, message, settings)
        except Misconfigured as error:  # nothing was written
            return responses.nothing_recorded(error)
        try:
            if not self.messages.take_over(resent, taken.send, provider=message.provider, now=taken.state.at):
                return responses.in_progress(stored, self.rules.claim.total_seconds())
        except SmsTrackerError as error:
            # As in _put: the claim may have been stored.
            return responses.nothing_recorded(error).noting(self._outcomes.release(taken, "not_sent", end))
        return self._hand_over(taken, request, message, end)

    def _claimed(self, stored: Record, attempt: int, message: Draft, settings: Settings) -> tuple[Record, HttpRequest]:
        """``stored`` as a claim of this invocation leaves it, and the request that follows."""
        now = timestamp(self.clock())
        state = replace(stored.state, status=Status.PENDING, attempt=attempt, at=now, provider=message.provider)
        claimed = replace(stored, send=self._claim(attempt), state=state, version=stored.version + 1)
        return prepared(claimed, message, settings)

    def _record(self, client: str, payload: Json, key: str | None, message: Draft, settings: Settings) -> Record:
        now, test = self.clock(), self.rules.policy.test
        return Record(
            message_id=idempotency.keyed_message_id(self.rules.stack, client, key, test=test) if key else self.new_id(),
            version=1,
            state=recorded(attempt=1, at=timestamp(now), provider=message.provider),
            send=self._claim(1),
            client=client,
            to=message.to,
            sender=message.sender,
            segmentation=message.segmentation,
            fingerprint=idempotency.fingerprint(settings.service_key, payload),
            text_hash=text_hash(settings.service_key, message.body),
            created_at=timestamp(now),
            updated_at=timestamp(now),
            expires_at=math.ceil((now + self.rules.retention).timestamp()),
            reference=message.reference,
            resend_if_lost=message.resend_if_lost,
            validity_seconds=message.validity_seconds,
            category=message.category,
            body=message.body if self.rules.policy.keeps_text else None,
            test=test,
        )

    def _claim(self, attempt: int) -> Send:
        until = math.ceil((self.clock() + self.rules.claim).timestamp())
        return Send(phase=SendPhase.CLAIMED, attempt=attempt, token=self.new_token(), until=until)

    def _put(self, record: Record, end: float) -> Record | None:
        """None once recorded, otherwise the record that existed before."""
        try:
            result = self.messages.put(record)
        except SmsTrackerError:
            # The write may have been applied. No provider was called, so release the key for another try.
            self._outcomes.release(record, "not_sent", end)
            raise
        if isinstance(result, Written):
            return None
        if result.record is None:
            raise Unavailable("the record existed and is gone")
        return result.record

    def _hand_over(self, record: Record, request: HttpRequest, message: Draft, end: float) -> ApiResponse:
        try:
            if self._is_closed(record):
                return self._outcomes.opted_out(record, end)
            counted = count(self.limiter, record)
        except SmsTrackerError as error:
            released = self._outcomes.release(record, "not_sent", end)
            return responses.unchecked(record, error).noting(released)
        if isinstance(counted, Bound):
            return self._outcomes.over_limit(record, counted, end)
        provider = providers.load(record.state.provider)
        outcome = call_provider(provider, request, http=self.http, pace=self.pace, end=end, failed=self.failed)
        response = self._outcomes.conclude(record, outcome, default_sender=message.default_sender, end=end)
        return settle(self.limiter, counted, outcome, response)

    def _is_closed(self, record: Record) -> bool:
        return self.gate is not None and self.gate.is_closed(record)

    @property
    def _outcomes(self) -> Outcomes:
        return Outcomes(messages=self.messages, clock=self.clock, pace=self.pace, gate=self.gate)

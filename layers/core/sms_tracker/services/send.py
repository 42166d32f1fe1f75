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
from sms_tracker.domain.limits import Bound
from sms_tracker.domain.operator_rules import StopOf
from sms_tracker.domain.outbound import SendOutcome
from sms_tracker.domain.overdue import validity_left
from sms_tracker.domain.ports import CallFailed, Clock, Http, Messages, Pace, SettingsSource, Written
from sms_tracker.domain.record import Record, Send, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import Settings
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import MAX_ATTEMPT, Status
from sms_tracker.services import idempotency, responses
from sms_tracker.services.limits import Counted, Limiter, count_message, settle_count
from sms_tracker.services.outcomes import OutcomeRecorder
from sms_tracker.services.policy import Policy
from sms_tracker.services.provider_call import (
    BUDGET,
    OptOutCheck,
    call_provider,
    check_stop,
    prepare_request,
    repeat_call,
)
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send_request import Draft, draft_from_record, draft_from_request, with_sender
from sms_tracker.services.validation import Json, text_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The deployment's rules for sending. ``stack`` is its name, a part of each message id derived from a key."""

    policy: Policy
    stack: str
    retention: timedelta
    claim: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends messages. ``new_token`` identifies one invocation's claim.

    ``opt_out_check`` is None where opt-outs are off, ``limiter`` for test keys.
    """

    messages: Messages
    settings: SettingsSource
    http: Http
    clock: Clock
    pace: Pace
    rules: Rules
    opt_out_check: OptOutCheck | None
    stop_of: StopOf
    limiter: Limiter | None
    failed: CallFailed
    new_id: Callable[[], str] = lambda: str(uuid4())
    new_token: Callable[[], str] = lambda: uuid4().hex[:22]

    def send(self, client: str, payload: Json, key: str | None) -> ApiResponse:
        """Answer one request; raises ``InvalidMessage`` for an invalid one."""
        end = self.pace.monotonic() + BUDGET
        draft = draft_from_request(payload, self.rules.policy)
        response = check_stop(self.stop_of, client) or self._send(client, payload, key, draft, end)
        return response.with_client_warnings(draft.warnings)

    def _send(self, client: str, payload: Json, key: str | None, draft: Draft, end: float) -> ApiResponse:
        """Record and hand over a new message; a known key is refused, taken over or replayed (ADR 8)."""
        try:
            settings = self.settings()
            draft = with_sender(draft, settings.senders, self.rules.policy.senders)
            record, request = prepare_request(self._record(client, payload, key, draft, settings), draft, settings)
            stored = self._put(record, end)
        except InvalidMessage:  # a field that this provider needs has no default
            raise
        except SmsTrackerError as error:
            return responses.not_recorded(error)
        if stored is None:
            return self._hand_over(record, request, draft, end)
        if not idempotency.is_same_request(settings.service_key, stored, payload):
            return responses.key_reused(stored)
        if idempotency.may_take_over(stored):
            return self._take_over(stored, draft, settings, end)
        if idempotency.names_another_provider(stored, payload):
            return responses.other_provider(stored)
        return self._replay(stored)

    def resend(self, stored: Record) -> ApiResponse:
        """Hand a lost message over once more, where ``may_resend`` allows it.

        A provider with idempotency keys gets the same request. Any other gets the next attempt: the message may arrive
        twice, a risk that its client accepted. Of two concurrent callers one gets 409.
        """
        end = self.pace.monotonic() + BUDGET
        if (stopped := check_stop(self.stop_of, stored.client)) is not None:
            return stopped
        try:
            settings = self.settings()
        except SmsTrackerError as error:
            return responses.not_recorded(error)
        if providers.load(stored.state.provider).IDEMPOTENCY:
            return self._repeat_request(stored, settings, end)
        draft = draft_from_record(stored, validity_seconds=validity_left(stored, now=self.clock()))
        return self._take_over(stored, draft, settings, end)

    def _repeat_request(self, stored: Record, settings: Settings, end: float) -> ApiResponse:
        """Make the same request under the provider's same idempotency key.

        The claim admits one caller at a time, because an answer of 5xx frees the key even if the message was sent.
        """
        draft = draft_from_record(stored, validity_seconds=stored.validity_seconds)
        claimed, request = self._claim_attempt(stored, stored.send.attempt, draft, settings)
        if claimed.send.request != stored.send.request:
            return responses.accepted(stored, "request-changed")
        try:
            if self._is_blocked(stored):  # stays open: it may have been sent before the opt-out
                return responses.accepted(stored, "opted-out")
            if not self.messages.take_over(stored, claimed.send, provider=draft.provider, now=claimed.state.at):
                return responses.in_progress(stored, self.rules.claim.total_seconds())
            counted = count_message(self.limiter, stored)
        except SmsTrackerError as error:  # the claim may have been stored; it expires
            return responses.not_recorded(error)
        if isinstance(counted, Bound):  # stays open; the claim expires
            return responses.accepted(stored, "over-limit")
        provider = providers.load(stored.state.provider)
        outcome = repeat_call(provider, request, http=self.http, pace=self.pace, end=end, failed=self.failed)
        return self._finish(claimed, outcome, counted, draft, end)

    def _replay(self, stored: Record) -> ApiResponse:
        """The answer to a repeated key without another send."""
        left = stored.send.until - self.clock().timestamp()
        if stored.send.phase is SendPhase.CLAIMED and left > 0:
            return responses.in_progress(stored, left)
        if stored.send.phase is not SendPhase.ANSWERED:  # the claim expired, or a provider reported after a release
            return responses.accepted(stored, "outcome-unknown").as_replay()
        response = responses.refused(stored) if is_refused(stored) else responses.accepted(stored, "replayed")
        return response.as_replay()

    def _take_over(self, stored: Record, draft: Draft, settings: Settings, end: float) -> ApiResponse:
        attempt = stored.send.attempt + 1
        if attempt > MAX_ATTEMPT:
            return responses.attempts_spent(stored)
        resent = replace(stored, sender=draft.sender)
        try:
            claimed, request = self._claim_attempt(resent, attempt, draft, settings)
        except Misconfigured as error:  # nothing was written
            return responses.not_recorded(error)
        try:
            if not self.messages.take_over(resent, claimed.send, provider=draft.provider, now=claimed.state.at):
                return responses.in_progress(stored, self.rules.claim.total_seconds())
        except SmsTrackerError as error:  # the claim may have been stored
            released = self._outcomes.release(claimed, "not_sent", end)
            return responses.not_recorded(error).with_log_warning(released)
        return self._hand_over(claimed, request, draft, end)

    def _claim_attempt(
        self, stored: Record, attempt: int, draft: Draft, settings: Settings
    ) -> tuple[Record, HttpRequest]:
        """The record with this invocation's claim, and the request to make. Nothing is stored yet."""
        now = timestamp(self.clock())
        state = replace(stored.state, status=Status.PENDING, attempt=attempt, at=now, provider=draft.provider)
        claimed = replace(stored, send=self._claim(attempt), state=state, version=stored.version + 1)
        return prepare_request(claimed, draft, settings)

    def _record(self, client: str, payload: Json, key: str | None, draft: Draft, settings: Settings) -> Record:
        now, test = self.clock(), self.rules.policy.test
        return Record(
            message_id=idempotency.keyed_message_id(self.rules.stack, client, key, test=test) if key else self.new_id(),
            version=1,
            state=initial_state(attempt=1, at=timestamp(now), provider=draft.provider),
            send=self._claim(1),
            client=client,
            to=draft.to,
            sender=draft.sender,
            segmentation=draft.segmentation,
            fingerprint=idempotency.fingerprint(settings.service_key, payload),
            text_hash=text_hash(settings.service_key, draft.body),
            created_at=timestamp(now),
            updated_at=timestamp(now),
            expires_at=math.ceil((now + self.rules.retention).timestamp()),
            reference=draft.reference,
            resend_if_lost=draft.resend_if_lost,
            validity_seconds=draft.validity_seconds,
            category=draft.category,
            body=draft.body if self.rules.policy.keeps_text else None,
            test=test,
        )

    def _claim(self, attempt: int) -> Send:
        until = math.ceil((self.clock() + self.rules.claim).timestamp())
        return Send(phase=SendPhase.CLAIMED, attempt=attempt, token=self.new_token(), until=until)

    def _put(self, record: Record, end: float) -> Record | None:
        """Store a new record. Returns the record that existed before, if any."""
        try:
            result = self.messages.put(record)
        except SmsTrackerError:  # the write may have been applied, but no provider was called
            self._outcomes.release(record, "not_sent", end)
            raise
        if isinstance(result, Written):
            return None
        if result.record is None:
            raise Unavailable("the record existed and is gone")
        return result.record

    def _hand_over(self, record: Record, request: HttpRequest, draft: Draft, end: float) -> ApiResponse:
        try:
            if self._is_blocked(record):
                return self._outcomes.opted_out(record, end)
            counted = count_message(self.limiter, record)
        except SmsTrackerError as error:
            released = self._outcomes.release(record, "not_sent", end)
            return responses.check_failed(record, error).with_log_warning(released)
        if isinstance(counted, Bound):
            return self._outcomes.over_limit(record, counted, end)
        provider = providers.load(record.state.provider)
        outcome = call_provider(provider, request, http=self.http, pace=self.pace, end=end, failed=self.failed)
        return self._finish(record, outcome, counted, draft, end)

    def _finish(self, record: Record, outcome: SendOutcome, counted: Counted, draft: Draft, end: float) -> ApiResponse:
        response = self._outcomes.store(record, outcome, default_sender=draft.default_sender, end=end)
        return settle_count(self.limiter, counted, outcome, response)

    def _is_blocked(self, record: Record) -> bool:
        return self.opt_out_check is not None and self.opt_out_check.is_blocked(record)

    @property
    def _outcomes(self) -> OutcomeRecorder:
        return OutcomeRecorder(
            messages=self.messages, clock=self.clock, pace=self.pace, opt_out_check=self.opt_out_check
        )


def is_refused(record: Record) -> bool:
    """Whether the provider refused the last attempt: it failed and has no provider id."""
    state = record.state
    return state.status is Status.FAILED and record.send.attempt == state.attempt and state.attempt not in state.ids

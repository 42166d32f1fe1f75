"""Send: record the message, hand it to its provider, write down the answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import uuid4

from sms_tracker import providers
from sms_tracker.domain.callback import callback_token, callback_url
from sms_tracker.domain.errors import SmsTrackerError, Unavailable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.outbound import Accepted, NotProcessed, OutboundMessage, OutcomeUnknown, Refused
from sms_tracker.domain.overdue import validity_left
from sms_tracker.domain.ports import CallFailed, Clock, Http, Messages, SettingsSource, Written
from sms_tracker.domain.record import Record, Send, SendPhase
from sms_tracker.domain.report import REFUSED, Report, Source, timestamp
from sms_tracker.domain.settings import Settings
from sms_tracker.domain.state import fold, recorded
from sms_tracker.domain.status import MAX_ATTEMPT, Status
from sms_tracker.services import responses
from sms_tracker.services.identity import keyed_message_id
from sms_tracker.services.provider_call import BUDGET, Pace, call_provider, ignore_failed_call, retry_write
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send_request import Draft, Policy, draft, fingerprint, text_hash
from sms_tracker.services.track import track


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How this deployment sends. ``stack`` is its name, part of each id that is derived from a key."""

    policy: Policy
    stack: str
    retention: timedelta
    claim: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The use case with everything it needs from outside. ``new_token`` names one invocation's claim."""

    messages: Messages
    settings: SettingsSource
    http: Http
    clock: Clock
    pace: Pace
    rules: Rules
    failed: CallFailed = ignore_failed_call
    new_id: Callable[[], str] = lambda: str(uuid4())
    new_token: Callable[[], str] = lambda: uuid4().hex[:22]

    def send(self, client: str, payload: object, key: str | None) -> ApiResponse:
        """Answer one request; raises ``InvalidMessage`` where it is wrong."""
        end = self.pace.monotonic() + BUDGET
        wanted = draft(payload, self.rules.policy)
        return self._send(client, payload, key, wanted, end).advising(wanted.warnings)

    def _send(self, client: str, payload: object, key: str | None, wanted: Draft, end: float) -> ApiResponse:
        try:
            settings = self.settings()
            record = self._record(client, payload, key, wanted, settings)
            request = self._request(record, wanted, settings)
            stored = self._put(record, end)
        except SmsTrackerError as error:
            return responses.nothing_recorded(error)
        if stored is None:
            return self._hand_over(record, request, wanted, end)
        if stored.fingerprint != record.fingerprint:
            return responses.key_reused(stored)
        # A provider that ever said anything about it has taken it, whatever it answered.
        taken = stored.state.status is not Status.PENDING or stored.state.ids
        if stored.send.phase is SendPhase.RELEASED and not taken:
            return self._take_over(stored, wanted, settings, end)
        return self._again(stored)

    def resend(self, stored: Record) -> ApiResponse:
        """Hand a lost message over once more, at the risk that its client took: it may have been sent already.

        ``stored`` is one that ``may_resend`` lets; of two callers at once one gets 409.
        """
        end = self.pace.monotonic() + BUDGET
        wanted = Draft(
            to=stored.to,
            body=stored.body or "",
            provider=stored.state.provider,
            sender=stored.sender,
            default_sender=True,  # not remembered; a refusal then releases the key, so that its client can ask again
            reference=stored.reference,
            validity_seconds=validity_left(stored, now=self.clock()),
            resend_if_lost=True,
            segmentation=stored.segmentation,
        )
        try:
            settings = self.settings()
        except SmsTrackerError as error:
            return responses.nothing_recorded(error)
        return self._take_over(stored, wanted, settings, end)

    def _again(self, stored: Record) -> ApiResponse:
        """The same key came again for what is not to be sent again: replay, or ask for patience."""
        match stored.send.phase:
            case SendPhase.ANSWERED:
                return (
                    responses.refused(stored)
                    if responses.is_refused(stored)
                    else responses.accepted(stored, "replayed")
                )
            case SendPhase.CLAIMED:
                left = stored.send.until - self.clock().timestamp()
                return (
                    responses.in_progress(stored, left) if left > 0 else responses.accepted(stored, "outcome-unknown")
                )
            case SendPhase.RELEASED:  # a provider named it all the same: it was taken
                return responses.accepted(stored, "outcome-unknown")

    def _take_over(self, stored: Record, wanted: Draft, settings: Settings, end: float) -> ApiResponse:
        attempt = stored.send.attempt + 1
        if attempt > MAX_ATTEMPT:
            return responses.attempts_spent(stored)
        now, provider = timestamp(self.clock()), wanted.provider
        send = self._claim(attempt)
        state = replace(stored.state, status=Status.PENDING, attempt=attempt, at=now, provider=provider)
        taken = replace(stored, send=send, state=state, version=stored.version + 1)
        try:
            request = self._request(taken, wanted, settings)
            if not self.messages.take_over(stored, send, provider=provider, now=now):
                return responses.in_progress(stored, self.rules.claim.total_seconds())
        except SmsTrackerError as error:
            # As in _put: the claim may be ours all the same.
            return responses.nothing_recorded(error).noting(self._release(taken, "not_sent", end))
        return self._hand_over(taken, request, wanted, end)

    def _record(self, client: str, payload: object, key: str | None, wanted: Draft, settings: Settings) -> Record:
        now = self.clock()
        return Record(
            message_id=keyed_message_id(self.rules.stack, client, key) if key else self.new_id(),
            version=1,
            state=recorded(attempt=1, at=timestamp(now), provider=wanted.provider),
            send=self._claim(1),
            client=client,
            to=wanted.to,
            sender=wanted.sender,
            segmentation=wanted.segmentation,
            fingerprint=fingerprint(settings.service_key, payload),
            text_hash=text_hash(settings.service_key, wanted.body),
            created_at=timestamp(now),
            updated_at=timestamp(now),
            expires_at=math.ceil((now + self.rules.retention).timestamp()),
            reference=wanted.reference,
            resend_if_lost=wanted.resend_if_lost,
            validity_seconds=wanted.validity_seconds,
            body=wanted.body if self.rules.policy.keeps_text else None,
        )

    def _claim(self, attempt: int) -> Send:
        until = math.ceil((self.clock() + self.rules.claim).timestamp())
        return Send(phase=SendPhase.CLAIMED, attempt=attempt, token=self.new_token(), until=until)

    def _request(self, record: Record, wanted: Draft, settings: Settings) -> HttpRequest:
        """Built before anything is recorded, so that missing credentials leave nothing behind."""
        name, attempt = wanted.provider, record.send.attempt
        token = callback_token(settings.service_key, name, record.message_id, attempt)
        message = OutboundMessage(
            message_id=record.message_id,
            attempt=attempt,
            to=wanted.to,
            sender=wanted.sender,
            body=wanted.body,
            encoding=wanted.segmentation.encoding,
            token=token,
            validity_seconds=wanted.validity_seconds,
        )
        url = callback_url(settings.public_base_urls[0], name, record.message_id, attempt, token=token)
        return providers.load(name).send_request(message, credentials=settings.credentials[name], callback_url=url)

    def _put(self, record: Record, end: float) -> Record | None:
        """None once recorded, else the record that was there before."""
        try:
            result = self.messages.put(record)
        except SmsTrackerError:
            # The write may have been applied all the same: nobody was asked, so let the same key try again.
            self._release(record, "not_sent", end)
            raise
        if isinstance(result, Written):
            return None
        if result.record is None:
            raise Unavailable("the record was there and is gone")
        return result.record

    def _hand_over(self, record: Record, request: HttpRequest, wanted: Draft, end: float) -> ApiResponse:
        provider = providers.load(record.state.provider)
        outcome = call_provider(provider, request, http=self.http, pace=self.pace, end=end, failed=self.failed)
        match outcome:
            case Accepted():
                return self._accepted(record, outcome, end)
            case Refused() if outcome.is_callers(default_sender=wanted.default_sender):
                return self._refused(record, outcome, end)
            case Refused():
                return responses.account_refused(record, outcome).noting(self._release(record, "account", end))
            case NotProcessed():
                return responses.not_processed(record, outcome).noting(self._release(record, "not_sent", end))
            case OutcomeUnknown():
                return responses.accepted(record, "outcome-unknown").noting(outcome.reason)

    def _accepted(self, record: Record, outcome: Accepted, end: float) -> ApiResponse:
        report = Report(
            provider=record.state.provider,
            word=outcome.word,
            status=outcome.status,
            received=timestamp(self.clock()),
            provider_message_id=outcome.provider_message_id,
            code=outcome.failure.code if outcome.failure else None,
            failure=outcome.failure,
            occurred=outcome.occurred,
            attempt=record.send.attempt,
            source=Source.ANSWER,
        )
        answered, warning = self._answered(record, report, end)
        return responses.accepted(answered, "accepted").noting(outcome.warning).noting(warning)

    def _refused(self, record: Record, outcome: Refused, end: float) -> ApiResponse:
        report = Report(
            provider=record.state.provider,
            word=REFUSED,
            status=Status.FAILED,
            received=timestamp(self.clock()),
            code=outcome.failure.code,
            failure=outcome.failure,
            attempt=record.send.attempt,
            source=Source.ANSWER,
        )
        answered, warning = self._answered(record, report, end)
        return responses.refused(answered).noting(warning)

    def _answered(self, record: Record, report: Report, end: float) -> tuple[Record, str | None]:
        """The record with the provider's answer, which stands even where it cannot be stored; then a warning."""
        seen, warning = record, None
        write = partial(track, self.messages, record.message_id, [report], now=report.received)
        try:
            seen = retry_write(partial(write, phase=SendPhase.ANSWERED), pace=self.pace, end=end).record or record
        except SmsTrackerError as error:
            warning = f"answer not stored: {error}"
        return replace(seen, state=fold([report], base=seen.state), send=record.send), warning

    def _release(self, record: Record, cause: str, end: float) -> str | None:
        write = partial(self.messages.release, record.message_id, token=record.send.token, cause=cause)
        try:
            retry_write(partial(write, now=timestamp(self.clock())), pace=self.pace, end=end)
        except SmsTrackerError as error:
            return f"release not stored: {error}"
        return None

"""Hand a message over: the checks before, the request, and the call, which retries what certainly was not processed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Protocol

from sms_tracker import providers
from sms_tracker.domain.callback import callback_token, callback_url
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.operator_rules import Instruction, StopOf
from sms_tracker.domain.opt_out import OptOuts, Recipient, opt_out_scope
from sms_tracker.domain.outbound import Accepted, NotProcessed, OutboundMessage, OutcomeUnknown, Refused, SendOutcome
from sms_tracker.domain.ports import CallFailed, Clock, Http, Pace, Queue, log_failed_call
from sms_tracker.domain.queued import RefusedSend, encode_reply
from sms_tracker.domain.record import Record
from sms_tracker.domain.settings import ScopeMode, Settings
from sms_tracker.providers.base import Provider
from sms_tracker.services.idempotency import short_hmac
from sms_tracker.services.responses import ApiResponse, problem
from sms_tracker.services.send_request import Draft

# --- The checks

_SOON, _WHILE_STOPPED = 5.0, 60.0
"""Retry-After in seconds: after a failed read, and while sending is stopped."""


def check_stop(stop_of: StopOf, client: str) -> ApiResponse | None:
    """503 if the operator stopped the client's sending, or if that cannot be read; otherwise None."""
    try:
        stop = stop_of(client)
    except SmsTrackerError as error:
        detail = "Whether sending is stopped cannot be read, so nothing was sent. Send the same request again later."
        return problem("unavailable", detail, retry_after=_SOON).with_log_warning(str(error))
    return sending_stopped(stop) if stop else None


def sending_stopped(stop: Instruction) -> ApiResponse:
    """503 with the operator's reason, without the operator's name."""
    detail = (
        f"The operator stopped sending: {stop.reason}. This request sent nothing. Send it again once sending has "
        "started, with the same Idempotency-Key."
    )
    return problem("sending-stopped", detail, retry_after=_WHILE_STOPPED, members={"at": stop.at})


class OptOutCheck(Protocol):
    """Reads the opt-out of a message's recipient, and queues a provider's refusal because of one."""

    def is_blocked(self, record: Record) -> bool:
        """Whether the recipient opted out; raises ``Unavailable``."""
        ...

    def pass_on_refusal(self, record: Record) -> str | None:
        """Queue the provider's refusal because of an opt-out. Returns a warning if that failed."""
        ...


_TRANSACTIONAL = "transactional"
"""The category of messages that a stop of marketing does not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptOutCheck:
    """The check of live messages. ``replies`` is the queue ``inbound``, where refusals become opt-outs."""

    opt_outs: OptOuts
    mode: ScopeMode
    replies: Queue
    clock: Clock

    def is_blocked(self, record: Record) -> bool:
        """Whether the recipient opted out: one strongly consistent read. Raises ``Unavailable``."""
        name = opt_out_scope(self.mode, provider=record.state.provider, sender=record.sender, client=record.client)
        recipient = Recipient(scope=name, number=record.to)
        opt_out = self.opt_outs.get(recipient).opt_out
        return opt_out.blocked_by(self.clock(), transactional=record.category == _TRANSACTIONAL) is not None

    def pass_on_refusal(self, record: Record) -> str | None:
        """Queue the provider's refusal because of an opt-out. Returns a warning if that failed.

        After a failure the next message to the recipient reaches the provider, which refuses it again.
        """
        refused = RefusedSend(message_id=record.message_id, attempt=record.send.attempt)
        try:
            self.replies.send(encode_reply(refused))
        except SmsTrackerError as error:
            return f"opt-out not passed on: {error}"
        return None


# --- The request and the call


def prepare_request(record: Record, draft: Draft, settings: Settings) -> tuple[Record, HttpRequest]:
    """The request, and the record with its hash if the request may be repeated. Nothing is stored or called."""
    name, attempt = draft.provider, record.send.attempt
    provider = providers.load(name)
    token = callback_token(settings.service_key, name, record.message_id, attempt)
    outbound = OutboundMessage(
        message_id=record.message_id,
        attempt=attempt,
        to=draft.to,
        sender=draft.sender,
        body=draft.body,
        encoding=draft.segmentation.encoding,
        token=token,
        validity_seconds=draft.validity_seconds,
        category=draft.category,
    )
    url = callback_url(settings.public_base_urls[0], name, record.message_id, attempt, token=token)
    request = provider.send_request(outbound, credentials=settings.credentials.get(name, {}), callback_url=url)
    if not (draft.resend_if_lost and provider.IDEMPOTENCY):
        return record, request
    return replace(record, send=replace(record.send, request=_request_hash(settings.service_key, request))), request


def _request_hash(key: bytes, request: HttpRequest) -> str:
    head = json.dumps([request.method, request.url, sorted(request.headers.items())])
    return short_hmac(key, f"{head}\n".encode() + request.body)


BUDGET = 20.0
"""Seconds from the request's arrival to the end of the last try: below the function's 28 and API Gateway's 30."""
_TIMEOUT = 10.0
"""Seconds of one try."""
_BASE, _CAP = 0.25, 4.0
"""Seconds of back-off before retry n: random, up to the base doubled n times, at most the cap."""
_MIN_LEFT = 1.0
"""Seconds that must be left to start a try."""


def call_provider(
    provider: Provider,
    request: HttpRequest,
    *,
    http: Http,
    pace: Pace,
    end: float,
    failed: CallFailed,
) -> SendOutcome:
    """The outcome of the last try before ``end`` (monotonic); only ``NotProcessed`` is retried."""
    outcome: SendOutcome = NotProcessed(reason="no time left to ask the provider")
    tries, backoff = 0, _BASE
    while (left := end - pace.monotonic()) >= _MIN_LEFT:
        tries, backoff = tries + 1, min(_CAP, 2 * backoff)
        answer = http(request, timeout=min(_TIMEOUT, left))
        outcome = provider.send_outcome(answer)
        pause = _pause(outcome, backoff, pace)
        again = pause is not None and pace.monotonic() + pause + _MIN_LEFT <= end
        if not isinstance(outcome, Accepted):
            log_failed_call(
                failed, f"{provider.name} {request.method}", answer, code=_code(outcome), attempt=tries, again=again
            )
        if pause is None or not again:
            return outcome
        pace.sleep(pause)
    return outcome


def repeat_call(
    provider: Provider,
    request: HttpRequest,
    *,
    http: Http,
    pace: Pace,
    end: float,
    failed: CallFailed,
) -> SendOutcome:
    """Repeat a request under its idempotency key, because its outcome is unknown.

    The outcome is known after an acceptance, or if the provider replays its answer to the first request. Any other
    answer is about the repetition alone.
    """
    if (left := end - pace.monotonic()) < _MIN_LEFT:
        return OutcomeUnknown(reason="no time left to ask the provider")
    answer = http(request, timeout=min(_TIMEOUT, left))
    outcome = provider.send_outcome(answer)
    if isinstance(outcome, Accepted):
        return outcome
    log_failed_call(failed, f"{provider.name} {request.method}", answer, code=_code(outcome))
    if isinstance(answer, HttpResponse) and provider.IDEMPOTENCY and _is_true(answer, provider.IDEMPOTENCY.replayed):
        return outcome
    return OutcomeUnknown(reason="the answer to the repeated request does not show the outcome of the first")


def _is_true(answer: HttpResponse, header: str) -> bool:
    return answer.headers.get(header, "").strip().lower() == "true"


def _pause(outcome: SendOutcome, backoff: float, pace: Pace) -> float | None:
    """Seconds before the next try; None without one."""
    if not isinstance(outcome, NotProcessed) or not outcome.soon:
        return None
    return max(outcome.retry_after or 0.0, pace.fraction() * backoff)


def _code(outcome: SendOutcome) -> str | None:
    match outcome:
        case Refused():
            return outcome.failure.code
        case NotProcessed():
            return outcome.code
    return None


@dataclass(slots=True)
class CountedCalls:
    """Counts the calls of an :class:`sms_tracker.domain.ports.Http`. The metric ``ProviderRetries`` uses the count."""

    http: Http
    calls: int = 0

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        self.calls += 1
        return self.http(request, timeout=timeout)

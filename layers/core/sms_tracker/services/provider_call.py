"""Build the request that sends a message, and call the provider: retry what certainly was not processed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from sms_tracker import providers
from sms_tracker.domain.callback import callback_token, callback_url
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.invocation import Pace, ignore_failed_call, log_failed_call
from sms_tracker.domain.outbound import Accepted, NotProcessed, OutboundMessage, OutcomeUnknown, Refused, SendOutcome
from sms_tracker.domain.ports import CallFailed, Http
from sms_tracker.domain.record import Record
from sms_tracker.domain.settings import Settings
from sms_tracker.providers.base import Provider
from sms_tracker.services.idempotency import short_hmac
from sms_tracker.services.send_request import Draft

BUDGET = 20.0
"""Seconds from the request's arrival to the end of the last try: below the function's 28 and API Gateway's 30."""
_TIMEOUT = 10.0
"""Seconds of one try."""
_BASE, _CAP = 0.25, 4.0
"""Seconds of back-off before retry n: random, up to the base doubled n times, at most the cap."""
_MIN_LEFT = 1.0
"""Seconds that must be left to start a try."""


@dataclass(slots=True)
class CountedCalls:
    """Calls to a provider, counted for the metric ``ProviderRetries``."""

    http: Http
    calls: int = 0

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        self.calls += 1
        return self.http(request, timeout=timeout)


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
    return replace(record, send=replace(record.send, request=_hash(settings.service_key, request))), request


def _hash(key: bytes, request: HttpRequest) -> str:
    head = json.dumps([request.method, request.url, sorted(request.headers.items())])
    return short_hmac(key, f"{head}\n".encode() + request.body)


def call_provider(
    provider: Provider,
    request: HttpRequest,
    *,
    http: Http,
    pace: Pace,
    end: float,
    failed: CallFailed = ignore_failed_call,
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
    failed: CallFailed = ignore_failed_call,
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

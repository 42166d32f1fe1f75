"""Make the request that sends a message, and call its provider: retry what certainly was not processed."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from sms_tracker import providers
from sms_tracker.domain.callback import callback_token, callback_url
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.invocation import Pace, ignore_failed_call, log_failed_call
from sms_tracker.domain.outbound import Accepted, NotProcessed, OutboundMessage, OutcomeUnknown, Refused, SendOutcome
from sms_tracker.domain.ports import CallFailed, Http
from sms_tracker.domain.record import Record
from sms_tracker.domain.settings import Settings
from sms_tracker.providers.base import Provider
from sms_tracker.services.send_request import Draft

BUDGET = 20.0
"""Seconds from the request's arrival to the end of the last try: below the function's 28 and API Gateway's 30."""
_TRY = 10.0
"""Seconds that one try may take."""
_BASE, _CAP = 0.25, 4.0
"""Back-off before retry n: a random time up to the base doubled n times, at most the cap."""
_LEAST = 1.0
"""Seconds that must be left to start a try."""


@dataclass(slots=True)
class CountedCalls:
    """Calls to a provider, counted for the metric ``ProviderRetries``."""

    http: Http
    calls: int = 0

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        self.calls += 1
        return self.http(request, timeout=timeout)


def prepare_request(record: Record, message: Draft, settings: Settings) -> tuple[Record, HttpRequest]:
    """The request, and the record with its hash where it may be repeated. Neither is stored or made yet."""
    name, attempt = message.provider, record.send.attempt
    provider, token = providers.load(name), callback_token(settings.service_key, name, record.message_id, attempt)
    outbound = OutboundMessage(
        message_id=record.message_id,
        attempt=attempt,
        to=message.to,
        sender=message.sender,
        body=message.body,
        encoding=message.segmentation.encoding,
        token=token,
        validity_seconds=message.validity_seconds,
        category=message.category,
    )
    url = callback_url(settings.public_base_urls[0], name, record.message_id, attempt, token=token)
    request = provider.send_request(outbound, credentials=settings.credentials.get(name, {}), callback_url=url)
    if not (message.resend_if_lost and provider.IDEMPOTENCY):
        return record, request
    return replace(record, send=replace(record.send, request=_hash(settings.service_key, request))), request


def _hash(key: bytes, request: HttpRequest) -> str:
    """HMAC-SHA256 (128 bits of it, 22 URL-safe characters) of a whole request: address, headers and body."""
    head = json.dumps([request.method, request.url, sorted(request.headers.items())])
    digest = hmac.digest(key, f"{head}\n".encode() + request.body, hashlib.sha256)
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


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
    while (left := end - pace.monotonic()) >= _LEAST:
        tries, backoff = tries + 1, min(_CAP, 2 * backoff)
        answer = http(request, timeout=min(_TRY, left))
        outcome = provider.send_outcome(answer)
        pause = _pause(outcome, backoff, pace)
        again = pause is not None and pace.monotonic() + pause + _LEAST <= end
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
    """The outcome of a request that may have been carried out before, made once more under its idempotency key.

    Only an acceptance and the first request's answer, given again, settle it. Any other answer is about the repetition.
    """
    if (left := end - pace.monotonic()) < _LEAST:
        return OutcomeUnknown(reason="no time left to ask the provider")
    answer = http(request, timeout=min(_TRY, left))
    outcome = provider.send_outcome(answer)
    if isinstance(outcome, Accepted):
        return outcome
    log_failed_call(failed, f"{provider.name} {request.method}", answer, code=_code(outcome))
    if isinstance(answer, HttpResponse) and provider.IDEMPOTENCY and _is_true(answer, provider.IDEMPOTENCY.replayed):
        return outcome
    return OutcomeUnknown(reason="the repeated request does not tell how the first one ended")


def _is_true(answer: HttpResponse, header: str) -> bool:
    return answer.headers.get(header, "").strip().lower() == "true"


def _pause(outcome: SendOutcome, backoff: float, pace: Pace) -> float | None:
    """Seconds before the next try, None for no further try."""
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


_WRITE_PAUSE = 1.0
"""Seconds between the two writes at most; the pause is random."""

Result = TypeVar("Result")


def retry_write(write: Callable[[], Result], *, pace: Pace, end: float) -> Result:
    """The result of ``write``, which is repeated once on ``Unavailable`` if that can start before ``end``.

    Each write is three tries by the client. A throttled table accepts the second; an absent one would accept none.
    """
    try:
        return write()
    except Unavailable:
        pause = pace.fraction() * _WRITE_PAUSE
        if pace.monotonic() + pause > end:
            raise
    pace.sleep(pause)
    return write()

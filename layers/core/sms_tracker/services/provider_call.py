"""Call a provider to send a message, and retry only requests that certainly were not processed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.invocation import Pace, ignore_failed_call, log_failed_call
from sms_tracker.domain.outbound import Accepted, NotProcessed, Refused, SendOutcome
from sms_tracker.domain.ports import CallFailed, Http
from sms_tracker.providers.base import Provider

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

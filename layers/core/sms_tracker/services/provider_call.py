"""Hand one message to its provider: retry what was certainly not processed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import Accepted, NotProcessed, Refused, SendOutcome
from sms_tracker.domain.ports import CallFailed, Http
from sms_tracker.providers.base import Provider

BUDGET = 20.0
"""Seconds from the request's arrival to the end of its last try: below the function's 28 and API Gateway's 30."""
_TRY = 10.0
"""Seconds that one try may take."""
_BASE, _CAP = 0.25, 4.0
"""Back-off before retry n: a random time up to the smaller of cap and base doubled n times."""
_LEAST = 1.0
"""Seconds that must be left for a try to be worth starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Time and chance, injected. ``monotonic`` is seconds, ``fraction`` is 0..1."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    fraction: Callable[[], float]


@dataclass(slots=True)
class CountedCalls:
    """Calls to a provider, counted for the metric of what had to be tried again."""

    http: Http
    calls: int = 0

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        self.calls += 1
        return self.http(request, timeout=timeout)


def ignore_failed_call(call: str, *, attempt: int, code: str | None, status: int | None, again: bool) -> None:
    """Tell nobody of a failed call."""


def call_provider(
    provider: Provider,
    request: HttpRequest,
    *,
    http: Http,
    pace: Pace,
    end: float,
    failed: CallFailed = ignore_failed_call,
) -> SendOutcome:
    """The outcome of the last try before ``end`` (monotonic); only ``NotProcessed`` is ever tried again."""
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
    """Seconds before another try, None where there is to be none."""
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


def log_failed_call(
    failed: CallFailed,
    call: str,
    answer: HttpResponse | NoResponse,
    *,
    code: str | None = None,
    attempt: int = 1,
    again: bool = False,
) -> None:
    """Tell of a provider's answer that is a failure; of none with how the call ended for its code."""
    if isinstance(answer, NoResponse):
        failed(call, attempt=attempt, code=answer.reason, status=None, again=again)
    else:
        failed(call, attempt=attempt, code=code, status=answer.status, again=again)


_WRITE_PAUSE = 1.0
"""Seconds between the two at most, by chance."""

Result = TypeVar("Result")


def retry_write(write: Callable[[], Result], *, pace: Pace, end: float) -> Result:
    """What ``write`` returns; where the storage refuses for now it is made once more, if it can begin before ``end``.

    Each is three tries of the SDK's. A throttled table takes the second; one that is gone would take no further.
    """
    try:
        return write()
    except Unavailable:
        pause = pace.fraction() * _WRITE_PAUSE
        if pace.monotonic() + pause > end:
            raise
    pace.sleep(pause)
    return write()

"""Hand one message to its provider: retry what was certainly not processed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import NotProcessed, SendOutcome
from sms_tracker.domain.ports import Http
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
class Counted:
    """Calls to a provider, counted for the metric of what had to be tried again."""

    http: Http
    calls: int = 0

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        self.calls += 1
        return self.http(request, timeout=timeout)


def deliver(provider: Provider, request: HttpRequest, *, http: Http, pace: Pace, end: float) -> SendOutcome:
    """The outcome of the last try before ``end`` (monotonic); only ``NotProcessed`` is ever tried again."""
    outcome: SendOutcome = NotProcessed(reason="no time left to ask the provider")
    backoff = _BASE
    while (left := end - pace.monotonic()) >= _LEAST:
        outcome = provider.send_outcome(http(request, timeout=min(_TRY, left)))
        if not isinstance(outcome, NotProcessed) or not outcome.soon:
            return outcome
        backoff = min(_CAP, 2 * backoff)
        pause = max(outcome.retry_after or 0.0, pace.fraction() * backoff)
        if pace.monotonic() + pause + _LEAST > end:
            return outcome
        pace.sleep(pause)
    return outcome

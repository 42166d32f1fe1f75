"""What an invocation brings to a use case: its pace, its metrics and its log of failed calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sms_tracker.domain.http import HttpResponse, NoResponse

if TYPE_CHECKING:
    from sms_tracker.domain.ports import CallFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Time and randomness. ``monotonic`` is seconds, ``fraction`` is 0..1."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    fraction: Callable[[], float]


class Metrics(Protocol):
    """The metrics of one invocation, as :class:`sms_tracker.log.Line` writes them."""

    def count(self, metric: str, value: int = 1) -> None:
        """Add to a metric; zero counts are skipped."""
        ...

    def measure(self, metric: str, value: float | list[float] | None, unit: str) -> None:
        """Set a metric in CloudWatch's ``unit``; a list holds one value each; None and [] are skipped."""
        ...

    def with_dimensions(self, **dimensions: str) -> Metrics:
        """Other metrics, with these dimensions."""
        ...


def ignore_failed_call(call: str, *, attempt: int, code: str | None, status: int | None, again: bool) -> None:
    """A :class:`sms_tracker.domain.ports.CallFailed` that logs nothing."""


def log_failed_call(
    failed: CallFailed,
    call: str,
    answer: HttpResponse | NoResponse,
    *,
    code: str | None = None,
    attempt: int = 1,
    again: bool = False,
) -> None:
    """Log a provider's failed call. Without an answer, the code is how the call ended."""
    if isinstance(answer, NoResponse):
        failed(call, attempt=attempt, code=answer.reason, status=None, again=again)
    else:
        failed(call, attempt=attempt, code=code, status=answer.status, again=again)

"""Gauges of each provider: against its own last week, and against the objective for messages with a final status."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sms_tracker.domain.hourly_stats import HOUR, UNCONFIRMED, HourlyStats, Tally, hour_of, quantile
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Outcome

_RECENT = (timedelta(hours=1), timedelta(hours=7))
_WEEK = (timedelta(hours=7), timedelta(days=7))
_SETTLED = (timedelta(hours=6), timedelta(hours=12))
"""Ages of the counted hours, from their end: six hours each, and the week before for comparison."""
_FEWEST = 50
"""The fewest messages for a meaningful share: one failure in ten is no trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """One provider's gauges; None where there are too few messages.

    ``delivery_rate`` (percent of what is final) and its ``change`` (percentage points) against the week; ``slower`` is
    the p90 of send to delivery as a multiple of the week's; ``tracked`` is the percentage of messages with a final
    status other than unknown six hours after their hour, unconfirmed ones included; ``burn`` is how many times faster
    than the objective allows messages end up without one.
    """

    delivery_rate: float | None
    change: float | None
    slower: float | None
    tracked: float | None
    burn: float | None


def hours(now: datetime) -> list[str]:
    """The hours that :func:`provider_health` needs."""
    return [timestamp(hour_of(now) - number * HOUR) for number in range(1, 2 + _WEEK[1] // HOUR)]


def provider_health(stats: Iterable[HourlyStats], *, now: datetime, objective: float) -> dict[str, ProviderHealth]:
    """By provider, from the hours of the last week; ``objective`` is the percentage to be tracked, below 100.

    Holds one hour at a time, because those of a week may be large.
    """
    recent, week, settled = (defaultdict[str, Tally](Tally) for _ in range(3))
    for hour in stats:
        age = now - datetime.fromisoformat(hour.hour) - HOUR
        for (youngest, oldest), sums in ((_RECENT, recent), (_WEEK, week), (_SETTLED, settled)):
            if youngest <= age < oldest:
                for (provider, _), tally in hour.sums.items():
                    sums[provider].add(tally)
    providers = sorted({*recent, *week, *settled})
    return {name: _of(recent[name], week[name], settled[name], objective) for name in providers}


def _of(recent: Tally, week: Tally, settled: Tally, objective: float) -> ProviderHealth:
    rate, usual = _rate(recent), _rate(week)
    tracked = _tracked(settled)
    return ProviderHealth(
        delivery_rate=rate,
        change=None if rate is None or usual is None else rate - usual,
        slower=_slower(recent, week),
        tracked=tracked,
        burn=None if tracked is None else (100 - tracked) / (100 - objective),
    )


def _rate(tally: Tally) -> float | None:
    return 100 * tally.delivery_rate if tally.judged >= _FEWEST and tally.delivery_rate is not None else None


def _slower(recent: Tally, week: Tally) -> float | None:
    if min(sum(recent.histogram), sum(week.histogram)) < _FEWEST:
        return None
    now, usual = quantile(recent.histogram, 0.9), quantile(week.histogram, 0.9)
    return None if now is None or not usual else now / usual


def _tracked(tally: Tally) -> float | None:
    if tally.messages < _FEWEST:
        return None
    lost = tally.outcomes[Outcome.OPEN] + tally.outcomes[Outcome.UNKNOWN] - tally.reasons[UNCONFIRMED]
    return 100 * (tally.messages - lost) / tally.messages

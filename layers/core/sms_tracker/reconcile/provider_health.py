"""Health of each provider: its last week, the objective for tracked messages, and the endpoints registered with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sms_tracker import providers
from sms_tracker.domain.callback import endpoint_url
from sms_tracker.domain.hourly_stats import HOUR, UNCONFIRMED, HourlyStats, Tally, hour_of, quantile
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.domain.ports import Metrics
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import Settings
from sms_tracker.domain.status import Outcome
from sms_tracker.providers.optional import Endpoint, Registered

_RECENT = (timedelta(hours=1), timedelta(hours=7))
_WEEK = (timedelta(hours=7), timedelta(days=7))
_SETTLED = (timedelta(hours=6), timedelta(hours=12))
"""Youngest and oldest age of the hours that each gauge uses, counted from the end of the hour."""
_MIN_MESSAGES = 50
"""The fewest messages for a share: with ten, one failure would already be 10 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """One provider's gauges; None if there are too few messages.

    - ``delivery_rate``: percent of the final messages; ``change`` is the difference to the week in percentage points
    - ``slower``: the p90 of the time to delivery, as a multiple of the week's
    - ``tracked``: percentage of messages six hours later with a final status except ``unknown``, or unconfirmed
    - ``burn``: the share of untracked messages, as a multiple of the share that the objective allows
    """

    delivery_rate: float | None
    change: float | None
    slower: float | None
    tracked: float | None
    burn: float | None


def needed_hours(now: datetime) -> list[str]:
    """The hours that :func:`provider_health` needs."""
    return [timestamp(hour_of(now) - number * HOUR) for number in range(1, 2 + _WEEK[1] // HOUR)]


def provider_health(stats: Iterable[HourlyStats], *, now: datetime, objective: float) -> dict[str, ProviderHealth]:
    """By provider, from the hours of the last week. ``objective``: the percentage to be tracked, below 100.

    Keeps one hour in memory at a time, because a week may be large.
    """
    recent, week, settled = (defaultdict[str, Tally](Tally) for _ in range(3))
    for hour in stats:
        age = now - datetime.fromisoformat(hour.hour) - HOUR
        for (youngest, oldest), sums in ((_RECENT, recent), (_WEEK, week), (_SETTLED, settled)):
            if youngest <= age < oldest:
                for (provider, _), tally in hour.sums.items():
                    sums[provider].add(tally)
    providers = sorted({*recent, *week, *settled})
    return {name: _health(recent[name], week[name], settled[name], objective) for name in providers}


def _health(recent: Tally, week: Tally, settled: Tally, objective: float) -> ProviderHealth:
    rate, week_rate = _rate(recent), _rate(week)
    tracked = _tracked(settled)
    return ProviderHealth(
        delivery_rate=rate,
        change=None if rate is None or week_rate is None else rate - week_rate,
        slower=_slower(recent, week),
        tracked=tracked,
        burn=None if tracked is None else (100 - tracked) / (100 - objective),
    )


def _rate(tally: Tally) -> float | None:
    rate = tally.delivery_rate
    return None if rate is None or tally.judged < _MIN_MESSAGES else 100 * rate


def _slower(recent: Tally, week: Tally) -> float | None:
    if min(sum(recent.histogram), sum(week.histogram)) < _MIN_MESSAGES:
        return None
    p90, week_p90 = quantile(recent.histogram, 0.9), quantile(week.histogram, 0.9)
    return None if p90 is None or not week_p90 else p90 / week_p90


def _tracked(tally: Tally) -> float | None:
    if tally.messages < _MIN_MESSAGES:
        return None
    untracked = tally.outcomes[Outcome.OPEN] + tally.outcomes[Outcome.UNKNOWN] - tally.reasons[UNCONFIRMED]
    return 100 * (tally.messages - untracked) / tally.messages


_UP, _MISSING, _UNREADABLE = "endpoint-up", "endpoint-missing", "endpoint-unreadable"


def endpoint_states(
    settings: Settings, call: Callable[[str, HttpRequest], HttpResponse | NoResponse]
) -> dict[str, str]:
    """The state of the endpoint, for each provider that has one registered for all reports.

    While a provider sends nothing to our endpoint, reports are lost. ``call`` makes one request to a provider. Raises
    ``Misconfigured`` for credentials without a usable key.
    """
    return {
        name: _state(find_endpoint(adapter, name, settings, partial(call, name)))
        for name in settings.credentials
        if (adapter := providers.registered(name))
    }


def find_endpoint(
    adapter: Registered, name: str, settings: Settings, call: Callable[[HttpRequest], HttpResponse | NoResponse]
) -> Endpoint | LookupFailed | None:
    """Our endpoint: preferably one that delivers; None if none is registered. Usually one call."""
    paused = None
    for base in settings.public_base_urls:
        url = endpoint_url(base, name)
        listed = adapter.list_outcome(call(adapter.list_request(url, credentials=settings.credentials[name])))
        if isinstance(listed, LookupFailed):
            return listed
        ours = [each for each in listed.found if each.url == url]
        if delivering := next((each for each in ours if each.delivers), None):
            return delivering
        paused = paused or next(iter(ours), None)
    return paused


def _state(endpoint: Endpoint | LookupFailed | None) -> str:
    if isinstance(endpoint, LookupFailed):
        return _UNREADABLE
    if endpoint is None:
        return _MISSING
    if not endpoint.delivers:
        return f"endpoint-{endpoint.state}"
    return "endpoint-lacks-events" if endpoint.missing else _UP


def measure_endpoints(states: Mapping[str, str], metrics: Metrics) -> None:
    """One value per provider: 0 if it sends us every report, 1 if not, none if its answer is unreadable."""
    down = [float(state != _UP) for state in states.values() if state != _UNREADABLE]
    metrics.measure("EndpointDown", down, "None")

"""GET /stats: sums of the hourly statistics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sms_tracker.domain.cost import plain_digits
from sms_tracker.domain.errors import FieldError, InvalidMessage, SmsTrackerError
from sms_tracker.domain.hourly_stats import (
    BOUNDS,
    HOUR,
    UNCONFIRMED,
    UNKNOWN_COUNTRY,
    HourlyStats,
    Statistics,
    Tally,
    hour_of,
    quantile,
)
from sms_tracker.domain.http import Caller
from sms_tracker.domain.indexes import EARLIEST
from sms_tracker.domain.ports import Clock
from sms_tracker.domain.report import timestamp
from sms_tracker.read.list_query import Client, Provider, Time, client_filter, read_denied
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse, ok
from sms_tracker.services.validation import invalid_message

if TYPE_CHECKING:
    from sms_tracker.read import stats_schemas as schemas

_DEFAULT_SPAN, _MAX_SPAN = timedelta(hours=24), timedelta(days=31)


class By(StrEnum):
    """What the messages are grouped by."""

    HOUR = "hour"
    DAY = "day"
    PROVIDER = "provider"
    CLIENT = "client"
    COUNTRY = "country"


class StatsQuery(BaseModel):
    """The parameters of ``GET /stats``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Annotated[
        Time | None,
        Field(description="Messages created in the hour of this time or later; 24 hours before `until` if absent"),
    ] = None
    until: Annotated[
        Time | None,
        Field(description="Created before the end of this hour, at most 31 days after `since`; now if absent"),
    ] = None
    by: Annotated[By, Field(description="How the messages are grouped")] = By.PROVIDER
    provider: Provider = None
    client: Client = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The messages to count: created from ``since`` to before ``until``. None is any provider or client."""

    since: datetime
    until: datetime
    by: By
    provider: str | None
    client: str | None

    @property
    def hours(self) -> list[str]:
        count = (self.until - self.since) // HOUR
        return [timestamp(self.since + number * HOUR) for number in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsReader:
    """Answers ``GET /stats``."""

    statistics: Statistics
    clock: Clock

    def answer(self, caller: Caller, query: Mapping[str, str]) -> ApiResponse:
        """Sums by group and in total, and the freshness of each hour."""
        if denied := read_denied(caller, query):
            return denied
        try:
            chosen = selection(query, client=client_filter(caller, query), now=self.clock())
            hourly = self.statistics.hourly_stats(chosen.hours, provider=chosen.provider, client=chosen.client)
            return ok(stats_body(chosen, hourly), "counted")
        except InvalidMessage as error:
            return responses.invalid(error)
        except SmsTrackerError as error:
            return responses.records_unavailable(error)


def selection(query: Mapping[str, str], *, client: str | None, now: datetime) -> Selection:
    """Read the parameters of ``GET /stats``; raises ``InvalidMessage`` with every wrong one."""
    try:
        parsed = StatsQuery.model_validate(query)
    except ValidationError as error:
        raise invalid_message(error, "parameter") from None
    present = timestamp(now)
    until = datetime.fromisoformat(max(min(parsed.until or present, present), EARLIEST))
    since = until - _DEFAULT_SPAN if parsed.since is None else datetime.fromisoformat(max(parsed.since, EARLIEST))
    if since >= until:
        raise InvalidMessage([FieldError("since", "must be before until and before now")])
    if until - since > _MAX_SPAN:
        raise InvalidMessage([FieldError("since", f"must be at most {_MAX_SPAN.days} days before until")])
    last = hour_of(until)
    until = last if last == until else last + HOUR
    return Selection(since=hour_of(since), until=until, by=parsed.by, provider=parsed.provider, client=client)


def stats_body(chosen: Selection, hourly: Iterable[HourlyStats]) -> schemas.Stats:
    """Sums over the chosen hours. An hour that was never counted has a null ``computed_at``."""
    freshness: dict[str, schemas.Freshness] = {}
    groups, total = defaultdict[str, Tally](Tally), Tally()
    for stats in hourly:
        freshness[stats.hour] = {"hour": stats.hour, "computed_at": stats.computed_at, "final": stats.final}
        for (provider, client), tally in stats.sums.items():
            for key, part in _parts(chosen.by, stats.hour, provider, client, tally):
                groups[key].add(part)
    for tally in groups.values():
        total.add(tally)
    return {
        "since": timestamp(chosen.since),
        "until": timestamp(chosen.until),
        "by": str(chosen.by),
        "client": chosen.client,
        "provider": chosen.provider,
        "bounds": list(BOUNDS),
        "total": _figures(total),
        "groups": [
            cast("schemas.Group", {str(chosen.by): key, **_figures(tally)}) for key, tally in sorted(groups.items())
        ],
        "hours": [freshness.get(hour) or {"hour": hour, "computed_at": None, "final": False} for hour in chosen.hours],
    }


def _parts(by: By, hour: str, provider: str, client: str, tally: Tally) -> Iterable[tuple[str, Tally]]:
    """The groups that a tally adds to, each with its part. Countries are used only if they cover all messages."""
    match by:
        case By.HOUR:
            return [(hour, tally)]
        case By.DAY:
            return [(f"{hour[:10]}T00:00:00.000Z", tally)]
        case By.PROVIDER:
            return [(provider, tally)]
        case By.CLIENT:
            return [(client, tally)]
        case By.COUNTRY:
            covered = sum(part.messages for part in tally.countries.values())
            return tally.countries.items() if covered == tally.messages else [(UNKNOWN_COUNTRY, tally)]


def _figures(tally: Tally) -> schemas.Figures:
    histogram, rate, cost = tally.histogram, tally.delivery_rate, tally.cost
    p50, p90 = quantile(histogram, 0.5), quantile(histogram, 0.9)
    return {
        "messages": tally.messages,
        "statuses": dict(sorted(tally.statuses.items())),
        "outcomes": {str(outcome): count for outcome, count in tally.outcomes.items()},
        "delivery_rate": None if rate is None else round(rate, 4),
        "reasons": {reason: count for reason, count in sorted(tally.reasons.items()) if reason != UNCONFIRMED},
        "seconds_to_delivery": {
            "counts": histogram,
            "p50": None if p50 is None else round(p50, 1),
            "p90": None if p90 is None else round(p90, 1),
        },
        "cost": {
            "amounts": {currency: plain_digits(amount) for currency, amount in sorted(cost.amounts.items())},
            "attempts": cost.attempts,
            "priced": cost.priced,
            "segments": {"computed": cost.computed, "billed": cost.billed, "different": cost.different},
        },
    }

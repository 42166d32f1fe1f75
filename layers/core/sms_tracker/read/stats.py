"""Statistics: what GET /stats answers, from the hours that were counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sms_tracker import providers
from sms_tracker.domain.errors import FieldError, InvalidMessage, SmsTrackerError
from sms_tracker.domain.hourly_stats import BOUNDS, HOUR, HourlyStats, Tally, hour_of, quantile
from sms_tracker.domain.ports import Clock, Statistics
from sms_tracker.domain.report import timestamp
from sms_tracker.read.list_query import EVER, Time
from sms_tracker.read.messages import chosen
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse, ok
from sms_tracker.services.send_request import refusal

if TYPE_CHECKING:
    from sms_tracker.read import schemas

_DEFAULT, _LONGEST = timedelta(hours=24), timedelta(days=31)


class By(StrEnum):
    """What a group has in common."""

    HOUR = "hour"
    DAY = "day"
    PROVIDER = "provider"
    CLIENT = "client"


def _provider(given: str) -> str:
    if given not in providers.names():
        raise ValueError(f"must be one of: {', '.join(providers.names())}")
    return given


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
    by: Annotated[By, Field(description="What the messages of a group have in common")] = By.PROVIDER
    provider: Annotated[
        Annotated[str, AfterValidator(_provider), Field(json_schema_extra={"enum": [*providers.names()]})] | None,
        Field(description="Only messages of this provider"),
    ] = None
    client: Annotated[
        str | None, Field(description="Whose messages; another than the key's own client needs the scope `admin`")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to count: ``hours`` from ``since`` until before ``until``; a provider or client that is None is any."""

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
class Figures:
    """The use case."""

    statistics: Statistics
    clock: Clock

    def answer(self, client: str, scopes: frozenset[str], query: Mapping[str, str]) -> ApiResponse:
        """Sums by group and in all, and how fresh each hour is."""
        whose = chosen(query, client=client, scopes=scopes)
        if isinstance(whose, ApiResponse):
            return whose
        try:
            asked = read(query, client=whose.client, now=self.clock())
            cohorts = self.statistics.hourly_stats(asked.hours, provider=asked.provider, client=asked.client)
            return ok(body(asked, cohorts), "counted")
        except InvalidMessage as error:
            return responses.invalid(error)
        except SmsTrackerError as error:
            return responses.unreadable(error)


def read(query: Mapping[str, str], *, client: str | None, now: datetime) -> Asked:
    """The parameters of ``GET /stats``; raises ``InvalidMessage`` with every one that is wrong."""
    try:
        asked = StatsQuery.model_validate(query)
    except ValidationError as error:
        raise refusal(error, "parameter") from None
    present = timestamp(now)
    until = datetime.fromisoformat(max(min(asked.until or present, present), EVER))
    since = until - _DEFAULT if asked.since is None else datetime.fromisoformat(max(asked.since, EVER))
    if since >= until:
        raise InvalidMessage([FieldError("since", "is not before until, or not before now")])
    if until - since > _LONGEST:
        raise InvalidMessage([FieldError("since", f"is more than {_LONGEST.days} days before until")])
    ended = hour_of(until)
    until = ended if ended == until else ended + HOUR
    return Asked(since=hour_of(since), until=until, by=asked.by, provider=asked.provider, client=client)


def body(asked: Asked, cohorts: Iterable[HourlyStats]) -> schemas.Stats:
    """Sums over the hours asked for; one that was never counted adds nothing, and is said so."""
    fresh: dict[str, schemas.Freshness] = {}
    groups, total = defaultdict[str, Tally](Tally), Tally()
    for cohort in cohorts:
        fresh[cohort.hour] = {"hour": cohort.hour, "computed_at": cohort.computed_at, "final": cohort.final}
        for (provider, client), tally in cohort.sums.items():
            groups[_key(asked.by, cohort.hour, provider, client)].add(tally)
    for tally in groups.values():
        total.add(tally)
    return {
        "since": timestamp(asked.since),
        "until": timestamp(asked.until),
        "by": str(asked.by),
        "client": asked.client,
        "provider": asked.provider,
        "bounds": list(BOUNDS),
        "total": _figures(total),
        "groups": [
            cast("schemas.Group", {str(asked.by): key, **_figures(tally)}) for key, tally in sorted(groups.items())
        ],
        "hours": [fresh.get(hour) or {"hour": hour, "computed_at": None, "final": False} for hour in asked.hours],
    }


def _key(by: By, hour: str, provider: str, client: str) -> str:
    match by:
        case By.HOUR:
            return hour
        case By.DAY:
            return f"{hour[:10]}T00:00:00.000Z"
        case By.PROVIDER:
            return provider
        case By.CLIENT:
            return client


def _figures(tally: Tally) -> schemas.Figures:
    histogram, rate = tally.histogram, tally.delivery_rate
    p50, p90 = quantile(histogram, 0.5), quantile(histogram, 0.9)
    return {
        "messages": tally.messages,
        "statuses": dict(sorted(tally.statuses.items())),
        "outcomes": {str(outcome): count for outcome, count in tally.outcomes.items()},
        "delivery_rate": None if rate is None else round(rate, 4),
        "reasons": dict(sorted(tally.reasons.items())),
        "seconds_to_delivery": {
            "counts": histogram,
            "p50": None if p50 is None else round(p50, 1),
            "p90": None if p90 is None else round(p90, 1),
        },
    }

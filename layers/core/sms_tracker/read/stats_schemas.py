"""The response of ``GET /stats`` as types; see :mod:`sms_tracker.read.schemas`."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's own only from Python 3.12 on

from sms_tracker.read.schemas import Time


class SecondsToDelivery(TypedDict):
    """Seconds to delivery, from our record to the provider's report."""

    counts: Annotated[list[int], Field(description="Deliveries up to each of `bounds`, and above the last")]
    p50: Annotated[float | None, Field(description="Median; null if nothing was delivered")]
    p90: Annotated[float | None, Field(description="90th percentile; null if nothing was delivered")]


class SegmentFigures(TypedDict):
    """Segments of the attempts whose price is for a stated number of them."""

    computed: Annotated[int, Field(description="As this service counts them")]
    billed: Annotated[int, Field(description="As the provider bills them")]
    different: Annotated[int, Field(description="Attempts for which the two differ")]


class CostFigures(TypedDict):
    """What the providers charge for all attempts."""

    amounts: Annotated[dict[str, str], Field(description="The exact sum in each currency, as a decimal number")]
    attempts: Annotated[int, Field(description="Attempts that a provider took")]
    priced: Annotated[int, Field(description="Those with a price; the sums hold no others")]
    segments: SegmentFigures


class Figures(TypedDict):
    """The counts of a set of messages."""

    messages: int
    statuses: Annotated[dict[str, int], Field(description="Messages by status; zero counts are absent")]
    outcomes: Annotated[dict[str, int], Field(description="Messages by outcome, all four")]
    delivery_rate: Annotated[
        float | None,
        Field(description="Success among final messages, unconfirmed ones left out; null if there are none"),
    ]
    reasons: Annotated[dict[str, int], Field(description="Failures by reason")]
    seconds_to_delivery: SecondsToDelivery
    cost: CostFigures


class Group(Figures):
    """The figures of one group. It has the one key that `by` names."""

    hour: NotRequired[Time]
    day: NotRequired[Time]
    provider: NotRequired[str]
    client: NotRequired[str]
    country: NotRequired[Annotated[str, Field(description="ISO 3166; `ZZ` if not known")]]


class Freshness(TypedDict):
    """The freshness of one hour's figures."""

    hour: Time
    computed_at: Annotated[Time | None, Field(description="When it was last counted; null if never")]
    final: Annotated[bool, Field(description="Whether it is not counted again")]


class Stats(TypedDict):
    """Messages counted by the hour in which they were created."""

    since: Annotated[Time, Field(description="Start of the first hour")]
    until: Annotated[Time, Field(description="End of the last hour")]
    by: str
    client: Annotated[str | None, Field(description="Null for all clients")]
    provider: Annotated[str | None, Field(description="Null for all providers")]
    bounds: Annotated[list[int], Field(description="Upper limits of `counts`, in seconds")]
    total: Figures
    groups: list[Group]
    hours: list[Freshness]

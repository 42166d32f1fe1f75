"""What GET /stats answers, and to whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sms_tracker.domain.cost import CostSums
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.hourly_stats import BOUNDS, HourlyStats, Tally
from sms_tracker.domain.http import Caller
from sms_tracker.domain.report import timestamp
from sms_tracker.read.stats import StatsReader
from sms_tracker.services.responses import ApiResponse
from tests.fakes import START, FakeClock
from tests.memory_statistics import MemoryStatistics

READ, ADMIN = frozenset({"read"}), frozenset({"admin"})
COMPUTED = timestamp(START)


COST = CostSums(21, 4, 6, 9, 2, {"USD": Decimal(1200), "EUR": Decimal("0.30000000000000000000000001")})


def at(hours: float) -> str:
    return timestamp(START + timedelta(hours=hours))


def tally(**statuses: int) -> Tally:
    return Tally(Counter(statuses), Counter(unreachable=statuses.get("undelivered", 0)), Counter({1: 10}))


def answered(query: dict[str, str], *, client: str = "shop", scopes: frozenset[str] = READ, **kept: Any) -> ApiResponse:
    """Two hours of yesterday and today, with shop and bank at two providers; the clock stands a little after START."""
    statistics = MemoryStatistics(**kept)
    shop, bank = ("twilio", "shop"), ("messagebird", "bank")
    by_country = {"NL": tally(delivered=8), "DE": tally(undelivered=2)}
    both = replace(tally(delivered=8, undelivered=2), countries=by_country, cost=COST)
    sums = {shop: both, bank: tally(delivered=1), ("messagebird", "shop"): tally(sent=5)}
    if not kept:
        statistics.put(HourlyStats(hour=at(-2), computed_at=COMPUTED, final=True, sums=sums))
        statistics.put(HourlyStats(hour=at(-13), computed_at=COMPUTED, final=False, sums={shop: tally(delivered=4)}))
    clock = FakeClock(START + timedelta(minutes=5))
    return StatsReader(statistics=statistics, clock=clock).answer(Caller(client, scopes), query)


def groups(reply: ApiResponse, key: str) -> dict[str, int]:
    body: Any = reply.body
    return {each[key]: each["messages"] for each in body["groups"]}


def test_without_parameters_the_last_day_is_counted_by_provider() -> None:
    reply = answered({})

    assert (reply.status, reply.decision) == (200, "counted")
    assert (reply.body["since"], reply.body["until"]) == (at(-24), at(1))  # whole hours around the last 24
    assert (reply.body["by"], reply.body["client"], reply.body["provider"]) == ("provider", "shop", None)
    assert groups(reply, "provider") == {"messagebird": 5, "twilio": 14}


def test_a_group_has_its_figures_and_the_total_all_of_them() -> None:
    body: Any = answered({}).body
    cost = {"attempts": 21, "priced": 4, "segments": {"computed": 6, "billed": 9, "different": 2}}

    assert body["total"] == {
        "messages": 19,
        "statuses": {"delivered": 12, "sent": 5, "undelivered": 2},
        "outcomes": {"open": 5, "success": 12, "failure": 2, "unknown": 0},
        "delivery_rate": 0.8571,
        "reasons": {"unreachable": 2},
        "seconds_to_delivery": {"counts": [0, 30, *[0] * 14], "p50": 1.5, "p90": 1.9},
        "cost": {**cost, "amounts": {"EUR": "0.30000000000000000000000001", "USD": "1200"}},
    }
    assert body["bounds"] == list(BOUNDS)
    assert body["groups"][0]["delivery_rate"] is None  # nothing at MessageBird is final


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("hour", {at(-13): 4, at(-2): 15}),
        ("day", {"2026-01-30T00:00:00.000Z": 4, "2026-01-31T00:00:00.000Z": 15}),
        ("provider", {"messagebird": 5, "twilio": 14}),
        ("client", {"shop": 19}),
        ("country", {"DE": 2, "NL": 8, "ZZ": 9}),
    ],
)
def test_the_same_messages_are_grouped_in_each_way(by: str, expected: dict[str, int]) -> None:
    assert groups(answered({"by": by}), by) == expected


@pytest.mark.parametrize(
    ("query", "client", "expected"),
    [({}, None, {"bank": 1, "shop": 19}), ({"client": "bank"}, "bank", {"bank": 1})],
)
def test_an_admin_sees_everybody_or_one_client(
    query: dict[str, str], client: str | None, expected: dict[str, int]
) -> None:
    reply = answered({"by": "client", **query}, client="support", scopes=ADMIN)
    assert (reply.body["client"], groups(reply, "client")) == (client, expected)


def test_every_hour_of_the_range_says_how_fresh_it_is() -> None:
    assert answered({"since": at(-3), "until": at(-1)}).body["hours"] == [
        {"hour": at(-3), "computed_at": None, "final": False},
        {"hour": at(-2), "computed_at": COMPUTED, "final": True},
    ]


def test_a_range_is_widened_to_whole_hours_and_never_goes_beyond_the_present() -> None:
    body = answered({"since": at(-1.5), "until": at(50)}).body
    assert (body["since"], body["until"]) == (at(-2), at(1))


def test_a_country_has_its_own_figures_and_one_provider_can_be_asked_for() -> None:
    body: Any = answered({"by": "country", "provider": "twilio"}).body

    assert [(each["country"], each["statuses"]) for each in body["groups"]] == [
        ("DE", {"undelivered": 2}),
        ("NL", {"delivered": 8}),
        ("ZZ", {"delivered": 4}),  # of an hour that an earlier version counted
    ]
    assert groups(answered({"by": "client", "provider": "messagebird"}), "client") == {"shop": 5}


def test_counts_by_country_that_are_not_of_all_messages_are_not_used() -> None:
    partly = replace(tally(delivered=3), countries={"NL": tally(delivered=2)})
    statistics = MemoryStatistics()
    statistics.put(HourlyStats(hour=at(-2), computed_at=COMPUTED, final=True, sums={("twilio", "shop"): partly}))
    reader = StatsReader(statistics=statistics, clock=FakeClock(START))

    assert groups(reader.answer(Caller("shop", READ), {"by": "country"}), "country") == {"ZZ": 3}


@pytest.mark.parametrize(
    ("query", "scopes", "lacking"),
    [({}, frozenset({"send"}), "read"), ({"client": "bank"}, READ, "admin"), ({}, frozenset(), "read")],
)
def test_another_s_statistics_and_those_of_a_key_that_may_not_read_are_refused(
    query: dict[str, str], scopes: frozenset[str], lacking: str
) -> None:
    reply = answered(query, scopes=scopes)
    assert (reply.status, reply.decision) == (403, "scope-missing")
    assert lacking in str(reply.body["detail"])


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"by": "week"}, ["by"]),
        ({"provider": "pigeon"}, ["provider"]),
        ({"since": "yesterday", "until": "x"}, ["since", "until"]),
        ({"since": at(-1), "until": at(-2)}, ["since"]),
        ({"since": at(-1), "until": at(-1)}, ["since"]),
        ({"since": at(1)}, ["since"]),
        ({"since": at(-24 * 31 - 0.1), "until": at(0)}, ["since"]),
        ({"until": "0001-01-01T00:00:00Z", "since": "0001-01-01T00:00:00Z"}, ["since"]),
        ({"color": "red", "by": ""}, ["by", "color"]),
    ],
)
def test_what_is_wrong_is_named(query: dict[str, str], wrong: list[str]) -> None:
    reply = answered(query)
    errors: Any = reply.body["errors"]
    assert (reply.status, [error["field"] for error in errors]) == (400, wrong)


@pytest.mark.parametrize("query", [{"since": at(-24 * 31), "until": at(0)}, {"until": "0001-01-01T00:00:00Z"}])
def test_the_longest_range_and_the_oldest_are_answered(query: dict[str, str]) -> None:
    assert answered(query).status == 200


def test_statistics_that_cannot_be_read_are_503_and_why_is_for_the_log() -> None:
    reply = answered({}, error=Unavailable("BatchGetItem: ThrottlingException"))
    assert (reply.status, reply.decision) == (503, "unavailable")
    assert "BatchGetItem" not in str(reply.body)
    assert reply.warnings == ("BatchGetItem: ThrottlingException",)

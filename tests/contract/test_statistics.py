"""The contract of the stored statistics: one suite over the fake and DynamoDB on moto."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from moto import mock_aws

from sms_tracker.aws.api import unmarshal
from sms_tracker.aws.clients import calling
from sms_tracker.aws.reconcile_state import STATISTICS_PREFIX, StatisticsStore, packed, unpacked
from sms_tracker.domain.cost import CostSums
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.hourly_stats import Group, HourlyStats, Progress, Statistics, Sums, Tally
from tests import tables
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal
from tests.memory_statistics import MemoryStatistics

HOUR, NEXT = "2026-01-31T12:00:00.000Z", "2026-01-31T13:00:00.000Z"
EARLIER, LATER = "2026-01-31T13:10:00.000Z", "2026-01-31T14:10:00.000Z"
SUMS: Sums = {
    ("twilio", "shop"): Tally(
        Counter(delivered=3, failed=1),
        Counter(unreachable=1),
        Counter({0: 1, 15: 2}),
        CostSums(5, 2, 2, 3, 1, {"USD": Decimal("0.0158")}),
        {"NL": Tally(Counter(delivered=3, failed=1), cost=CostSums(5, 2, 2, 3, 1, {"USD": Decimal("0.0158")}))},
    ),
    ("messagebird", "bänk #1"): Tally(Counter(sent=2), Counter(), Counter()),
}
ITEM_LIMIT = 400 * 1024


@contextmanager
def stored() -> Iterator[Statistics]:
    with mock_aws():
        dynamodb = tables.client()
        tables.create(dynamodb, "StateTable", "state")
        yield StatisticsStore(calling(dynamodb), "state", retention=timedelta(days=7))


@pytest.fixture(params=["memory", "dynamodb"])
def kept(request: pytest.FixtureRequest) -> Iterator[Statistics]:
    if request.param == "memory":
        yield MemoryStatistics()
        return
    with stored() as kept:
        yield kept


def cohort(computed_at: str = EARLIER, *, final: bool = False, sums: Sums = SUMS) -> HourlyStats:
    return HourlyStats(hour=HOUR, computed_at=computed_at, final=final, sums=sums)


def test_position_and_sums_come_back_as_they_were_saved_also_twice(kept: Statistics) -> None:
    under_way = Progress(hour=HOUR, since=EARLIER, shard=3, until="2026-01-31T12:30:00.000Z", sums=SUMS)

    assert [kept.save(1, under_way), kept.save(1, under_way), kept.save(2, Progress(hour=NEXT))] == [True] * 3
    assert (kept.progress(1), kept.progress(2), kept.progress(0)) == (under_way, Progress(hour=NEXT), None)


@pytest.mark.parametrize(
    "behind", [Progress(hour=HOUR, shard=15, since=LATER), Progress(hour=NEXT, shard=2, since=LATER)]
)
def test_a_stage_never_moves_back(kept: Statistics, behind: Progress) -> None:
    ahead = Progress(hour=NEXT, since=EARLIER, shard=3)
    kept.save(0, ahead)

    assert not kept.save(0, behind)
    assert kept.progress(0) == ahead


def test_an_hour_comes_back_as_it_was_put_and_one_that_was_not_counted_is_not_there(kept: Statistics) -> None:
    kept.put(cohort(final=True))

    assert [*kept.hourly_stats([HOUR, NEXT])] == [cohort(final=True)]
    assert [*kept.hourly_stats([])] == []


def test_an_hour_is_replaced_as_a_whole_by_what_was_computed_later(kept: Statistics) -> None:
    kept.put(cohort())
    for _ in range(2):  # the second time after what was computed earlier
        kept.put(cohort(LATER, final=True, sums={}))
        assert [*kept.hourly_stats([HOUR])] == [cohort(LATER, final=True, sums={})]  # a client without messages is gone
        kept.put(cohort(EARLIER))


def test_a_month_of_hours_is_read(kept: Statistics) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    hours = [f"{first + timedelta(hours=number):%Y-%m-%dT%H}:00:00.000Z" for number in range(31 * 24)]
    for hour in hours[::3]:
        kept.put(replace(cohort(), hour=hour))

    assert sorted(each.hour for each in kept.hourly_stats(hours)) == hours[::3]


@pytest.mark.parametrize(
    ("named", "groups"),
    [
        ({"provider": "twilio"}, [("twilio", "shop")]),
        ({"client": "bänk #1"}, [("messagebird", "bänk #1")]),
        ({"provider": "twilio", "client": "bänk #1"}, []),
    ],
)
def test_where_a_provider_or_client_is_named_the_sums_are_theirs_alone(
    kept: Statistics, named: dict[str, str], groups: list[Group]
) -> None:
    kept.put(cohort())

    (found,) = kept.hourly_stats([HOUR], **named)

    assert found.sums == {group: SUMS[group] for group in groups}


def test_hours_expire_with_the_records_and_every_key_is_under_the_prefix_that_the_policies_name() -> None:
    with stored() as kept:
        kept.put(cohort())
        kept.save(4, Progress(hour=HOUR))
        items = [unmarshal(item) for item in tables.client().scan(TableName="state")["Items"]]

    assert {item["pk"]: item.get("expires_at") for item in items} == {
        f"{STATISTICS_PREFIX}{HOUR}": int(datetime(2026, 2, 7, 12, tzinfo=UTC).timestamp()),
        f"{STATISTICS_PREFIX}stage#4": None,
    }


def test_thousands_of_clients_fit_into_one_item() -> None:
    busy = {
        ("twilio", f"client-{number * 7919 % 99991}"): Tally(
            Counter(dict.fromkeys(("sent", "delivered", "undelivered", "failed"), number * 31 % 997)),
            Counter(dict.fromkeys(("unreachable", "blocked", "unknown"), number * 17 % 61)),
            Counter({bucket: (number + bucket) * 101 % 887 for bucket in range(14)}),
        )
        for number in range(4000)
    }

    assert len(packed(busy)) < ITEM_LIMIT


def test_counts_by_country_are_left_out_where_they_do_not_fit() -> None:
    def busy(clients: int) -> Sums:
        countries = {f"{code:02d}": Tally(Counter(delivered=code * 7919 % 997)) for code in range(100)}
        whole = Tally(Counter(delivered=1))
        return {
            ("twilio", f"client-{number * 7919 % 99991}"): replace(whole, countries=countries)
            for number in range(clients)
        }

    assert unpacked(packed(busy(10))) == busy(10)
    large = {
        group: replace(each, countries={f"{group[1]}-{name}": part for name, part in each.countries.items()})
        for group, each in busy(2000).items()
    }
    text = packed(large)
    assert len(text) < ITEM_LIMIT
    assert {(group, each.messages, len(each.countries)) for group, each in unpacked(text).items()} == {
        (group, 1, 0) for group in large
    }


@pytest.mark.parametrize(
    "sums", ["", "AAAA", "eJxTAAAAIQAh", packed({})[:-4], base64.b64encode(zlib.compress(b"[[1]]")).decode()]
)
def test_what_is_damaged_or_of_a_later_version_is_unavailable_and_holds_up_no_other(sums: str) -> None:
    # Found in taranis-ai/taranis-ai#957
    with stored() as kept:
        kept.put(cohort())
        kept.save(0, Progress(hour=HOUR))
        for pk in (f"{STATISTICS_PREFIX}{HOUR}", f"{STATISTICS_PREFIX}stage#0"):
            tables.client().update_item(
                TableName="state",
                Key={"pk": {"S": pk}},
                UpdateExpression="SET sums = :sums",
                ExpressionAttributeValues={":sums": {"S": sums}},
            )

        with pytest.raises(Unavailable, match=f"the statistics of {HOUR} cannot be read"):
            list(kept.hourly_stats([HOUR]))
        with pytest.raises(Unavailable, match="the position of stage 0 cannot be read"):
            kept.progress(0)
        assert kept.progress(1) is None


def test_an_hour_that_an_earlier_version_counted_is_read_without_costs() -> None:
    rows = json.dumps([["twilio", "shop", {"delivered": 2}, {}, {"1": 2}]]).encode()
    text = base64.b64encode(zlib.compress(rows)).decode()

    assert unpacked(text) == {("twilio", "shop"): Tally(Counter(delivered=2), Counter(), Counter({1: 2}))}


@pytest.mark.parametrize("error", [UNREACHABLE, refusal("ThrottlingException")])
@pytest.mark.parametrize(
    "call",
    [
        lambda kept: kept.progress(0),
        lambda kept: kept.save(0, Progress(hour=HOUR)),
        lambda kept: kept.put(cohort()),
        lambda kept: [*kept.hourly_stats([HOUR])],
    ],
)
def test_a_table_that_does_not_answer_is_unavailable(call: Callable[[Statistics], object], error: Exception) -> None:
    with mock_aws():
        dynamodb = tables.client()
        CallRecorder(dynamodb, error=error)
        with pytest.raises(Unavailable, match=r"^\w+: \w+$"):
            call(StatisticsStore(calling(dynamodb), "state"))

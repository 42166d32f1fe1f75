"""What is counted of a message, when an hour is due, and how counts are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.cost import CostSums
from sms_tracker.domain.hourly_stats import (
    BOUNDS,
    HOUR,
    Progress,
    Tally,
    counting_stages,
    due_hour,
    first_hour,
    last_moment,
    next_hour,
    quantile,
    unfinished_hours,
)
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Outcome, Status
from sms_tracker.domain.text import Encoding, Segmentation
from tests.factories import NOW, cost, record, report
from tests.fakes import START

STAGES = counting_stages(timedelta(hours=72))
LAST = len(STAGES) - 1


def at(hours: float) -> str:
    return timestamp(START + timedelta(hours=hours))


def counted(delivered_at: str | None) -> list[int]:
    tally = Tally()
    tally.count(record(), delivered_at)
    return [bucket for bucket, count in enumerate(tally.histogram) if count]


@pytest.mark.parametrize(
    ("later", "bucket"), [(-5, 0), (0, 0), (1, 0), (1.001, 1), (60, BOUNDS.index(60)), (259200, 14), (259201, 15)]
)
def test_a_delivery_is_counted_in_the_first_bucket_that_reaches_so_far(later: float, bucket: int) -> None:
    assert counted(timestamp(START + timedelta(seconds=later))) == [bucket]
    assert counted(None) == []


def test_a_failure_is_counted_by_its_reason_while_the_status_is_one_and_beside_it_what_no_handset_confirms() -> None:
    tally, known = Tally(), record()
    failed, corrected = report(Status.UNDELIVERED), report(Status.DELIVERED)
    tally.count(replace(known, state=fold([failed], base=known.state)), None)
    tally.count(replace(known, state=fold([failed, corrected], base=known.state)), NOW)
    tally.count(known, None, unconfirmed=True)
    tally.count(known, None)

    assert tally.statuses == Counter(undelivered=1, delivered=1, pending=2)
    assert tally.reasons == Counter(unreachable=1, unconfirmed=1)


def test_the_cost_of_every_attempt_is_summed_exactly_by_currency_and_by_country() -> None:
    known = record(segmentation=Segmentation(Encoding.GSM_7, 2))
    twice = [report(provider_message_id="a"), report(attempt=2, provider_message_id="b"), report(attempt=3)]
    sent = replace(known, state=fold(twice, base=known.state))
    costs = {1: cost("0.1", segments=2), 2: cost("0.2", segments=3), 3: cost("0.0000000000001", currency="USD")}
    tally = Tally()
    tally.count(replace(sent, costs=costs), None, country="NL")
    tally.count(replace(sent, costs={1: costs[1]}), None, country="DE")
    tally.count(known, None, country="DE")

    amounts = {"EUR": Decimal("0.4"), "USD": Decimal("0.0000000000001")}
    assert tally.cost == CostSums(attempts=6, priced=4, computed=6, billed=7, different=1, amounts=amounts)
    assert {name: (part.messages, part.cost.amounts["EUR"]) for name, part in tally.countries.items()} == {
        "NL": (1, Decimal("0.3")),
        "DE": (2, Decimal("0.1")),
    }
    tally.add(tally.countries["NL"])
    assert (tally.messages, tally.cost.amounts["EUR"], len(tally.countries)) == (4, Decimal("0.7"), 2)


def test_tallies_add_up_and_their_delivery_rate_is_success_among_what_is_final() -> None:
    tally = Tally(Counter(sent=10, delivered=6, read=1, failed=2, unknown=1))

    assert tally.outcomes == {Outcome.OPEN: 10, Outcome.SUCCESS: 7, Outcome.FAILURE: 2, Outcome.UNKNOWN: 1}
    assert tally.delivery_rate == 0.7
    assert Tally(Counter(sent=10)).delivery_rate is None

    one = Tally(Counter(sent=1, failed=1), Counter(blocked=1), Counter({2: 1}))
    one.add(Tally(Counter(sent=2), Counter(blocked=1, account=1), Counter({2: 4, 15: 1})))

    assert one == Tally(Counter(sent=3, failed=1), Counter(blocked=2, account=1), Counter({2: 5, 15: 1}))


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        *[({0: 10}, 0.5, 0.5), ({2: 10}, 0.5, 3.5), ({0: 5, 3: 5}, 0.5, 1.0), ({0: 5, 3: 5}, 0.9, 9.0)],
        *[({0: 1, 15: 9}, 0.9, 259200.0), ({}, 0.5, None)],
    ],
)
def test_quantiles_are_linear_within_buckets(counts: dict[int, int], share: float, seconds: float | None) -> None:
    assert quantile(Tally(seconds=Counter(counts)).histogram, share) == seconds


@given(st.lists(st.floats(0, 300_000), min_size=1, max_size=50), st.sampled_from([0.5, 0.9]))
def test_a_quantile_is_in_the_bucket_of_the_delivery_that_it_is(seconds: list[float], share: float) -> None:
    tally, seconds = Tally(), [round(each, 3) for each in seconds]
    for each in seconds:
        tally.count(record(), timestamp(START + timedelta(milliseconds=round(each * 1000))))
    true = sorted(seconds)[max(0, -int(-share * len(seconds) // 1) - 1)]

    found = quantile(tally.histogram, share)

    lower, upper = (
        max([0, *(b for b in BOUNDS if b < true)]),
        min([b for b in BOUNDS if b >= true], default=BOUNDS[-1]),
    )
    assert found is not None
    assert min(lower, upper) - 0.01 <= found <= upper + 0.01


def test_stages_end_when_a_message_no_longer_becomes_unknown_and_a_deployment_counts_each_hour_at_one_of_them() -> None:
    assert counting_stages(timedelta(hours=72))[-1] == timedelta(hours=73)
    assert counting_stages(timedelta(minutes=1))[-1] == timedelta(hours=25)
    assert sorted(STAGES) == list(STAGES)
    first = Progress(hour=first_hour(STAGES, now=START))
    hours = [due_hour(STAGES, stage, first, now=START) for stage in range(LAST + 1)]
    assert hours == [None, at(-6), at(-24), at(-73), at(-74)]


@pytest.mark.parametrize(
    ("stage", "behind", "minutes", "hour"),
    [
        *[(0, -20, 9, None), (0, -20, 10, -1), (0, -20, 59, -1), (0, -20, 60, None), (0, -20, 70, 0)],
        (0, 0, 10, None),  # counted at this stage
        (0, -50, 10, -1),  # what is due at the following stage is left to it
        (LAST, -500, 0, -500),
    ],
)
def test_an_hour_is_due_until_its_next_stage(stage: int, behind: int, minutes: int, hour: int | None) -> None:
    found = due_hour(STAGES, stage, Progress(hour=at(behind)), now=START + timedelta(minutes=minutes))

    assert found == (None if hour is None else at(hour))


@pytest.mark.parametrize(("minutes", "hours"), [(0, [-1, 0]), (9, [-1, 0]), (10, [0]), (59, [0])])
def test_the_hour_that_runs_and_for_ten_minutes_the_one_before_are_at_no_stage(minutes: int, hours: list[int]) -> None:
    assert [*unfinished_hours(STAGES, now=START + timedelta(minutes=minutes))] == [at(each) for each in hours]


def test_an_hour_ends_a_millisecond_before_the_next() -> None:
    assert (next_hour(at(11)), last_moment(at(11))) == ("2026-02-01T00:00:00.000Z", "2026-01-31T23:59:59.999Z")
    assert HOUR.total_seconds() == 3600

"""The gauges for alarms: their values, and None with too few messages."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sms_tracker.domain.hourly_stats import UNCONFIRMED, HourlyStats, Tally
from sms_tracker.domain.report import timestamp
from sms_tracker.reconcile.provider_health import ProviderHealth, needed_hours, provider_health

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)


def cohort(age: int, *, provider: str = "twilio", bucket: int = 3, **statuses: int) -> HourlyStats:
    """The messages of the hour that began ``age`` hours before this one; deliveries took as long as ``bucket`` says."""
    tally = Tally(statuses=Counter(statuses), seconds=Counter({bucket: statuses.get("delivered", 0)}))
    hour = timestamp(NOW.replace(minute=0) - timedelta(hours=age))
    return HourlyStats(hour=hour, computed_at=timestamp(NOW), final=False, sums={(provider, "shop"): tally})


def of(*cohorts: HourlyStats, objective: float = 99.0) -> ProviderHealth:
    return provider_health(cohorts, now=NOW, objective=objective)["twilio"]


def test_the_rate_of_the_last_hours_is_held_against_the_week() -> None:
    found = of(cohort(3, delivered=80, failed=20), cohort(48, delivered=95, failed=5))
    assert found.delivery_rate == pytest.approx(80)
    assert found.change == pytest.approx(-15)


def test_messages_without_an_end_after_six_hours_burn_the_budget_and_failures_do_not() -> None:
    found = of(cohort(8, delivered=90, sent=4, unknown=6))

    assert found.tracked == pytest.approx(90)
    assert found.burn == pytest.approx(10)
    assert of(cohort(8, delivered=50, undelivered=50)).burn == 0
    assert of(cohort(3, delivered=60, sent=40)).delivery_rate == pytest.approx(100)  # what is open is not undelivered


def test_slower_deliveries_are_a_multiple_of_the_week() -> None:
    found = of(cohort(3, bucket=6, delivered=100), cohort(48, bucket=3, delivered=100))
    assert found.slower == pytest.approx((30 + 30 * 0.9) / (5 + 5 * 0.9))


@pytest.mark.parametrize("age", [1, 13])
def test_only_hours_that_had_time_to_settle_are_held_to_the_objective(age: int) -> None:
    assert of(cohort(age, sent=100), cohort(48, delivered=1)).tracked is None


def test_too_few_messages_have_no_gauges() -> None:
    found = of(cohort(3, delivered=49), cohort(8, sent=49), cohort(48, failed=1))
    assert (found.delivery_rate, found.change, found.slower, found.tracked, found.burn) == (None,) * 5


def test_each_provider_has_its_own_gauges() -> None:
    cohorts = [cohort(3, delivered=100), cohort(3, provider="messagebird", failed=100)]
    found = provider_health(cohorts, now=NOW, objective=99.0)

    assert (found["twilio"].delivery_rate, found["messagebird"].delivery_rate) == (100, 0)


def test_only_the_hours_of_a_week_are_read() -> None:
    asked = needed_hours(NOW)
    assert (asked[0], asked[-1]) == ("2026-01-31T11:00:00.000Z", "2026-01-24T11:00:00.000Z")


def unconfirmed(age: int, *, unknown: int, delivered: int = 0) -> HourlyStats:
    """A cohort whose unknown messages lack a handset's word."""
    made = cohort(age, delivered=delivered, unknown=unknown)
    made.sums["twilio", "shop"].reasons[UNCONFIRMED] = unknown
    return made


def test_what_no_handset_confirms_neither_burns_the_budget_nor_lowers_the_rate() -> None:
    settled, recent = unconfirmed(8, delivered=50, unknown=50), unconfirmed(3, delivered=60, unknown=40)
    found = of(settled, recent, cohort(48, delivered=100))

    assert (found.burn, found.delivery_rate, found.change) == (0, 100, 0)
    assert of(unconfirmed(3, unknown=200)).delivery_rate is None

"""The simulated month: limits are honoured, what waits is served in order, nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bench.flow import Bucket, Line
from bench.hot_item import BLOCK, HOT, most, steady_units
from bench.limits import WIDE
from bench.month import RAISED, SCENARIOS, arguments, needs, outcomes
from bench.simulation import DAY, MINUTE, Limits, Service, Traffic
from sms_tracker.domain.limits import client_counter

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SHORT = Traffic(days=0.1, bursts_a_day=40)
CALM = replace(SHORT, bursts_a_day=0)
each_scenario = pytest.mark.parametrize("limits", SCENARIOS.values(), ids=SCENARIOS)


def simulated(limits: Limits = RAISED, traffic: Traffic = SHORT, seed: int = 1) -> Service:
    return Service(limits, traffic, seed=seed).run()


@each_scenario
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_whatever_the_limits(limits: Limits, seed: int) -> None:
    assert simulated(limits, seed=seed).unaccounted == 0


@each_scenario
def test_nothing_is_lost_at_any_moment(limits: Limits) -> None:
    service = Service(limits, SHORT)
    accounts: list[int] = []

    class Watched(Service):
        def _tick(self, seconds: float) -> None:
            super()._tick(seconds)
            accounts.append(self.unaccounted)

    service.__class__ = Watched
    service.run()

    assert len(accounts) > 100
    assert set(accounts) == {0}


def test_a_loss_is_seen() -> None:
    service = simulated()
    service.counts["stored"] -= 1

    assert service.unaccounted == 1


def test_a_seed_gives_the_same_month_and_another_seed_another() -> None:
    first, second, other = (simulated(seed=seed) for seed in (1, 1, 2))

    assert (first.counts, first.peaks) == (second.counts, second.peaks)
    assert first.peaks != other.peaks or first.counts != other.counts


def test_a_route_lets_no_more_through_than_its_rate_and_its_burst() -> None:
    service = simulated(replace(RAISED, send=50))

    assert service.counts["accepted"] <= 50 * service.now + 100
    assert service.counts["late requests"] > 0


def test_with_enough_of_everything_each_report_is_stored_and_each_published_change_becomes_an_event() -> None:
    service = simulated(traffic=CALM)

    assert service.clients.size == 0
    assert service.counts["stored"] == 3 * service.counts["offered"]
    assert service.counts["published"] == pytest.approx(0.01 * service.counts["offered"], abs=1)


def test_an_account_of_ten_environments_takes_what_ten_can_take() -> None:
    service = simulated(replace(RAISED, concurrency=10), CALM)

    assert service.counts["accepted"] <= 10 / CALM.send_seconds * (service.now + MINUTE)


def test_environments_start_no_faster_than_the_parameter_store_answers() -> None:
    quick, slow = simulated(), simulated(replace(RAISED, parameters=40))

    assert slow.peaks["request's wait"] > quick.peaks["request's wait"]
    assert slow.peaks["starts"] > 40


def test_a_table_doubles_its_peak_in_half_an_hour_and_stops_at_its_quota() -> None:
    service = simulated(replace(RAISED, table=4000, table_most=9000))

    assert service.peaks["write units"] <= 9000
    assert service.capacity == 9000


def test_no_second_has_more_writes_than_the_table_allows() -> None:
    assert simulated(replace(RAISED, table=1000, table_most=1000)).peaks["write units"] <= 1000


def test_refused_webhooks_are_sent_again_or_looked_up() -> None:
    service = simulated(replace(RAISED, webhook=2000))

    assert service.counts["turned away"] > 0
    assert service.counts["looked up"] + service.missing.size > 0
    assert service.again.size == 0


def test_events_wait_for_eventbridge() -> None:
    service = simulated(replace(RAISED, put_events=5), replace(CALM, published=0.2))

    assert service.peaks["stream age"] > MINUTE
    assert service.counts["published"] <= 5 * (service.now + 1)


def test_a_bucket_allows_its_burst_at_once_and_then_its_rate() -> None:
    bucket = Bucket(rate=10, burst=20)

    assert [bucket.take(100, 1) for _ in range(3)] == [30, 10, 10]
    assert bucket.take(0, 60) == 0
    assert bucket.take(100, 1) == 30


def test_a_line_gives_the_oldest_first_and_splits_a_group() -> None:
    line = Line()
    line.add(1, 3)
    line.add(5, 3)

    assert line.take(4) == [(1, 3), (5, 1)]
    assert line.size == 2
    assert line.age(8) == 3
    assert line.take(9, until=4) == []


def test_the_day_after_the_traffic_is_simulated_too() -> None:
    assert simulated(traffic=CALM).now == pytest.approx(1.1 * DAY)


def test_a_burst_longer_than_the_time_ends_with_it() -> None:
    service = simulated(traffic=Traffic(days=0.001, burst_seconds=600, bursts_a_day=1000))

    assert service.clients.size == service.unaccounted == 0


def test_the_tables_have_a_row_for_each_scenario_and_each_quota() -> None:
    table, lost = outcomes(CALM, 1)

    assert lost == 0
    assert [row[0] for row in table.rows] == list(SCENARIOS)
    assert any("*" in str(row[-1]) for row in needs(SHORT, 1).rows)


def test_traffic_and_seed_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert arguments([]) == (Traffic(), 1)
    assert arguments(["--rate", "5", "--days", "0.5", "--seed", "7"]) == (Traffic(rate=5.0, days=0.5), 7)
    for wrong in ("--rate=-1", "--days=0", "--burst=nan", "--seed=x", "--callbacks=0"):
        with pytest.raises(SystemExit, match="2"):
            arguments([wrong])
        assert wrong.partition("=")[0] in capsys.readouterr().err


def test_one_clients_counter_is_measured_against_what_an_item_serves() -> None:
    calm, burst = simulated(traffic=CALM).peaks, simulated().peaks

    assert calm["counter"] == pytest.approx(steady_units(CALM.rate), rel=0.4)  # the peak of a generation
    assert calm["counter in blocks"] < 10 < HOT < calm["counter"] < burst["counter"]
    assert burst["counter in blocks"] < burst["counter"] / 100


def test_environments_that_start_at_once_claim_a_block_each() -> None:
    few, many = simulated(replace(RAISED, scaling=4)), simulated()

    assert HOT < 3 * few.peaks["counter in blocks"] < many.peaks["counter in blocks"]


def test_a_client_has_the_throughput_at_which_its_counter_takes_what_an_item_serves() -> None:
    assert steady_units(most(1)) <= HOT < steady_units(most(1) + 1)
    assert most(BLOCK) == BLOCK * most(1) > SHORT.burst
    assert client_counter(WIDE, "shop", "NL", is_new=False, now=NOON).block == BLOCK
    assert f"{most(1)} messages a second, {most(BLOCK):,} in blocks" in needs(CALM, 1).text()

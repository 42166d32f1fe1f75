"""The bill's arithmetic: quantities from a load, counted figures and settings, dollars from the price table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import pytest

from bench.bill import FULL_CPU, MONTH, batch_fill, bill, milliseconds, stream_fill, total
from bench.cost import CHANGES, Change, arguments, changed, volumes
from bench.counted import LOGS
from bench.prices import PRICES, Price, Row
from bench.report import Figures
from bench.settings import PRESETS, Load, Settings, settings
from bench.targets import COSTS

FUNCTIONS = ("send", "authorizer", "webhook", "processor", "publisher", "digest", "reconciler")
FIGURES: Figures = {
    **{f"cold.{name}.init": 0.0 for name in FUNCTIONS},
    **{f"warm.{name}.cpu": 2.0 for name in FUNCTIONS},
    **{f"log.{kind}.{name}": 300 for kind in LOGS for name in FUNCTIONS},
    **{f"log.WARNING.{name}": 10 for name in FUNCTIONS},
    **{f"cold.{name}.cpu": 0.0 for name in FUNCTIONS},
    **{f"rest.{step}.{name}": 10 for step in ("reconcile", "statistics") for name in ("cpu", "calls", "reads", "log")},
    "metric.rest.ReconcilerRuns": 1,
    "metric.gauges.TrackingBurn": 1,
    "metric.gauges.provider.DeliveryRate": 1,
    "metric.in_use.outcome.Outcomes": 2,
    "metric.in_use.provider.ReportsReceived": 1,
    "warm.processor, batch of 1.cpu": 1.2,
    "warm.processor, batch of 10.cpu": 1.0,
    "warm.publisher, nothing to publish.cpu": 0.1,
    "counted.item_units": 5,
    "counted.index_units": 4,
    "counted.item_bytes": 900,
    "counted.entry_bytes": 800,
    "unreferenced.index_units": 3,
    "failed.item_units": 6,
    "failed.index_units": 5,
}
SETTINGS = Settings(
    memory=dict.fromkeys(FUNCTIONS, 512),
    batch=50,
    window=1.0,
    stream_batch=100,
    stream_window=0.0,
    retention_months=3,
    log_months=1,
    archive_months=1,
    alarms=7,
    dashboards=1,
    runs={"reconcile": 8640, "statistics": 2880},
    counted=13,
    changes=5,
    access_log_bytes=300,
    log=dict.fromkeys(FUNCTIONS, "INFO"),
    events_ok=0,
    events_failed=1,
)
MILLION = Load()


def rows(load: Load = MILLION, settings: Settings = SETTINGS, **figures: float) -> Mapping[str, Row]:
    return {row.name: row for row in bill({**FIGURES, **figures}, load, settings)}


def test_a_million_messages_with_three_reports_are_four_million_requests() -> None:
    billed = rows()

    assert billed["API: requests to send"].dollars == pytest.approx(1.0)
    assert billed["API: webhooks"].dollars == pytest.approx(3.0)


def test_writes_are_units_times_their_price_and_failures_cost_what_they_have_more() -> None:
    billed = rows()

    assert billed["DynamoDB: writes of items"].dollars == pytest.approx(5 * 0.625)
    assert billed["DynamoDB: writes of indexes"].dollars == pytest.approx(4 * 0.625)
    assert billed["DynamoDB: further writes of failures"].quantity == pytest.approx(10_000 * 2)


def test_a_function_is_billed_for_its_share_of_a_cpu_and_for_what_it_waits() -> None:
    assert milliseconds(2.0, FULL_CPU, Load(aws_ms=6)) == 8
    assert milliseconds(2.0, FULL_CPU // 2, Load(aws_ms=6)) == 11  # 4.002 ms of CPU; a millisecond begun is billed
    assert milliseconds(0, 512, Load(aws_ms=6, provider_ms=250), calls=2, provider=1) == 262
    assert milliseconds(0, 512, MILLION, calls=0) == 1


def test_more_memory_than_one_cpu_needs_makes_nothing_faster() -> None:
    assert milliseconds(2.0, 10_000, MILLION) == milliseconds(2.0, FULL_CPU, MILLION)


def test_a_batch_is_fuller_the_more_comes_and_never_larger_than_allowed() -> None:
    fills = [batch_fill(Load(hours=hours), SETTINGS) for hours in (720, 24, 1)]

    assert fills == sorted(fills)
    assert fills[0] >= 1
    assert fills[-1] == SETTINGS.batch


def test_without_a_window_each_report_is_a_batch() -> None:
    assert batch_fill(Load(hours=1), replace(SETTINGS, window=0)) == 1


def test_changes_gather_by_shard_in_the_window_or_until_the_next_read() -> None:
    load = Load(messages=3600, hours=1)  # one a second, so five changes over four shards
    fills = {window: stream_fill(load, replace(SETTINGS, stream_window=window)) for window in (4, 0, 4000)}

    assert fills[4] == pytest.approx(1 + 5 / 4 * 4)
    assert fills[0] == pytest.approx(1 + 5 / 4 / 8)
    assert fills[4000] == SETTINGS.stream_batch


def test_what_is_due_by_the_month_is_due_without_a_message() -> None:
    none = bill(FIGURES, Load(messages=0), SETTINGS)

    assert total(none, monthly=False) == pytest.approx(0, abs=1e-6)
    assert total(none, monthly=True) == pytest.approx(total(rows().values(), monthly=True))


def test_the_whole_is_the_sum_of_what_it_grows_with() -> None:
    billed = rows().values()

    assert total(billed) == pytest.approx(total(billed, monthly=True) + total(billed, monthly=False))


def test_every_event_that_is_published_costs_a_million_th_of_a_dollar() -> None:
    quiet, loud = rows(), rows(settings=replace(SETTINGS, events_ok=1))

    assert quiet["EventBridge: events"].quantity == pytest.approx(10_000)
    assert loud["EventBridge: events"].dollars == pytest.approx(1.0)


def test_every_row_has_a_price_and_every_price_a_row_that_uses_it() -> None:
    assert {row.price for row in rows().values()} == PRICES.keys()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_each_change_has_its_own_effect_on_the_bill_of_the_template(change: Change) -> None:
    base = total(bill(FIGURES, MILLION, settings()))

    assert changed(change, FIGURES, MILLION, "default") != pytest.approx(base, abs=0.001)
    assert (changed(change, FIGURES, MILLION, "default") < base) == bool(change.price)


def test_a_row_that_begins_below_a_tier_and_ends_above_is_billed_at_both_prices() -> None:
    price = Price(1.0, 10, "ten", "page", "memory", beyond=(100, 0.5))

    assert price.of(80) == pytest.approx(8)
    assert price.of(140) == pytest.approx(10 + 2)


def test_requests_beyond_three_hundred_million_cost_a_tenth_less_whichever_row_they_are_in() -> None:
    billed = rows(Load(messages=1e8))

    assert billed["API: requests to send"].dollars == pytest.approx(100)
    assert billed["API: webhooks"].dollars == pytest.approx(200 + 100 * 0.9)


def test_a_free_allowance_is_used_once_by_all_rows_of_its_price() -> None:
    billed = [row for row in rows().values() if row.price == "sqs"]

    assert sum(row.free for row in billed) == pytest.approx(0.40)
    assert all(row.free <= row.dollars for row in rows().values())


def test_a_customer_key_costs_a_dollar_and_two_more_after_its_rotations() -> None:
    key = replace(SETTINGS, keys=1)

    assert rows(settings=key)["KMS: customer keys"].dollars == 1
    assert rows(settings=key)["KMS: their first two yearly rotations"].dollars == 2


def test_the_reconciler_at_rest_costs_its_runs_its_reads_and_the_metrics_of_each_hour() -> None:
    billed = rows(Load(messages=0))

    assert billed["Reconciler at rest: reads of both tables"].quantity == (8640 + 2880) * 10
    assert billed["Reconciler at rest: GB-seconds"].quantity == pytest.approx((8640 + 2880) * 0.095 / 2)
    assert billed["CloudWatch: metrics at rest"].quantity == MONTH


def test_each_provider_has_gauges_around_the_clock_and_metrics_in_hours_with_messages() -> None:
    two, three = rows(), rows(settings=replace(SETTINGS, providers=3))

    gauges, in_use = (
        f"CloudWatch: {name}"
        for name in ("gauges of every provider, around the clock", "metrics of every provider, in hours with messages")
    )
    assert (two[gauges].quantity, three[gauges].quantity) == (3 * MONTH, 4 * MONTH)
    assert (two[in_use].quantity, three[in_use].quantity) == (4 * MILLION.hours, 5 * MILLION.hours)


def test_metrics_that_nothing_reads_are_not_billed() -> None:
    billed = rows(settings=replace(SETTINGS, unread=frozenset({"provider.DeliveryRate", "outcome.Outcomes"})))

    assert billed["CloudWatch: gauges of every provider, around the clock"].quantity == MONTH
    assert billed["CloudWatch: metrics of every provider, in hours with messages"].quantity == 2 * MILLION.hours


def test_the_dashboard_and_all_alarms_bring_their_metrics_with_them() -> None:
    off, on = settings(), settings(Alarms="all", Dashboard="on")

    assert {"provider.ReportsReceived", "TrackingBurn"} <= off.unread
    assert (off.log["webhook"], on.log["webhook"], on.unread - {""}) == ("INFO", "INFO, dashboard", frozenset())
    assert settings("volume").log["webhook"] == "WARNING, dashboard"  # it counts what it does not queue


def test_init_runs_on_a_whole_cpu_and_the_first_call_on_the_memorys_share() -> None:
    memory = {**SETTINGS.memory, "webhook": 1024}
    figures = {"cold.webhook.init": 1000.0, "cold.webhook.cpu": 1000.0 + 1024 / FULL_CPU * 100}

    billed = rows(Load(messages=1000, callbacks=1, cold=0.01), replace(SETTINGS, memory=memory), **figures)

    assert billed["Lambda: starts of environments, GB-seconds"].quantity == pytest.approx(10 * 1.1)


def test_an_item_past_a_kilobyte_costs_a_second_unit_for_each_write_that_is_past_it() -> None:
    units = {longer: rows(Load(longer=longer))["DynamoDB: second units past 1 KB"].quantity for longer in (0, 130, 300)}

    assert units == {0: 0, 130: 1e6, 300: 2e6}


def test_reports_that_are_not_stored_are_received_but_neither_queued_nor_written() -> None:
    less, all_of_them = rows(settings=replace(SETTINGS, unstored=1)), rows()

    assert less["API: webhooks"] == all_of_them["API: webhooks"]
    assert less["SQS reports: sent by the webhook"].quantity == 2e6
    assert less["DynamoDB: writes of items"].quantity == 4e6


def test_keys_of_tables_are_billed_only_where_dynamodb_does_not_own_them() -> None:
    name = "KMS: keys of the tables that DynamoDB does not own"

    assert rows()[name].quantity == 0
    assert rows(settings=replace(SETTINGS, table_keys=2))[name].quantity > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_are_read_from_the_template(preset: str) -> None:
    one, other = settings(preset), settings(preset, SendMemory="1024", RetentionDays="60")

    assert (other.memory["send"], other.retention_months) == (1024, 2)
    assert one.runs.keys() == {"reconcile", "statistics"}
    assert one.table_keys == 0


def test_the_volume_preset_costs_less_than_the_default_at_every_volume() -> None:
    for load in volumes(MILLION).values():
        default, volume = (total(bill(FIGURES, load, settings(preset))) for preset in PRESETS)
        assert volume < default


def test_each_target_is_a_volume_that_is_printed() -> None:
    assert {name[5:].split(", ")[0] for name in COSTS} <= volumes(MILLION).keys()


def test_every_assumption_is_an_option() -> None:
    options = [f"--{each.name.replace('_', '-')}={getattr(MILLION, each.name)}" for each in fields(Load)]

    assert arguments(options) == arguments([]) == MILLION
    assert arguments(["--hours", "24", "--callbacks", "2"]) == Load(hours=24.0, callbacks=2)


def test_every_option_has_a_unit_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        arguments(["--help"])

    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"{each.metadata['unit']} (default: {each.default})" in shown for each in fields(Load))


@pytest.mark.parametrize(
    "option",
    ["--messages=-1", "--hours=0", "--hours=745", "--callbacks=-1", "--failed=1.1", "--cold=nan", "--aws-ms=many"],
)
def test_an_assumption_that_cannot_be_is_refused_by_its_name(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        arguments([option])

    assert option.partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("changed", [{"messages": 0}, {"callbacks": 0}, {"failed": 1}, {"hours": 0.01}, {"aws_ms": 0}])
def test_the_least_and_the_most_that_can_be_assumed_are_billed(changed: dict[str, float]) -> None:
    assert total(rows(replace(MILLION, **changed)).values()) > 0  # type: ignore[arg-type]  # a number each

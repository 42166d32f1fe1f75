"""The bill's arithmetic: quantities from a load, counted figures and settings, dollars from the price table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

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
    **{f"cold.{name}.{part}": 0.0 for name in FUNCTIONS for part in ("init", "cpu")},
    **{f"warm.{name}.cpu": 2.0 for name in FUNCTIONS},
    **{f"log.{kind}.{name}": 300 for kind in LOGS for name in FUNCTIONS},
    **{f"log.WARNING.{name}": 10 for name in FUNCTIONS},
    **{f"rest.{step}.{name}": 10 for step in ("reconcile", "statistics") for name in ("cpu", "calls", "reads", "log")},
    **dict.fromkeys(("metric.rest.ReconcilerRuns", "metric.gauges.TrackingBurn"), 1),
    **dict.fromkeys(("metric.gauges.provider.DeliveryRate", "metric.in_use.provider.ReportsReceived"), 1),
    "metric.in_use.outcome.Outcomes": 2,
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


ITEMS, INDEXES = "DynamoDB: writes of items", "DynamoDB: writes of indexes"
FAILED, PAST_1_KB = "DynamoDB: further writes of failures", "DynamoDB: second units past 1 KB"
GAUGES = "CloudWatch: gauges of every provider, around the clock"
IN_USE = "CloudWatch: metrics of every provider, in hours with messages"
TABLE_KEYS, KEYS = "KMS: keys of the tables that DynamoDB does not own", "KMS: customer keys"
SEND, WEBHOOKS, EVENTS = "API: requests to send", "API: webhooks", "EventBridge: events"
REST, RUNS = "Reconciler at rest: reads of both tables", 8640 + 2880
UNREAD = frozenset({"provider.DeliveryRate", "outcome.Outcomes"})

FACTS: Mapping[str, tuple[Load, dict[str, Any], str, float]] = {
    "a further unit of a failure's item, and one of its indexes": (MILLION, {}, FAILED, 10_000 * 2),
    "only failures are published": (MILLION, {}, EVENTS, 10_000),
    "an item below a kilobyte": (MILLION, {}, PAST_1_KB, 0),
    "an item past a kilobyte for its last report": (Load(longer=130), {}, PAST_1_KB, 1e6),
    "an item past a kilobyte for its last two": (Load(longer=300), {}, PAST_1_KB, 2e6),
    "gauges of two providers, around the clock": (MILLION, {}, GAUGES, 3 * MONTH),
    "gauges of three providers": (MILLION, {"providers": 3}, GAUGES, 4 * MONTH),
    "gauges that nothing reads": (MILLION, {"unread": UNREAD}, GAUGES, MONTH),
    "metrics of two providers, in hours with messages": (MILLION, {}, IN_USE, 4 * MILLION.hours),
    "metrics of three providers": (MILLION, {"providers": 3}, IN_USE, 5 * MILLION.hours),
    "metrics that nothing reads": (MILLION, {"unread": UNREAD}, IN_USE, 2 * MILLION.hours),
    "reads at rest": (Load(messages=0), {}, REST, RUNS * 10),
    "runs at rest": (Load(messages=0), {}, "Reconciler at rest: GB-seconds", RUNS * 0.095 / 2),
    "metrics at rest": (Load(messages=0), {}, "CloudWatch: metrics at rest", MONTH),
    "a report that is not stored is received": (MILLION, {"unstored": 1}, WEBHOOKS, 3e6),
    "a report that is not stored is not queued": (MILLION, {"unstored": 1}, "SQS reports: sent by the webhook", 2e6),
    "a report that is not stored is not written": (MILLION, {"unstored": 1}, ITEMS, 4e6),
    "tables' keys that DynamoDB owns": (MILLION, {}, TABLE_KEYS, 0),
}


@pytest.mark.parametrize("fact", FACTS)
def test_a_row_has_the_quantity_of_what_is_used(fact: str) -> None:
    load, changes, row, quantity = FACTS[fact]

    assert rows(load, replace(SETTINGS, **changes))[row].quantity == pytest.approx(quantity)


@pytest.mark.parametrize(
    ("load", "changes", "row", "dollars"),
    [
        *[(MILLION, {}, SEND, 1), (MILLION, {}, WEBHOOKS, 3)],
        *[(MILLION, {}, ITEMS, 5 * 0.625), (MILLION, {}, INDEXES, 4 * 0.625)],
        (MILLION, {"events_ok": 1}, EVENTS, 1),
        (Load(messages=1e8), {}, SEND, 100),
        (Load(messages=1e8), {}, WEBHOOKS, 200 + 100 * 0.9),  # a tenth less beyond three hundred million requests
        *[(MILLION, {"keys": 1}, KEYS, 1), (MILLION, {"keys": 1}, "KMS: their first two yearly rotations", 2)],
    ],
)
def test_a_row_costs_its_units_at_their_price(load: Load, changes: dict[str, Any], row: str, dollars: float) -> None:
    assert rows(load, replace(SETTINGS, **changes))[row].dollars == pytest.approx(dollars)


def test_a_function_is_billed_for_its_share_of_a_cpu_and_for_what_it_waits() -> None:
    assert milliseconds(2.0, FULL_CPU, Load(aws_ms=6)) == 8
    assert milliseconds(2.0, FULL_CPU // 2, Load(aws_ms=6)) == 11  # 4.002 ms of CPU; a millisecond begun is billed
    assert milliseconds(0, 512, Load(aws_ms=6, provider_ms=250), calls=2, provider=1) == 262
    assert milliseconds(0, 512, MILLION, calls=0) == 1
    assert milliseconds(2.0, 10_000, MILLION) == milliseconds(2.0, FULL_CPU, MILLION), "one CPU is all that is used"


def test_a_batch_is_fuller_the_more_comes_and_never_larger_than_allowed() -> None:
    fills = [batch_fill(Load(hours=hours), SETTINGS) for hours in (720, 24, 1)]

    assert fills == sorted(fills)
    assert fills[0] >= 1
    assert fills[-1] == SETTINGS.batch
    assert batch_fill(Load(hours=1), replace(SETTINGS, window=0)) == 1, "without a window each report is a batch"


def test_changes_gather_by_shard_in_the_window_or_until_the_next_read() -> None:
    load = Load(messages=3600, hours=1)  # one a second, so five changes over four shards
    fills = {window: stream_fill(load, replace(SETTINGS, stream_window=window)) for window in (4, 0, 4000)}

    assert fills[4] == pytest.approx(1 + 5 / 4 * 4)
    assert fills[0] == pytest.approx(1 + 5 / 4 / 8)
    assert fills[4000] == SETTINGS.stream_batch


def test_what_is_due_by_the_month_is_due_without_a_message_and_the_rest_grows_with_them() -> None:
    none, billed = bill(FIGURES, Load(messages=0), SETTINGS), rows().values()

    assert total(none, monthly=False) == pytest.approx(0, abs=1e-6)
    assert total(none, monthly=True) == pytest.approx(total(billed, monthly=True))
    assert total(billed) == pytest.approx(total(billed, monthly=True) + total(billed, monthly=False))


def test_every_row_has_a_price_and_a_free_allowance_is_used_once_by_all_rows_of_its_price() -> None:
    assert {row.price for row in rows().values()} == PRICES.keys()
    assert sum(row.free for row in rows().values() if row.price == "sqs") == pytest.approx(0.40)
    assert all(row.free <= row.dollars for row in rows().values())


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_each_change_has_its_own_effect_on_the_bill_of_the_template(change: Change) -> None:
    base = total(bill(FIGURES, MILLION, settings()))

    assert changed(change, FIGURES, MILLION, "default") != pytest.approx(base, abs=0.001)
    assert (changed(change, FIGURES, MILLION, "default") < base) == bool(change.price)


def test_a_row_that_begins_below_a_tier_and_ends_above_is_billed_at_both_prices() -> None:
    price = Price(1.0, 10, "ten", "page", "memory", beyond=(100, 0.5))

    assert price.of(80) == pytest.approx(8)
    assert price.of(140) == pytest.approx(10 + 2)


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


def test_keys_of_tables_are_billed_where_dynamodb_does_not_own_them() -> None:
    assert rows(settings=replace(SETTINGS, table_keys=2))[TABLE_KEYS].quantity > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_are_read_from_the_template(preset: str) -> None:
    one, other = settings(preset), settings(preset, SendMemory="1024", RetentionDays="60")

    assert (other.memory["send"], other.retention_months) == (1024, 2)
    assert one.runs.keys() == {"reconcile", "statistics"}
    assert one.table_keys == 0


def test_the_volume_preset_costs_less_than_the_default_at_every_volume() -> None:
    assert {name[5:].split(", ")[0] for name in COSTS} <= volumes(MILLION).keys()
    for load in volumes(MILLION).values():
        default, volume = (total(bill(FIGURES, load, settings(preset))) for preset in PRESETS)
        assert volume < default


def test_every_assumption_is_an_option_with_a_unit_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    options = [f"--{each.name.replace('_', '-')}={getattr(MILLION, each.name)}" for each in fields(Load)]

    assert arguments(options) == arguments([]) == MILLION
    assert arguments(["--hours", "24", "--callbacks", "2"]) == Load(hours=24.0, callbacks=2)
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

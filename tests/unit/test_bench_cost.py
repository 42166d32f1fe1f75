"""The bill's arithmetic: quantities from a load, counted figures and settings, dollars from the price table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import pytest

from bench.bill import FULL_CPU, Figures, Load, Row, Settings, batch_fill, bill, milliseconds, stream_fill, total
from bench.cost import SAVINGS, Change, arguments, changed
from bench.prices import PRICES

FUNCTIONS = ("send", "authorizer", "webhook", "processor", "publisher", "digest", "reconciler")
FIGURES: Figures = {
    **{f"cold.{name}.init": 0.0 for name in FUNCTIONS},
    **{f"warm.{name}.cpu": 2.0 for name in FUNCTIONS},
    **{f"log.{name}": 300 for name in FUNCTIONS},
    **{f"lines.{name}": 1 for name in FUNCTIONS},
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
    runs_a_month=8640,
    counted=13,
    access_log_bytes=300,
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


def test_gigabyte_seconds_hold_warm_time_and_the_cold_starts_share() -> None:
    settings = replace(SETTINGS, memory={**SETTINGS.memory, "webhook": 1024})
    figures = {"warm.webhook.cpu": 0.0, "cold.webhook.init": 1000.0}

    billed = rows(Load(messages=1000, callbacks=1, aws_ms=10, cold=0.01), settings, **figures)

    assert billed["Lambda webhook: GB-seconds"].quantity == pytest.approx(1000 * (0.010 + 0.01 * 1.0))


def test_a_batch_is_fuller_the_more_comes_and_never_larger_than_allowed() -> None:
    fills = [batch_fill(Load(hours=hours), SETTINGS) for hours in (720, 24, 1)]

    assert fills == sorted(fills)
    assert fills[0] >= 1
    assert fills[-1] == SETTINGS.batch


def test_without_a_window_each_report_is_a_batch() -> None:
    assert batch_fill(Load(hours=1), replace(SETTINGS, window=0)) == 1


def test_changes_gather_by_shard_in_the_window_or_until_the_next_read() -> None:
    load = Load(messages=3600, hours=1)  # one a second, so five changes over four shards
    fills = {window: stream_fill(FIGURES, load, replace(SETTINGS, stream_window=window)) for window in (4, 0, 4000)}

    assert fills[4] == pytest.approx(1 + 5 / 4 * 4)
    assert fills[0] == pytest.approx(1 + 5 / 4 / 8)
    assert fills[4000] == SETTINGS.stream_batch


def test_what_is_due_by_the_month_is_due_without_a_message() -> None:
    none = bill(FIGURES, Load(messages=1e-9, hours=1e-9), SETTINGS)

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


@pytest.mark.parametrize("saving", SAVINGS, ids=lambda saving: saving.name)
def test_every_saving_saves(saving: Change) -> None:
    assert changed([saving], FIGURES, MILLION, SETTINGS) < total(rows().values())


def test_a_saving_leaves_out_rows_that_the_bill_has() -> None:
    assert {row for saving in SAVINGS for row in saving.without} <= rows().keys()


def test_savings_add_up_while_they_concern_different_rows() -> None:
    base = total(rows().values())
    alone = sum(base - changed([saving], FIGURES, MILLION, SETTINGS) for saving in SAVINGS)

    assert base - changed(SAVINGS, FIGURES, MILLION, SETTINGS) == pytest.approx(alone, rel=0.1)


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
    ["--messages=0", "--hours=0", "--hours=745", "--callbacks=-1", "--failed=1.1", "--cold=nan", "--aws-ms=many"],
)
def test_an_assumption_that_cannot_be_is_refused_by_its_name(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        arguments([option])

    assert option.partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("changed", [{"messages": 1}, {"callbacks": 0}, {"failed": 1}, {"hours": 0.01}, {"aws_ms": 0}])
def test_the_least_and_the_most_that_can_be_assumed_are_billed(changed: dict[str, float]) -> None:
    assert total(rows(replace(MILLION, **changed)).values()) > 0  # type: ignore[arg-type]  # a number each

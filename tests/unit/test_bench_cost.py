"""The bill's arithmetic: quantities from a load and a design, dollars from the price table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace

import pytest

from bench.assumed import Load, Settings
from bench.bill import Due, Row, batch_fill, bill, milliseconds, report_cpu, stream_fill, total
from bench.cost import arguments
from bench.design import FULL_CPU, Design, Work
from bench.prices import PRICES

WORK = Work(cpu=2.0, calls=1, log=300)
FUNCTIONS = ("send", "authorizer", "webhook", "processor", "publisher", "digest", "reconciler")
DESIGN = Design(
    name="a design",
    api="http-api",
    compute="arm",
    works=dict.fromkeys(FUNCTIONS, WORK),
    per_report={1: 2.0, 10: 1.0, 50: 0.5},
    parallel=1.0,
    batch=50,
    window=1.0,
    stream_batch=100,
    item_units=5,
    index_units=4,
    failed_units=11,
    read_units=0.5,
    count_units=0.5,
    run_calls=20,
    item_bytes=900,
    entry_bytes=800,
    events_ok=0,
    events_failed=1,
    event_bytes=700,
    metrics=10,
)
SETTINGS = Settings(
    retention_months=3,
    log_months=1,
    archive_months=1,
    alarms=7,
    dashboards=1,
    runs_a_month=8640,
    counted=13,
    access_log_bytes=300,
    pollers=5,
    shards=4,
)
MILLION = Load()


def rows(design: Design = DESIGN, load: Load = MILLION) -> Mapping[str, Row]:
    return {row.name: row for row in bill(design, load, SETTINGS)}


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
    half = replace(WORK, memory=FULL_CPU // 2)

    assert milliseconds(replace(WORK, memory=FULL_CPU), Load(aws_ms=6)) == 8
    assert milliseconds(half, Load(aws_ms=6)) == 11  # 4.002 ms of CPU, and a millisecond begun is one
    assert milliseconds(replace(WORK, cpu=0, calls=0), MILLION) == 1


def test_more_memory_than_one_cpu_needs_makes_nothing_faster() -> None:
    assert milliseconds(replace(WORK, memory=10_000), MILLION) == milliseconds(replace(WORK, memory=FULL_CPU), MILLION)


def test_gigabyte_seconds_hold_warm_time_and_the_cold_starts_share() -> None:
    work = replace(WORK, cpu=0, calls=1, init=1000, memory=1024)
    design = replace(DESIGN, works={**DESIGN.works, "webhook": work})

    billed = rows(design, Load(messages=1000, callbacks=1, aws_ms=10, cold=0.01))

    assert billed["Lambda webhook: GB-seconds"].quantity == pytest.approx(1000 * (0.010 + 0.01 * 1.0))


def test_a_batch_is_fuller_the_more_comes_and_never_larger_than_allowed() -> None:
    fills = [batch_fill(DESIGN, Load(hours=hours), SETTINGS) for hours in (720, 24, 1)]

    assert fills == sorted(fills)
    assert fills[0] >= 1
    assert fills[-1] == DESIGN.batch


def test_without_a_window_each_report_is_a_batch() -> None:
    assert batch_fill(replace(DESIGN, window=0), Load(hours=1), SETTINGS) == 1


def test_changes_gather_by_shard_in_the_window_or_until_the_next_read() -> None:
    load = Load(messages=3600, hours=1)  # one a second, so five changes over four shards

    assert stream_fill(replace(DESIGN, stream_window=4), load, SETTINGS) == pytest.approx(1 + 5 / 4 * 4)
    assert stream_fill(replace(DESIGN, stream_window=0), load, SETTINGS) == pytest.approx(1 + 5 / 4 / 8)
    assert stream_fill(replace(DESIGN, stream_window=4000), load, SETTINGS) == DESIGN.stream_batch


def test_a_reports_cpu_lies_between_those_of_the_sizes_that_were_measured() -> None:
    assert [report_cpu(DESIGN, fill) for fill in (1, 5.5, 10, 30, 50, 500)] == pytest.approx(
        [2, 1.5, 1, 0.75, 0.5, 0.5]
    )


def test_what_is_due_by_the_month_is_due_without_a_message() -> None:
    none = bill(DESIGN, Load(messages=1e-9), SETTINGS)

    assert total(none, Due.MESSAGE) == pytest.approx(0, abs=1e-6)
    assert total(none, Due.MONTH) == pytest.approx(total(rows().values(), Due.MONTH))


def test_the_whole_is_the_sum_of_what_it_grows_with() -> None:
    billed = rows().values()

    assert total(billed) == pytest.approx(sum(total(billed, due) for due in Due))


def test_every_event_that_is_published_costs_a_million_th_of_a_dollar() -> None:
    quiet, loud = rows(), rows(replace(DESIGN, events_ok=1))

    assert quiet["EventBridge: events"].quantity == pytest.approx(10_000)
    assert loud["EventBridge: events"].dollars == pytest.approx(1.0)


def test_every_row_has_a_price_and_every_price_a_row_that_uses_it() -> None:
    named = {row.price for row in rows().values()} | {
        row.price for row in rows(replace(DESIGN, api="rest-api", compute="x86")).values()
    }

    assert named == PRICES.keys()


def test_every_option_has_a_unit_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        arguments(["--help"])

    told = " ".join(capsys.readouterr().out.split())
    for field in fields(Load):
        assert f"{field.metadata['unit']} (default: {field.default})" in told
        assert re.search("message|month|share|seconds|environments", field.metadata["unit"])


@pytest.mark.parametrize(
    "option", ["--messages=0", "--hours=0", "--hours=745", "--callbacks=-1", "--failed=1.1", "--cold=nan", "--pace=0"]
)
def test_what_cannot_be_assumed_is_refused(option: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        arguments([option])


@pytest.mark.parametrize("changed", [{"messages": 1}, {"callbacks": 0}, {"failed": 1}, {"hours": 0.01}, {"aws_ms": 0}])
def test_the_least_and_the_most_that_can_be_assumed_are_billed(changed: dict[str, float]) -> None:
    assert total(bill(DESIGN, Load(**changed), SETTINGS)) > 0  # type: ignore[arg-type]  # a number, as its option is

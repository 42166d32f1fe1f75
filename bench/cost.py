"""`make cost`: dollars per million messages, from counted calls, measured CPU, the template and list prices."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any

from bench.bill import Figures, Load, Row, Settings, bill, total
from bench.counted import counted
from bench.cpu import cold, warm
from bench.deployment import FUNCTIONS
from bench.prices import AS_OF, NOTE, PRICES, REGION
from bench.report import QUICK, Cell, Outcome, Plan, Progress, Table, keep, known, progress
from ops.command import within
from sms_tracker.domain.hourly_stats import ages
from tests.unit.template_stack import environment, source, stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change to the default deployment: other settings, rows of the bill that disappear."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    unreferenced: bool = False


SAVINGS = (
    Change(name="webhooks by a Function URL, not by the HTTP API", without=("API: webhooks",)),
    Change(name="RetentionDays=30", settings={"retention_months": 1}),
    Change(name="SendMemory=256", memory={"send": 256}),
    Change(name="LambdaLogLines=failures", without=("Logs: Lambda's own lines",)),
    Change(name="no reference", unreferenced=True),
    Change(name="AccessLog=false", without=("Logs: API access",)),
    Change(name="no point-in-time recovery", without=("DynamoDB: point-in-time recovery",)),
    Change(name="StatisticsSchedule=rate(30 minutes)", settings={"counted": 30}),
    Change(name="Alarms=none", settings={"alarms": 0}),
)
"""Here ``counted`` is the schedule in minutes."""
EXTRAS = (
    Change(
        name="ProcessorBatchWindow=5, PublisherBatchWindow=5", settings={"batch": 50, "window": 5, "stream_window": 5}
    ),
    Change(name="delivered published", settings={"events_ok": 1}),
    Change(name="every change published", settings={"events_ok": 5, "events_failed": 5}),
)


def cost(_: Plan, progress: Progress, load: Load | None = None) -> Outcome:
    """Dollars per million messages, and the effect of each saving and extra."""
    figures, measured = known(), dict[str, float]()
    for case, needed in ((warm, "warm.send.cpu"), (cold, "cold.send.init"), (counted, "counted.item_bytes")):
        if needed not in figures:
            measured |= case(QUICK, progress).figures
    given, template, figures = load or Load(), settings(), figures | measured
    rows = bill(figures, given, template)
    ours = total(rows) / given.messages * 1e6
    tables = (_bill(rows, given), _changes(figures, given, template), _volumes(figures, given, template))
    return Outcome(tables, {**measured, "cost.ours": ours})


def _bill(rows: Sequence[Row], load: Load) -> Table:
    scale = 1e6 / load.messages
    lines: list[list[Cell]] = [
        [row.name, row.quantity, str(PRICES[row.price]), f"{row.dollars * scale:.2f}"] for row in rows
    ]
    ends = (("due each month without any message", total(rows, monthly=True)), ("total", total(rows)))
    lines += [[name, "", "", f"{dollars * scale:.2f}"] for name, dollars in ends]
    title = f"Dollars per million messages, {REGION}, list prices of {AS_OF}"
    return Table(title=title, columns=("row", "quantity", "price", "dollars"), rows=lines, note=NOTE)


def _changes(figures: Figures, load: Load, template: Settings) -> Table:
    base, scale = total(bill(figures, load, template)), 1e6 / load.messages
    alone = [(each.name, changed([each], figures, load, template)) for each in (*SAVINGS, *EXTRAS)]
    every = ("all savings together", changed(SAVINGS, figures, load, template))
    rows = [[name, f"{(dollars - base) * scale:+.2f}"] for name, dollars in (*alone, every)]
    return Table(title="Savings and extras", columns=("change", "dollars per million"), rows=rows)


def changed(changes: Sequence[Change], figures: Figures, load: Load, template: Settings) -> float:
    """Dollars of the whole bill with these changes."""
    left_out = {row for each in changes for row in each.without}
    for each in changes:
        values = dict(each.settings)
        if "counted" in values:
            values["counted"] = readings(values["counted"])
        template = replace(template, **values, memory={**template.memory, **each.memory})
        if each.unreferenced:
            instead = {key.replace("unreferenced", "counted"): figures[key] for key in figures if "unrefer" in key}
            figures = {**figures, **instead}
    return total(row for row in bill(figures, load, template) if row.name not in left_out)


def _volumes(figures: Figures, load: Load, template: Settings) -> Table:
    bills = {each: total(bill(figures, replace(load, messages=each), template)) for each in (1e3, 1e4, 1e5, 1e6, 1e7)}
    rows = [[f"{each:,.0f}", f"{dollars:.2f}", f"{dollars / each * 1e6:,.2f}"] for each, dollars in bills.items()]
    columns = ("messages a month", "the month's bill", "per million")
    return Table(title="Dollars by volume", columns=columns, rows=rows)


def settings() -> Settings:
    """The template's settings with default parameters."""
    deployed = stack()
    mapped = [each.properties for each in deployed.of("AWS::Lambda::EventSourceMapping").values()]
    reports, stream = (
        next(each for each in mapped if str(each["EventSourceArn"]).startswith(f"{name}."))
        for name in ("ReportsQueue", "MessagesTable")
    )
    access = deployed.only("AWS::ApiGatewayV2::Stage").properties["AccessLogSettings"]["Format"]
    alarms = deployed.of("AWS::CloudWatch::Alarm").values()
    schedules = deployed.of("AWS::Scheduler::Schedule").values()
    return Settings(
        memory={name: int(deployed.properties(f"{name.title()}Function")["MemorySize"]) for name in FUNCTIONS},
        batch=int(reports["BatchSize"]),
        window=float(reports["MaximumBatchingWindowInSeconds"]),
        stream_batch=int(stream["BatchSize"]),
        stream_window=float(stream["MaximumBatchingWindowInSeconds"]),
        retention_months=float(environment("send")["RETENTION_DAYS"]) / 30,
        log_months=_parameter("LogRetentionDays") / 30,
        archive_months=_parameter("ArchiveDays") / 30,
        alarms=sum(_metrics(each.properties) for each in alarms),
        dashboards=len(deployed.of("AWS::CloudWatch::Dashboard")),
        runs_a_month=sum(30 * 24 * 60 / _minutes(each.properties["ScheduleExpression"]) for each in schedules),
        counted=readings(_minutes(deployed.properties("ReconcilerFunctionStatistics")["ScheduleExpression"])),
        access_log_bytes=len(re.sub(r"\$context\.[A-Za-z.]+", "x" * 14, access)),
    )


def _metrics(alarm: Mapping[str, Any]) -> int:
    """The number of billed metrics that an alarm reads."""
    return max(1, sum("MetricStat" in each for each in alarm.get("Metrics", [])))


def _parameter(name: str) -> float:
    return float(source()["Parameters"][name]["Default"])


def _minutes(schedule: str) -> float:
    (found,) = re.findall(r"rate\((\d+) minute", schedule)
    return float(found)


def readings(minutes: float) -> float:
    """Reads of a message by statistics that run at this interval: one a stage, plus each run before the first stage."""
    stages = ages(timedelta(seconds=int(environment("reconciler")["UNKNOWN_AFTER_SECONDS"])))
    until_first = timedelta(minutes=30) + stages[0]  # a message's mean age at the end of its hour is 30 minutes
    return len(stages) + until_first / timedelta(minutes=minutes)


def arguments(given: Sequence[str] | None = None) -> Load:
    """Parse the command line: an option for each assumption."""
    parser = argparse.ArgumentParser(prog="make cost", description=__doc__)
    for each in fields(Load):
        kind, unit = (int if isinstance(each.default, int) else float), each.metadata["unit"]
        option = f"--{each.name.replace('_', '-')}"
        bounded = within(kind, each.metadata["least"], each.metadata["most"])
        parser.add_argument(option, type=bounded, default=each.default, help=f"{unit} (default: %(default)s)")
    return Load(**vars(parser.parse_args(given)))


def main() -> int:
    """Print the bill from the figures of earlier runs; missing figures are measured quickly first."""
    outcome = cost(QUICK, progress, arguments())
    print("\n".join(table.text() for table in outcome.tables))
    keep(outcome.figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())

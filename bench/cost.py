"""`make cost`: a month's bill at rest and by volume, for both presets, beside the targets; each row, each setting."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from bench.bill import Figures, Row, bill, total
from bench.counted import counted
from bench.cpu import cold, warm
from bench.prices import NOTE, PRICES, REGION
from bench.report import QUICK, Cell, Outcome, Plan, Progress, Table, keep, known, progress
from bench.rest import rest
from bench.settings import PRESETS, Load, Settings, settings
from ops.command import within

MILLION = 1e6
REST = Load(messages=0)
_SHORT, _EVEN = 200.0, 720.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change to a deployment: other parameters or settings, or rows of the bill that disappear.

    ``price`` is what it costs otherwise. ``settings`` stand for parameters that the template does not have yet.
    """

    name: str
    price: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    unreferenced: bool = False


CHANGES = (
    Change(
        name="ProcessorBatchWindow=5, size 50",
        price="statuses up to 5 s later, 20 s in sparse traffic",
        parameters={"ProcessorBatchWindow": "5", "ProcessorBatchSize": "50"},
    ),
    Change(
        name="PublisherBatchWindow=5",
        price="events up to 5 s later",
        parameters={"PublisherBatchWindow": "5"},
    ),
    Change(name="RetentionDays=30", price="records after a month", parameters={"RetentionDays": "30"}),
    Change(name="SendMemory=256", price="cold starts of 3 s, not 1.6", parameters={"SendMemory": "256"}),
    Change(name="LambdaLogLines=failures", price="the REPORT lines", parameters={"LambdaLogLines": "failures"}),
    Change(name="LogLevel=WARNING", price="the trace of each message", parameters={"LogLevel": "WARNING"}),
    Change(name="AccessLog=false", price="requests that no function saw", parameters={"AccessLog": "false"}),
    Change(
        name="StatisticsSchedule=rate(60 minutes)",
        price="a current hour up to an hour old",
        parameters={"StatisticsSchedule": "rate(60 minutes)"},
    ),
    Change(name="sending reports not stored", price="their line in the timeline", settings={"unstored": 1}),
    Change(name="Alarms=none", price="learning of faults", settings={"alarms": 0}),
    Change(name="Dashboard=on", price="", settings={"dashboards": 1}),
    Change(name="a customer key for alerts, rotated", price="", settings={"keys": 1, "rotated_keys": 1}),
    Change(name="no reference", price="searching by it", unreferenced=True),
    Change(name="point-in-time recovery off", price="restores", settings={"recovery": False}),
    Change(name="webhooks by a Function URL", price="throttling, the domain", without=("API: webhooks",)),
    Change(name="delivered published", price="", settings={"events_ok": 1}),
    Change(name="every change published", price="", settings={"events_ok": 5, "events_failed": 5, "changes": 5}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A line of the summary; ``targets`` are the most dollars by preset: a million messages', or at rest a month's."""

    name: str
    load: Load
    targets: Mapping[str, float] = field(default_factory=dict)


def volumes(load: Load) -> tuple[Volume, ...]:
    """At rest, and a million to a hundred million messages a month, in 200 hours and in all."""
    at_rest = Volume(name="at rest", load=replace(load, messages=0), targets=dict.fromkeys(PRESETS, 3.5))
    wanted = {(1, _SHORT): {"default": 28.0}, (10, _EVEN): {"volume": 16.0}, (10, _SHORT): {"volume": 16.0}}
    return (
        at_rest,
        *(
            Volume(
                name=f"{millions} M in {hours:.0f} h",
                load=replace(load, messages=millions * MILLION, hours=hours),
                targets=wanted.get((millions, hours), {}),
            )
            for millions in (1, 10, 100)
            for hours in (_SHORT, _EVEN)
        ),
    )


def cost(_: Plan, progress: Progress, load: Load | None = None) -> Outcome:
    """Dollars at rest and by volume beside the targets, every row with its price's source, every setting's price."""
    figures, measured = known(), dict[str, float]()
    needs = ((warm, "warm.send.cpu"), (cold, "cold.send.init"), (counted, "counted.item_bytes"))
    for case, needed in (*needs, (rest, "rest.statistics.cpu")):
        if needed not in figures:
            measured |= case(QUICK, progress).figures
    given, figures = load or Load(), figures | measured
    summary, dollars = _volumes(figures, given)
    tables = (summary, *(_bill(figures, given, preset) for preset in PRESETS), _changes(figures, given))
    return Outcome(tables, {**measured, **dollars})


def _volumes(figures: Figures, load: Load) -> tuple[Table, dict[str, float]]:
    rows: list[list[Cell]] = []
    dollars: dict[str, float] = {}
    for volume in volumes(load):
        for preset in PRESETS:
            billed = bill(figures, volume.load, settings(preset))
            month, free = total(billed), sum(row.free for row in billed)
            each = month / volume.load.messages * MILLION if volume.load.messages else month
            target = volume.targets.get(preset)
            shown: list[Cell] = [
                f"{month:,.2f}",
                f"{month - free:,.2f}",
                f"{each:,.2f}" if volume.load.messages else "",
            ]
            rows.append([f"{volume.name}, {preset}", *shown, *_verdict(each, target)])
            if target is not None:
                dollars[f"cost.{volume.name}, {preset}"] = each
    columns = ("messages a month, preset", "the month", "with free tier", "per million", "target", "")
    return Table(title=f"Dollars, {REGION}, list prices", columns=columns, rows=rows, note=NOTE), dollars


def _verdict(dollars: float, target: float | None) -> list[Cell]:
    if target is None:
        return ["", ""]
    return [f"{target:g}", "met" if dollars <= target else f"missed by {dollars - target:.2f}"]


def _bill(figures: Figures, load: Load, preset: str) -> Table:
    rows, scale = bill(figures, load, settings(preset)), MILLION / max(load.messages, 1)
    lines: list[list[Cell]] = [
        [row.name, row.quantity, _dollars(row, scale), f"{row.free * scale:.2f}", str(price), price.source]
        for row in rows
        for price in (PRICES[row.price],)
    ]
    ends = (("due each month without any message", [row for row in rows if row.monthly]), ("total", rows))
    for name, some in ends:
        free = sum(row.free for row in some)
        lines.append([name, "", f"{total(some) * scale:.2f}", f"{free * scale:.2f}", "", ""])
    title = f"Preset {preset}: dollars per million messages, {load.messages:,.0f} a month in {load.hours:g} hours"
    columns = ("row", "quantity", "dollars", "of it free", "price", "source: aws.amazon.com/…/pricing")
    return Table(title=title, columns=columns, rows=lines)


def _dollars(row: Row, scale: float) -> str:
    return f"{row.dollars * scale:.2f}"


def _changes(figures: Figures, load: Load) -> Table:
    scale = MILLION / max(load.messages, 1)
    bases = {preset: total(bill(figures, load, settings(preset))) for preset in PRESETS}
    rows: list[list[Cell]] = [
        [
            each.name,
            *(f"{(changed(each, figures, load, preset) - base) * scale:+.2f}" for preset, base in bases.items()),
            each.price,
        ]
        for each in CHANGES
    ]
    columns = ("setting", *PRESETS, "what it costs otherwise")
    return Table(title="Dollars per million messages that one setting changes", columns=columns, rows=rows)


def changed(change: Change, figures: Figures, load: Load, preset: str) -> float:
    """Dollars of the whole bill with this change."""
    made: Settings = replace(settings(preset, **change.parameters), **change.settings)  # type: ignore[arg-type]
    if change.unreferenced:
        instead = {key.replace("unreferenced", "counted"): figures[key] for key in figures if "unrefer" in key}
        figures = {**figures, **instead}
    return total(row for row in bill(figures, load, made) if row.name not in change.without)


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

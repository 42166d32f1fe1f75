"""`make cost`: a month's bill at rest and by volume, for both presets, beside the targets; each row, each setting."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bench.bill import Figures, bill, total
from bench.counted import counted
from bench.cpu import cold, warm
from bench.prices import NOTE, PRICES, REGION
from bench.report import QUICK, Cell, Outcome, Plan, Progress, Table, keep, known, progress
from bench.rest import rest
from bench.settings import PRESETS, Load, settings
from bench.targets import COSTS
from ops.command import within

MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Change:
    """A change: parameters if ``name`` is a list of them, settings, or rows of the bill that disappear.

    ``price`` is what it costs otherwise.
    """

    name: str
    price: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    unreferenced: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the template that ``name`` sets."""
        return dict(each.split("=", 1) for each in self.name.split(", ") if "=" in each)


CHANGES = (
    Change("ProcessorBatchWindow=5", "statuses 5 s later, 20 s in sparse traffic"),
    Change("PublisherBatchWindow=5", "events 5 s later"),
    Change("RetentionDays=30", "records after a month"),
    Change("SendMemory=256", "cold starts of 3 s, not 1.6"),
    Change("LambdaLogLines=failures", "the REPORT lines"),
    Change("LogLevel=WARNING", "the trace of each message"),
    Change("AccessLog=false", "requests that no function saw"),
    Change("StatisticsSchedule=rate(60 minutes)", "an hour's figures up to an hour old"),
    Change("sending reports not stored", "their lines in the timeline", settings={"unstored": 1}),
    Change("no alarms", "news of faults", settings={"alarms": 0}),
    Change("a dashboard", "", settings={"dashboards": 1}),
    Change("a rotated customer key for the alerts", "", settings={"keys": 1, "rotated_keys": 1}),
    Change("point-in-time recovery off", "restores", settings={"recovery": False}),
    Change("no reference", "searching by it", unreferenced=True),
    Change("webhooks by a Function URL", "throttling, the domain", without=("API: webhooks",)),
    Change("delivered published", "", settings={"events_ok": 1}),
    Change("every change published", "", settings={"events_ok": 5, "events_failed": 5, "changes": 5}),
)


def volumes(load: Load) -> dict[str, Load]:
    """At rest, and a million to a hundred million messages a month, in 200 hours and in all, by name."""
    shapes = {
        f"{millions} M in {hours} h": replace(load, messages=millions * MILLION, hours=float(hours))
        for millions in (1, 10, 100)
        for hours in (200, 720)
    }
    return {"at rest": replace(load, messages=0), **shapes}


def cost(_: Plan, progress: Progress, load: Load | None = None) -> Outcome:
    """Dollars at rest and by volume beside the targets, every row with its price's source, every setting's price."""
    figures, measured = known(), dict[str, float]()
    needs = ((warm, "warm.send.cpu"), (cold, "cold.send.init"), (counted, "counted.item_bytes"))
    for case, needed in (*needs, (rest, "rest.statistics.cpu")):
        if needed not in figures:
            measured |= case(QUICK, progress).figures
    given, figures = load or Load(), figures | measured
    summary, dollars = _volumes(figures, given)
    tables = (
        summary,
        _services(figures, given),
        *(_bill(figures, given, preset) for preset in PRESETS),
        _changes(figures, given),
    )
    return Outcome(tables, {**measured, **dollars})


def _volumes(figures: Figures, load: Load) -> tuple[Table, dict[str, float]]:
    rows: list[list[Cell]] = []
    dollars: dict[str, float] = {}
    for name, each in volumes(load).items():
        for preset in PRESETS:
            billed = bill(figures, each, settings(preset))
            month, free = total(billed), sum(row.free for row in billed)
            figure = f"cost.{name}, {preset}"
            dollars[figure] = month / each.messages * MILLION if each.messages else month
            per_million = f"{dollars[figure]:,.2f}" if each.messages else ""
            shown: list[Cell] = [f"{month:,.2f}", f"{month - free:,.2f}", per_million]
            rows.append([f"{name}, {preset}", *shown, *_verdict(dollars[figure], COSTS.get(figure))])
    columns = ("messages a month, preset", "the month", "with free tier", "per million", "target", "")
    return Table(title=f"Dollars, {REGION}, list prices", columns=columns, rows=rows, note=NOTE), dollars


def _verdict(dollars: float, target: float | None) -> list[Cell]:
    if target is None:
        return ["", ""]
    return [f"{target:g}", "met" if dollars <= target else f"missed by {dollars - target:.2f}"]


def _services(figures: Figures, load: Load) -> Table:
    """The bills that have a target, by service: what stands in the way of those that are missed."""
    bills = {
        f"{name}, {preset}": (bill(figures, each, settings(preset)), max(each.messages, MILLION) / MILLION)
        for name, each in volumes(load).items()
        for preset in PRESETS
        if f"cost.{name}, {preset}" in COSTS
    }
    pages = dict.fromkeys(PRICES[row.price].page for rows, _ in bills.values() for row in rows)
    lines: list[list[Cell]] = []
    for page in pages:
        some = {
            name: total(row for row in rows if PRICES[row.price].page == page) / scale
            for name, (rows, scale) in bills.items()
        }
        lines.append([page, *(f"{dollars:.2f}" for dollars in some.values())])
    return Table(title="Dollars at rest or per million messages, by service", columns=("", *bills), rows=lines)


def _bill(figures: Figures, load: Load, preset: str) -> Table:
    rows, scale = bill(figures, load, settings(preset)), MILLION / max(load.messages, 1)
    lines: list[list[Cell]] = [
        [row.name, row.quantity, f"{row.dollars * scale:.2f}", f"{row.free * scale:.2f}", str(price), price.source]
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
    made = replace(settings(preset, **change.parameters), **change.settings)
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

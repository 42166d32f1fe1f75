"""`make cost`: a month's bill at rest and by volume, for both presets, beside the targets; each row, each setting."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bench.bill import bill, total
from bench.counted import counted
from bench.cpu import cold, warm
from bench.prices import MILLION, NOTE, PRICES, REGION
from bench.report import QUICK, Cell, Figures, Outcome, Plan, Table, keep, known
from bench.rest import rest
from bench.settings import PRESETS, Load, settings
from bench.targets import COSTS, verdict
from local.process import run_command
from ops.command import within


@dataclass(frozen=True, slots=True)
class Change:
    """A change: parameters if ``name`` is a list of them, settings, or no reference; ``price`` is what it costs."""

    name: str
    price: str
    settings: Mapping[str, Any] = field(default_factory=dict)
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
    Change("Alarms=none", "news of faults"),
    Change("Alarms=all", ""),
    Change("Dashboard=on", ""),
    Change("a rotated customer key for the alerts", "", settings={"keys": 1}),
    Change("point-in-time recovery off", "restores", settings={"recovery": False}),
    Change("no reference", "searching by it", unreferenced=True),
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


def cost(_: Plan, load: Load | None = None) -> Outcome:
    """Dollars at rest and by volume beside the targets, every row with its price's source, every setting's price."""
    figures, measured = known(), dict[str, float]()
    cases = {"warm.send.cpu": warm, "cold.send.init": cold, "counted.item_bytes": counted, "rest.statistics.cpu": rest}
    for needed, case in cases.items():
        if needed not in figures:
            measured |= case(QUICK).figures
    given, figures = load or Load(), figures | measured
    summary, dollars = _volumes(figures, given)
    bills = (_bill(figures, given, preset) for preset in PRESETS)
    return Outcome((summary, *bills, _changes(figures, given)), {**measured, **dollars})


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
            most = COSTS.get(figure)
            compared = ["", ""] if most is None else [f"{most:g}", verdict(dollars[figure], most)]
            rows.append([f"{name}, {preset}", f"{month:,.2f}", f"{month - free:,.2f}", per_million, *compared])
    columns = ("messages a month, preset", "the month", "with free tier", "per million", "target", "")
    return Table(title=f"Dollars, {REGION}, list prices", columns=columns, rows=rows, note=NOTE), dollars


def _bill(figures: Figures, load: Load, preset: str) -> Table:
    rows, scale = bill(figures, load, settings(preset)), MILLION / max(load.messages, 1)
    lines: list[list[Cell]] = []
    for row in rows:
        price = PRICES[row.price]
        dollars = (f"{each * scale:.2f}" for each in (row.dollars, row.free))
        lines.append([row.name, row.quantity, *dollars, str(price), price.source])
    ends = {"due each month without any message": [row for row in rows if row.monthly], "total": rows}
    for name, some in ends.items():
        dollars = (f"{each * scale:.2f}" for each in (total(some), sum(row.free for row in some)))
        lines.append([name, "", *dollars, "", ""])
    title = f"Preset {preset}: dollars per million messages, {load.messages:,.0f} a month in {load.hours:g} hours"
    columns = ("row", "quantity", "dollars", "of it free", "price", "source: aws.amazon.com/…/pricing")
    return Table(title=title, columns=columns, rows=lines)


def _changes(figures: Figures, load: Load) -> Table:
    scale = MILLION / max(load.messages, 1)
    bases = {preset: total(bill(figures, load, settings(preset))) for preset in PRESETS}
    rows: list[list[Cell]] = []
    for each in CHANGES:
        dollars = (f"{(changed(each, figures, load, preset) - bases[preset]) * scale:+.2f}" for preset in PRESETS)
        rows.append([each.name, *dollars, each.price])
    columns = ("setting", *PRESETS, "what it costs otherwise")
    return Table(title="Dollars per million messages that one setting changes", columns=columns, rows=rows)


def changed(change: Change, figures: Figures, load: Load, preset: str) -> float:
    """Dollars of the whole bill with this change."""
    made = replace(settings(preset, **change.parameters), **change.settings)
    if change.unreferenced:
        instead = {key.replace("unreferenced", "counted"): figures[key] for key in figures if "unrefer" in key}
        figures = {**figures, **instead}
    return total(bill(figures, load, made))


def arguments(given: Sequence[str] | None = None) -> Load:
    """Parse the command line: an option for each assumption."""
    parser = argparse.ArgumentParser(prog="make cost", description=__doc__)
    for each in fields(Load):
        kind = within(int if isinstance(each.default, int) else float, each.metadata["least"], each.metadata["most"])
        option, text = f"--{each.name.replace('_', '-')}", f"{each.metadata['unit']} (default: %(default)s)"
        parser.add_argument(option, type=kind, default=each.default, help=text)
    return Load(**vars(parser.parse_args(given)))


def main() -> int:
    """Print the bill from the figures of earlier runs; missing figures are measured quickly first."""
    outcome = cost(QUICK, arguments())
    print("\n".join(table.text() for table in outcome.tables))
    keep(outcome.figures)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

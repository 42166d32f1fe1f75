"""`make cost`: dollars per million messages, from counted calls, measured CPU, the template and list prices."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain

from bench.assumed import Load, Settings, readings, settings
from bench.bill import Due, Row, batch_fill, bill, milliseconds, total
from bench.case import QUICK, Outcome, Plan
from bench.cold import cold
from bench.counted import counted
from bench.design import Design, naive, ours, plain
from bench.prices import AS_OF, NOTE, PRICES, REGION
from bench.report import keep, known, machine, progress
from bench.sampling import Progress
from bench.table import Table
from bench.warm import warm
from ops.command import within

INDEXES = ("by_recipient", "by_reference", "by_provider_id", "by_time", "by_attention")
_LINE_BYTES = 226
"""One more log line, and what CloudWatch adds to it."""


def cost(_: Plan, told: Progress, load: Load | None = None) -> Outcome:
    """Dollars per million messages of this project, of the plain handlers, and of the naive way."""
    figures, taken = measured(told)
    given, set_up = load or Load(), settings()
    designs = [make(figures) for make in (ours, plain, naive)]
    bills = [bill(design, given, set_up) for design in designs]
    per_million = [total(rows) / given.messages * 1e6 for rows in bills]
    tables = (
        _bill(designs, bills, given),
        _services(designs, bills, given),
        _more(designs[0], given, set_up, figures),
        _shapes(designs[0], given, set_up),
        _volumes(designs[0], given, set_up),
        _assumed(designs[0], given, set_up),
    )
    named = (f"cost.{name}" for name in ("ours", "plain", "naive"))
    return Outcome(tables, taken | dict(zip(named, per_million, strict=True)))


def measured(told: Progress) -> tuple[dict[str, float], dict[str, float]]:
    """The figures that a bill needs, of earlier runs; and those among them that none had, roughly measured now."""
    figures, taken = known(), dict[str, float]()
    for case, needed in ((warm, "warm.send.cpu"), (cold, "cold.send.init"), (counted, "counted.calls")):
        if needed not in figures:
            taken |= case(QUICK, told).figures
    return figures | taken, taken


def _bill(designs: Sequence[Design], bills: Sequence[list[Row]], load: Load) -> Table:
    scale = 1e6 / load.messages
    rows: list[list[str | float | int]] = []
    for lines in zip(*bills, strict=True):
        dollars = (f"{line.dollars * scale:.2f}" for line in lines)
        rows.append([lines[0].name, lines[0].quantity, str(PRICES[lines[0].price]), *dollars])
    rows.append(["together", "", "", *(f"{total(each) * scale:.2f}" for each in bills)])
    title = f"Dollars per million messages, {REGION}, list prices of {AS_OF}"
    columns = ("row", "quantity, ours", "price", *(each.name for each in designs))
    return Table(title=title, columns=columns, rows=rows, note=NOTE)


def _services(designs: Sequence[Design], bills: Sequence[list[Row]], load: Load) -> Table:
    """The same by service: where the money goes."""
    sums: dict[str, list[float]] = {}
    for lines in zip(*bills, strict=True):
        service = lines[0].name.partition(":")[0].split()[0].replace("...", "Lambda")
        kept = sums.setdefault(service, [0.0] * len(lines))
        sums[service] = [so_far + line.dollars for so_far, line in zip(kept, lines, strict=True)]
    scale = 1e6 / load.messages
    rows = [[name, *(f"{dollars * scale:.2f}" for dollars in each)] for name, each in sums.items()]
    return Table(title="By service", columns=("service", *(each.name for each in designs)), rows=rows)


def _more(design: Design, load: Load, set_up: Settings, figures: Mapping[str, float]) -> Table:
    base = total(bill(design, load, set_up))
    scale = 1e6 / load.messages
    adds = _changes(design, load, set_up, figures)
    saves = ((f"saves: {name}", dollars) for name, dollars in _less(design, load, set_up))
    rows = [[name, f"{(dollars - base) * scale:+.2f}"] for name, dollars in chain(adds, saves)]
    title = "What each further reader adds, and what would save"
    return Table(title=title, columns=("change", "dollars per million"), rows=rows)


def _changes(design: Design, load: Load, set_up: Settings, figures: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Each change by itself, with the whole bill that it leads to."""

    def billed(**changed: float) -> float:
        return total(bill(replace(design, **changed), load, set_up))  # type: ignore[arg-type]  # numbers, all of them

    def over(*rows: Row) -> float:
        return total(bill(design, load, set_up)) + total(list(rows))

    for name in INDEXES:
        units, size = figures[f"index.{name}.units"], figures[f"index.{name}.bytes"]
        saved = billed(index_units=design.index_units - units, entry_bytes=design.entry_bytes - size)
        yield f"index {name}: without it", saved
    disorder = figures.get("units.10 % inversions, 5 % stragglers")
    if disorder is not None:
        more = disorder - design.item_units - design.index_units
        yield "10 % of messages out of order, 5 % stragglers", billed(item_units=design.item_units + more)
    yield "publish delivered", billed(events_ok=1)
    yield "publish every change", billed(events_ok=design.item_units, events_failed=design.item_units)
    line = Row("", load.messages * load.callbacks * _LINE_BYTES, "log")
    yield "a log line of 200 bytes for every callback", over(line)
    yield "one more custom metric", billed(metrics=design.metrics + 1)
    yield "a GET of every message", over(*_read(load))
    yield "X-Ray on 5 % of requests", billed(traced=0.05)


def _less(design: Design, load: Load, set_up: Settings) -> Iterator[tuple[str, float]]:
    """Each saving by itself, then all together, with the whole bill that it leads to."""
    base = bill(design, load, set_up)
    for name, less in savings(base).items():
        yield name, total([*base, less])
    small = replace(design, works={**design.works, "send": replace(design.works["send"], memory=256)})
    seldom = replace(set_up, counted=readings(15))
    yield "send at 256 MB", total(bill(small, load, set_up))
    yield "records kept for 30 days", total(bill(design, load, replace(set_up, retention_months=1)))
    yield "statistics every 15 minutes", total(bill(design, load, seldom))
    rows = bill(small, load, replace(seldom, retention_months=1))
    yield "all of these together", total([*rows, *savings(rows).values()])


def savings(rows: Sequence[Row]) -> dict[str, Row]:
    """What can be left out of a bill, as a row to be added to it."""
    left_out = {
        "webhooks by a Function URL, not by the HTTP API": "API: webhooks",
        "none of Lambda's own lines (JSON log format, system level WARN)": "Logs: Lambda's own lines",
        "no access log": "Logs: API access",
        "no point-in-time recovery": "DynamoDB: point-in-time recovery",
    }
    by_name = {row.name: row for row in rows}
    return {name: replace(by_name[row], quantity=-by_name[row].quantity) for name, row in left_out.items()}


def _read(load: Load) -> Iterator[Row]:
    yield Row("", load.messages, "http-api")
    yield Row("", load.messages, "invocation")
    yield Row("", load.messages * 0.02 * 0.5, "arm")  # 20 ms at 512 MB
    yield Row("", load.messages, "read")


def _shapes(design: Design, load: Load, set_up: Settings) -> Table:
    rows: list[list[str | float | int]] = []
    for hours in (1, 24, 200, 720):
        shaped = replace(load, hours=float(hours))
        fill = batch_fill(design, shaped, set_up)
        rate = shaped.messages / shaped.seconds
        rows.append([f"{hours} h", rate, fill, total(bill(design, shaped, set_up)) / shaped.messages * 1e6])
    columns = ("a million messages in", "messages/s", "reports a batch", "dollars")
    return Table(title="By the shape of the load", columns=columns, rows=rows)


def _volumes(design: Design, load: Load, set_up: Settings) -> Table:
    rows: list[list[str | float | int]] = []
    for messages in (1e3, 1e4, 1e5, 1e6, 1e7):
        lines = bill(design, replace(load, messages=messages), set_up)
        by = {due: total(lines, due) for due in Due}
        money = (by[Due.MESSAGE] / messages * 1e6, by[Due.HOUR], by[Due.MONTH], total(lines))
        rows.append([f"{messages:,.0f}", *(f"{dollars:.2f}" for dollars in money)])
    columns = ("messages a month", "per million messages", "by the hour in use", "by the month", "the month's bill")
    note = "Dollars. What a message costs by itself differs only by fuller batches of reports and of the stream."
    return Table(title="By volume", columns=columns, rows=rows, note=note)


def _assumed(design: Design, load: Load, set_up: Settings) -> Table:
    """What is assumed and not counted, each a parameter."""
    rows: list[list[str | float | int]] = [
        [f"{field.name}: {field.metadata['unit']}", str(getattr(load, field.name))] for field in fields(load)
    ]
    rows += [[f"{name}: billed ms", milliseconds(work, load)] for name, work in design.works.items() if work.cpu]
    rows += [[f"{name}: MB", work.memory] for name, work in design.works.items()]
    rows += [[field.name, str(getattr(set_up, field.name))] for field in fields(set_up)]
    return Table(title="Assumed, and set by the template", columns=("what", "value"), rows=rows)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Every assumption is an option."""
    parser = argparse.ArgumentParser(prog="make cost", description=__doc__)
    for field in fields(Load):
        kind: Callable[[str], float] = int if isinstance(field.default, int) else float
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=within(kind, field.metadata["least"], field.metadata["most"]),
            default=field.default,
            help=f"{field.metadata['unit']} (default: %(default)s)",
        )
    return parser.parse_args(given)


def main() -> int:
    """Print the bill; measures first what no earlier run has."""
    outcome = cost(QUICK, progress, Load(**vars(arguments())))
    print("\n".join(table.text() for table in outcome.tables))
    keep(outcome.tables, outcome.figures, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())

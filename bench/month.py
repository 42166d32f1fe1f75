"""`python -m bench.month`: a simulated month against AWS's limits: what waits, what is late, what to raise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.hot_item import BLOCK, HOT, most
from bench.report import Cell, Table, options, progress
from bench.simulation import Limits, Service, Traffic
from local.process import run_command

AS_SHIPPED = Limits()
THROTTLES = replace(AS_SHIPPED, send=2500, webhook=12_500)
RAISED = replace(THROTTLES, concurrency=3000, parameters=1000, table=12_000, pollers=100)
SCENARIOS = {
    "new account, 10 environments": replace(AS_SHIPPED, concurrency=10),
    "as shipped, 1,000 environments": AS_SHIPPED,
    "route limits raised": THROTTLES,
    "everything raised": RAISED,
}
"""Limits that are tried. ``THROTTLES`` changes the template's parameters alone, ``RAISED`` also the quotas."""
QUOTAS: dict[str, tuple[str, Callable[[Limits], float]]] = {
    "POST /messages a second": ("sends", lambda limits: limits.send),
    "webhooks a second": ("webhooks", lambda limits: limits.webhook),
    "API Gateway, requests a second": ("requests", lambda limits: limits.api),
    "Lambda, environments at once": ("environments", lambda limits: limits.concurrency),
    "Parameter Store, reads a second": ("starts", lambda limits: limits.parameters),
    "DynamoDB, write units of a new table": ("write units", lambda limits: limits.table),
    "DynamoDB, units of one client's counter": ("counter", lambda _: HOT),
    f"… in blocks of {BLOCK}, by environments": ("counter in blocks", lambda _: HOT),
    "EventBridge, events a second": ("events", lambda limits: limits.put_events),
}
_AMPLE = Limits(send=1e6, webhook=1e6, api=1e6, concurrency=10**6, scaling=1e5, parameters=1e5, table=4e4, pollers=100)


def arguments(given: Sequence[str] | None = None) -> tuple[Traffic, int]:
    """The traffic, and the seed of the bursts' times."""
    parser = argparse.ArgumentParser(prog="python -m bench.month", description=(__doc__ or "").partition(": ")[2])
    options(parser, Traffic)
    parser.add_argument("--seed", type=int, default=1, help="of the bursts' times (default: %(default)s)")
    chosen = vars(parser.parse_args(given))
    seed = int(chosen.pop("seed"))
    return Traffic(**chosen), seed


def outcomes(traffic: Traffic, seed: int) -> tuple[Table, int]:
    """Every scenario's month, and the number of reports, requests and events that were lost."""
    months = {name: _simulated(name, limits, traffic, seed) for name, limits in SCENARIOS.items()}
    rows = [{"limits": name, **_told(month)} for name, month in months.items()]
    title = f"{traffic.days:g} days of {traffic.rate:g} messages a second, bursts of {traffic.burst:g}"
    table = Table(title=title, columns=tuple(rows[0]), rows=[list(row.values()) for row in rows])
    return table, sum(month.unaccounted for month in months.values())


def _told(month: Service) -> dict[str, Cell]:
    counts = month.counts
    return {
        "sends after a minute": f"{100 * counts['late requests'] / max(1, counts['offered']):.1f} %",
        "never accepted": month.clients.size,
        "webhooks refused": counts["turned away"],
        "looked up instead": counts["looked up"],
        "still to look up": month.missing.size,
        "stored after a minute": counts["late reports"],
        "oldest in queue": f"{month.peaks['queue age']:.0f} s",
        "lost": month.unaccounted,
    }


def needs(traffic: Traffic, seed: int) -> Table:
    """The most of each quota that a day takes, at a hundredth, a tenth and all of the traffic."""
    shares = (0.01, 0.1, 1.0)
    peaks = []
    for share in shares:
        scaled = replace(traffic, rate=traffic.rate * share, burst=traffic.burst * share, days=1.0)
        peaks.append(_simulated(f"needs at {scaled.rate:g} a second", _AMPLE, scaled, seed).peaks)
    rows: list[list[Cell]] = [
        [name, f"{limit(AS_SHIPPED):,.0f}", *(_needed(peak[key], limit(AS_SHIPPED)) for peak in peaks)]
        for name, (key, limit) in QUOTAS.items()
    ]
    columns = ("quota", "default", *(f"{traffic.rate * s:g}/s, {traffic.burst * s:g}/s" for s in shares))
    note = (
        "* above the default: raise it before. An item's is fixed: one client's counter serves "
        f"{most(1)} messages a second, {most(BLOCK):,} in blocks."
    )
    return Table(
        title="The most that is needed, by messages a second (always, in bursts)", columns=columns, rows=rows, note=note
    )


def _needed(peak: float, limit: float) -> str:
    return f"{peak:,.0f}{'*' if peak > limit else ''}"


def _simulated(name: str, limits: Limits, traffic: Traffic, seed: int) -> Service:
    return Service(limits, traffic, seed=seed).run(lambda day: progress(f"{name}, day {day:.0f}"))


def main() -> int:
    """Simulate and print; returns 1 if anything was lost."""
    traffic, seed = arguments()
    table, lost = outcomes(traffic, seed)
    print("", table.text(), needs(traffic, seed).text(), sep="\n")
    print("lost:", lost)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(run_command(main))

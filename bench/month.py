"""`python -m bench.month`: a simulated month against AWS's limits: what waits, what is late, what to raise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

from bench.report import Cell, Table, progress
from bench.simulation import Limits, Service, Traffic
from local.process import run_command
from ops.command import within

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
    "EventBridge, events a second": ("events", lambda limits: limits.put_events),
}
_HELP = {
    "rate": "messages a second",
    "burst": "messages a second in a burst",
    "burst_seconds": "seconds of a burst",
    "bursts_a_day": "bursts a day",
    "days": "days to simulate",
    "callbacks": "reports of a message",
    "published": "share of messages whose end is published",
}
_LEAST = {"days": 0.001, "burst_seconds": 1, "callbacks": 1}
_AMPLE = Limits(send=1e6, webhook=1e6, api=1e6, concurrency=10**6, scaling=1e5, parameters=1e5, table=4e4, pollers=100)


def arguments(given: Sequence[str] | None = None) -> tuple[Traffic, int]:
    """The traffic, and the seed of the bursts' times."""
    parser = argparse.ArgumentParser(prog="python -m bench.month", description=(__doc__ or "").partition(": ")[2])
    for each in fields(Traffic):
        if each.name in _HELP:
            kind = within(int if isinstance(each.default, int) else float, _LEAST.get(each.name, 0), 1e6)
            option, text = f"--{each.name.replace('_', '-')}", f"{_HELP[each.name]} (default: %(default)s)"
            parser.add_argument(option, type=kind, default=each.default, help=text)
    parser.add_argument("--seed", type=int, default=1, help="of the bursts' times (default: %(default)s)")
    options = vars(parser.parse_args(given))
    seed = int(options.pop("seed"))
    return Traffic(**options), seed


def outcomes(traffic: Traffic, seed: int) -> tuple[Table, int]:
    """Every scenario's month, and the number of reports, requests and events that were lost."""
    rows: list[list[Cell]] = []
    lost = 0
    for name, limits in SCENARIOS.items():
        done = _simulated(name, limits, traffic, seed)
        counts = done.counts
        lost += done.unaccounted
        rows.append(
            [
                name,
                f"{100 * counts['late requests'] / max(1, counts['offered']):.1f} %",
                done.clients.size,
                counts["turned away"],
                counts["looked up"],
                done.missing.size,
                counts["late reports"],
                f"{done.peaks['queue age']:.0f} s",
                done.unaccounted,
            ]
        )
    columns = (
        "limits",
        "sends after a minute",
        "never accepted",
        "webhooks refused",
        "looked up instead",
        "still to look up",
        "stored after a minute",
        "oldest in queue",
        "lost",
    )
    title = f"{traffic.days:g} days of {traffic.rate:g} messages a second, bursts of {traffic.burst:g}"
    return Table(title=title, columns=columns, rows=rows), lost


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
    note = "* above the default: raise it before."
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

"""`make bench`: measure everything, or what ``--only`` names, and print it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial

from bench.batches import batches
from bench.case import FULL, QUICK, Case, Plan
from bench.clients import clients
from bench.cold import cold, pyc
from bench.cost import cost
from bench.counted import counted
from bench.growth import growth
from bench.order import order
from bench.packages import packages
from bench.report import keep, known, machine, progress
from bench.sandbox import Failed
from bench.table import Table
from bench.targets import targets
from bench.throughput import throughput
from bench.warm import warm
from local.process import ROOT, StackError

CASES: dict[str, Case] = {
    "clients": clients,
    "cold": cold,
    "pyc": pyc,
    "warm": warm,
    "packages": packages,
    "counted": counted,
    "order": order,
    "batches": batches,
    "growth": growth,
    "throughput": throughput,
    "cost": cost,
}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    lines = [f"  {name:<12} {case.__doc__}" for name, case in CASES.items()]
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures the functions beside the plain boto3 and Powertools way; no threshold fails.",
        epilog="cases:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=sorted(CASES), help="these cases alone")
    parser.add_argument("--quick", action="store_true", help="a few samples of each: minutes, and rough")
    return parser.parse_args(given)


def main() -> int:
    """Run; returns the exit code."""
    asked = arguments()
    try:
        return _run(asked.only or list(CASES), QUICK if asked.quick else FULL)
    except (Failed, StackError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130


def _run(names: Sequence[str], plan: Plan) -> int:
    described, tables = machine(), list[Table]()
    figures: dict[str, float] = {}
    print("\n".join(f"{name}: {value}" for name, value in described.items()), end="\n\n", flush=True)
    for name in names:
        start = time.monotonic()
        outcome = CASES[name](plan, partial(_told, name))
        _told(name, f"{time.monotonic() - start:.0f} s")
        print(file=sys.stderr)
        for table in outcome.tables:
            print(table.text(), flush=True)
        tables += outcome.tables
        figures |= outcome.figures
        keep(tables, figures, described)
    reached = targets({**known(), **figures})
    print(reached.text())
    written = keep([*tables, reached], figures, described)
    print(f"Kept in {written.relative_to(ROOT)} and {written.with_suffix('.json').relative_to(ROOT)}")
    return 0


def _told(name: str, line: str) -> None:
    progress(f"{name}: {line}")


if __name__ == "__main__":
    sys.exit(main())

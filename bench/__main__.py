"""`make bench`: measure every case, or those of ``--only``, and print tables and targets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench.cost import cost
from bench.counted import counted
from bench.cpu import cold, warm
from bench.report import FULL, QUICK, Case, keep, known, machine, progress
from bench.rest import rest
from bench.sandbox import Failed
from bench.targets import targets
from local.process import run_command

CASES: dict[str, Case] = {
    "cold": cold,
    "warm": warm,
    "counted": counted,
    "rest": rest,
    "cost": cost,
}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    lines = [f"  {name:<12} {case.__doc__}" for name, case in CASES.items()]
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Compare the functions with plain boto3 and Powertools. A missed target does not fail the command.",
        epilog="cases:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=sorted(CASES), help="run only these cases")
    parser.add_argument("--quick", action="store_true", help="take few samples: faster, less accurate")
    return parser.parse_args(given)


def main() -> int:
    """Run the command; returns the exit code."""
    options = arguments()
    names, plan = options.only or list(CASES), QUICK if options.quick else FULL
    print(machine(), flush=True)
    for name in names:
        outcome = CASES[name](plan, progress)
        print("", *(table.text() for table in outcome.tables), sep="\n", flush=True)
        keep(outcome.figures)
    print(targets(known()).text())
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, Failed))

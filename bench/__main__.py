"""`make bench`: measure every case, or those of ``--only``, and print tables and targets."""

from __future__ import annotations

import argparse
import sys

from bench.cost import cost
from bench.counted import counted
from bench.cpu import cold, warm
from bench.report import FULL, QUICK, Case, keep, known, machine
from bench.rest import rest
from bench.targets import targets
from local.process import run_command

CASES: dict[str, Case] = {"cold": cold, "warm": warm, "counted": counted, "rest": rest, "cost": cost}


def main() -> int:
    """Run the command; returns the exit code."""
    lines = [f"  {name:<12} {case.__doc__}" for name, case in CASES.items()]
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Compare the functions with plain boto3 and Powertools. A missed target does not fail the command.",
        epilog="cases:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=sorted(CASES), help="run only these cases")
    parser.add_argument("--quick", action="store_true", help="take few samples: faster, less accurate")
    options = parser.parse_args()
    print(machine(), flush=True)
    for name in options.only or CASES:
        outcome = CASES[name](QUICK if options.quick else FULL)
        print("", *(table.text() for table in outcome.tables), sep="\n", flush=True)
        keep(outcome.figures)
    print(targets(known()).text())
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

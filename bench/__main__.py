"""`make bench`: measure everything, or the cases that ``--only`` names, and print tables and targets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from bench.clients import clients
from bench.cold import cold
from bench.cost import cost
from bench.counted import counted
from bench.report import FULL, QUICK, Case, Plan, keep, known, machine, progress
from bench.sandbox import Failed
from bench.targets import targets
from bench.warm import warm
from local.process import StackError

CASES: dict[str, Case] = {
    "clients": clients,
    "cold": cold,
    "warm": warm,
    "counted": counted,
    "cost": cost,
}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command's options."""
    lines = [f"  {name:<12} {case.__doc__}" for name, case in CASES.items()]
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the functions beside plain boto3 and Powertools. Figures never fail the command.",
        epilog="cases:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=sorted(CASES), help="these cases alone")
    parser.add_argument("--quick", action="store_true", help="few samples: minutes, and rough")
    return parser.parse_args(given)


def main() -> int:
    """Run; returns the exit code."""
    options = arguments()
    try:
        return _run(options.only or list(CASES), QUICK if options.quick else FULL)
    except (Failed, StackError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130


def _run(names: Sequence[str], plan: Plan) -> int:
    print(machine(), flush=True)
    for name in names:
        outcome = CASES[name](plan, partial(_show, name))
        print("", *(table.text() for table in outcome.tables), sep="\n", flush=True)
        keep(outcome.figures)
    print(targets(known()).text())
    return 0


def _show(name: str, line: str) -> None:
    progress(f"{name}: {line}")


if __name__ == "__main__":
    sys.exit(main())

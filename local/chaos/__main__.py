"""`make chaos`: inject many faults at once on the local stack and check that no message is lost, doubled or wrong."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median, quantiles
from typing import Any

from local import ledger
from local.chaos.checks import CHECKS, findings
from local.chaos.collect import FOLDER
from local.chaos.deployment import FULL, SHORT
from local.chaos.evidence import Evidence
from local.chaos.run import Outcome, run
from local.process import run_command

_SHOWN = 40


def main(arguments: Sequence[str]) -> int:
    flags = _parser().parse_args(arguments)
    return run_command(lambda: _run(flags))


def _run(flags: argparse.Namespace) -> int:
    count = flags.messages or (60 if flags.short else 500)
    began = time.monotonic()
    outcome = run(count, flags.seed, SHORT if flags.short else FULL, lambda line: print(f"  {line}", flush=True))
    wrong = findings(outcome.evidence)
    print(report(outcome, wrong))
    print(f"\n{count} messages, seed {flags.seed}, {time.monotonic() - began:.0f} s: {len(wrong)} differences")
    if wrong:
        print(f"the injected faults and the functions' logs: {FOLDER}")
    return 1 if wrong else 0


def report(outcome: Outcome, wrong: Sequence[tuple[str, str]]) -> str:
    """The tables of injected faults and findings."""
    lines = ["", "Injected faults and how they were handled:"]
    for group, counts in outcome.injected.items():
        lines.append(f"\n  {group}")
        lines += [f"    {number:>6}  {name}" for name, number in sorted(counts.items())]
    found = Counter(check for check, _ in wrong)
    lines.append("\nFindings:\n")
    lines += [f"    {found[check]:>6}  {check:<16} {meaning}" for check, meaning in CHECKS.items()]
    lines.append(f"\nTracking objective: {_tracked(outcome.evidence)}")
    lines += [f"\n  {check}: {line}" for check, line in wrong[:_SHOWN]]
    if len(wrong) > _SHOWN:
        lines.append(f"\n  and {len(wrong) - _SHOWN} more")
    return "\n".join(lines)


def _tracked(evidence: Evidence) -> str:
    """The tracking objective: the share of taken messages with the right final status, and the delay until then."""
    taken = sum(len(each["messages"]) for each in evidence.ledgers.values())
    waits = list(_known_after(evidence))
    share = f"{len(waits)} of {taken} messages that a provider took have the right final status"
    if len(waits) < 2:  # noqa: PLR2004 - quantiles need two
        return share
    slowest = quantiles(waits, n=100, method="inclusive")[98]
    return (
        f"{share} ({100 * len(waits) / taken:.1f} %), "
        f"known after {median(waits):.1f} s (median) and {slowest:.1f} s (99 of 100)"
    )


def _known_after(evidence: Evidence) -> Iterator[float]:
    for provider, found in evidence.ledgers.items():
        for entry in found["messages"]:
            taken = ledger.taken_message(provider, entry)
            for record in evidence.records.get(entry["to"], []):
                if record["final"] and record["status"] == taken.expected:
                    yield _seconds(record)


def _seconds(record: Mapping[str, Any]) -> float:
    """From the record's creation to the first report with its final status."""
    matching = [report["received_at"] for report in record["reports"] if report["status"] == record["status"]]
    known = min(matching, default=record["updated_at"])
    return (datetime.fromisoformat(known) - datetime.fromisoformat(record["created_at"])).total_seconds()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("--messages", type=int, metavar="N", help="messages to send (500; 60 with --short)")
    parser.add_argument("--seed", type=int, default=1, help="seed of every random choice (1)")
    parser.add_argument("--short", action="store_true", help="no hanging providers, short waits: one or two minutes")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The tracking objective: the share of taken messages with the right final status, and the delay until then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from statistics import median, quantiles
from typing import Any

from local import ledger
from local.chaos.evidence import Evidence


def tracked(evidence: Evidence) -> str:
    """A sentence about all messages of the run, by the providers' ledgers."""
    taken = sum(len(each["messages"]) for each in evidence.ledgers.values())
    waits = list(_known_after(evidence))
    if len(waits) < 2:  # noqa: PLR2004 - a distribution has at least two
        return f"{len(waits)} of {taken} messages that a provider took have the right final status"
    return (
        f"{len(waits)} of {taken} messages that a provider took have the right final status "
        f"({100 * len(waits) / taken:.1f} %), known after {median(waits):.1f} s (median) and "
        f"{quantiles(waits, n=100, method='inclusive')[98]:.1f} s (99 of 100)"
    )


def _known_after(evidence: Evidence) -> Iterator[float]:
    for provider, found in evidence.ledgers.items():
        for entry in found["messages"]:
            taken = ledger.of(provider, entry)
            for record in evidence.records.get(entry["to"], []):
                if record["final"] and record["status"] == taken.expected:
                    yield _seconds(record)


def _seconds(record: Mapping[str, Any]) -> float:
    """From the record's creation to the first report with its final status."""
    matching = [report["received_at"] for report in record["reports"] if report["status"] == record["status"]]
    known = min(matching, default=record["updated_at"])
    return (datetime.fromisoformat(known) - datetime.fromisoformat(record["created_at"])).total_seconds()

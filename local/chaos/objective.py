"""The objective, measured: of the messages that a provider took, how many have the right final status, and how soon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from statistics import median, quantiles
from typing import Any

from local import ledger
from local.chaos.verdict import Evidence


def tracked(evidence: Evidence) -> str:
    """A sentence about all messages of the run, by the providers' own books."""
    taken = sum(len(books["messages"]) for books in evidence.books.values())
    waits = list(_known_after(evidence))
    if len(waits) < 2:  # noqa: PLR2004 - a distribution has at least two
        return f"{len(waits)} of {taken} messages that a provider took have the right final status"
    return (
        f"{len(waits)} of {taken} messages that a provider took have the right final status "
        f"({100 * len(waits) / taken:.1f} %), known after {median(waits):.1f} s (median) and "
        f"{quantiles(waits, n=100, method='inclusive')[98]:.1f} s (99 of 100)"
    )


def _known_after(evidence: Evidence) -> Iterator[float]:
    for provider, books in evidence.books.items():
        for entry in books["messages"]:
            truth = ledger.of(provider, entry)
            for record in evidence.records.get(entry["to"], []):
                if record["final"] and record["status"] == truth.expected:
                    yield _seconds(record)


def _seconds(record: Mapping[str, Any]) -> float:
    """From the record's creation to the first report that said what it ended as."""
    said = [report["received_at"] for report in record["reports"] if report["status"] == record["status"]]
    known = min(said, default=record["updated_at"])
    return (datetime.fromisoformat(known) - datetime.fromisoformat(record["created_at"])).total_seconds()

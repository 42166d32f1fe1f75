"""The providers' own truth beside our records and the events that consumers received.

The truth is read over HTTP and judged by the simulators' own tables. No service code is imported, so that a mistake
there cannot hide here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from local import simulators

FAILURES = {"canceled", "expired", "failed", "undelivered"}


@dataclass(frozen=True, slots=True)
class Taken:
    """One message that a provider took. ``expected`` is the status that follows from what the handset knows."""

    provider: str
    provider_id: str
    message_id: str
    expected: str
    times: int


def taken(provider: str, url: str) -> list[Taken]:
    """Everything that one simulator took, from its own books."""
    return [of(provider, entry) for entry in books(url)["messages"]]


def books(url: str) -> dict[str, Any]:
    """All that a simulator wrote down: ``messages`` with their callbacks, and ``posts``, the requests to send."""
    return dict(httpx.get(f"{url}/_truth", timeout=30).raise_for_status().json())


def of(provider: str, entry: Mapping[str, Any]) -> Taken:
    """One message of a simulator's books."""
    simulator, truth = simulators.load(provider), entry["truth"]
    return Taken(
        provider=provider,
        provider_id=entry["id"],
        message_id=simulator.message_id(entry),
        expected=simulator.status(truth["word"], truth["code"]),
        times=entry["times_taken"],
    )


def differences(
    records: Mapping[str, Mapping[str, Any]], truth: Sequence[Taken], events: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """One line for each thing on which providers, records (by message id) and received events do not agree."""
    by_message: dict[str, list[Taken]] = {}
    for each in truth:
        by_message.setdefault(each.message_id, []).append(each)
    for message_id in sorted(by_message.keys() - records.keys()):
        yield f"{message_id}: a provider took it and there is no record"
    for message_id, record in records.items():
        yield from _against_truth(record, by_message.get(message_id, []))
        yield from _against_events(record, [event for event in events if event["message_id"] == message_id])


def _against_truth(record: Mapping[str, Any], truth: Sequence[Taken]) -> Iterator[str]:
    name, status = record["message_id"], record["status"]
    if not truth:
        if status != "failed" or record["provider_message_id"]:
            yield f"{name}: no provider took it, the record says {status}"
        return
    if len(truth) > 1 or truth[0].times > 1:
        yield f"{name}: sent more than once"
    if status != truth[0].expected:
        yield f"{name}: the record says {status}, the provider's truth is {truth[0].expected}"
    if record["provider_message_id"] != truth[0].provider_id:
        yield f"{name}: the record names another message of the provider"


def _against_events(record: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    name, status = record["message_id"], record["status"]
    newest = max(events, key=lambda event: int(event["version"]), default=None)
    if status in FAILURES and (newest is None or newest["status"] != status):
        yield f"{name}: {status}, and no event says so"
    if newest is not None and newest["status"] in FAILURES and status not in FAILURES:
        yield f"{name}: {status}, and the newest event still says {newest['status']}"
    if newest is not None and newest["version"] > record["version"]:
        yield f"{name}: an event has a version that the record never had"

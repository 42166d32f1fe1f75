"""Compare the providers' ledgers with our records and the events that consumers received.

The ledgers are read over HTTP and interpreted by the simulators' own tables. No service code is imported, so that a
mistake there is found here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from local import simulators

FAILURES = {"canceled", "expired", "failed", "undelivered"}


@dataclass(frozen=True, slots=True)
class Taken:
    """One message that a provider took. ``expected`` is our status for the handset's final state.

    For a provider without look-ups it follows from the reports that we acknowledged.
    """

    provider: str
    provider_id: str
    message_id: str
    expected: str
    times: int
    charged: str | None = None


def taken(provider: str, url: str) -> list[Taken]:
    """Every message that one simulator took, from its ledger."""
    return [taken_message(provider, entry) for entry in read_ledger(url)["messages"]]


def read_ledger(url: str) -> dict[str, Any]:
    """A simulator's ledger: ``messages`` with their callbacks, and ``posts``, the requests to send."""
    return dict(httpx.get(f"{url}/_ledger", timeout=30).raise_for_status().json())


def taken_message(provider: str, entry: Mapping[str, Any]) -> Taken:
    simulator, end = simulators.load(provider), known_end(provider, entry)
    return Taken(
        provider=provider,
        provider_id=entry["id"],
        message_id=simulator.message_id(entry),
        expected=simulator.status(end["word"], end["code"]) if end else "unknown",
        times=entry["times_taken"],
        charged=entry.get("charged"),
    )


def known_end(provider: str, entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The final ``word`` and ``code`` that the service can know: the handset's, if it was reported or can be read.

    Otherwise the last final report; None without one.
    """
    simulator = simulators.load(provider)
    handset: Mapping[str, Any] = entry["handset"]
    if simulator.readable:
        return handset
    answered = [each for each in entry["callbacks"] if httpx.codes.is_success(each["status"] or 0)]
    reported = [(each["word"], each["code"]) for each in answered]
    if (handset["word"], handset["code"]) in reported:
        return handset
    return next((each for each in reversed(answered) if each["word"] in simulator.statuses), None)


def differences(
    records: Mapping[str, Mapping[str, Any]], found: Sequence[Taken], events: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """One line for each disagreement between ledgers, records (by message id) and received events."""
    by_message: dict[str, list[Taken]] = {}
    for each in found:
        by_message.setdefault(each.message_id, []).append(each)
    for message_id in sorted(by_message.keys() - records.keys()):
        yield f"{message_id}: a provider took it and there is no record"
    for message_id, record in records.items():
        yield from _against_ledger(record, by_message.get(message_id, []))
        yield from _against_events(record, [event for event in events if event["message_id"] == message_id])


def _against_ledger(record: Mapping[str, Any], found: Sequence[Taken]) -> Iterator[str]:
    name, status = record["message_id"], record["status"]
    if not found:
        if status != "failed" or record["provider_message_id"]:
            yield f"{name}: no provider took it, the record says {status}"
        return
    if len(found) > 1 or found[0].times > 1:
        yield f"{name}: sent more than once"
    if status != found[0].expected:
        yield f"{name}: the record says {status}, expected is {found[0].expected}"
    if record["provider_message_id"] != found[0].provider_id and not has_unknown_id(record, found[0]):
        yield f"{name}: the record names another message of the provider"
    if cost := other_cost(record, found[0]):
        yield f"{name}: it costs {cost} by the record, {found[0].charged} by the provider"


def other_cost(record: Mapping[str, Any], found: Taken) -> str | None:
    """The record's cost if it is known and differs from the provider's charge."""
    known = record.get("cost", {}).get(str(record.get("attempt")))
    if known is None or record["provider_message_id"] != found.provider_id:
        return None
    amount, currency = (found.charged or "0 none").split(" ")
    same = (Decimal(known["amount"]), known["currency"]) == (Decimal(amount), currency)
    return None if same else f"{known['amount']} {known['currency']}"


def has_unknown_id(record: Mapping[str, Any], found: Taken) -> bool:
    """Whether the record lacks the provider's id because neither an answer nor a report with it arrived."""
    return record["provider_message_id"] is None and found.expected == "unknown"


def _against_events(record: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    name, status = record["message_id"], record["status"]
    newest = max(events, key=lambda event: int(event["version"]), default=None)
    if status in FAILURES and (newest is None or newest["status"] != status):
        yield f"{name}: {status}, without an event of that status"
    if newest is not None and newest["status"] in FAILURES and status not in FAILURES:
        yield f"{name}: {status}, but the newest event has status {newest['status']}"
    if newest is not None and newest["version"] > record["version"]:
        yield f"{name}: an event has a version that the record never had"

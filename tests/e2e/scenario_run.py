"""Every course of a message through every provider at once, to its end, with all that came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from local import ledger
from local.observe import Queue
from local.simulators.scenario import TABLE
from local.stack import Stack
from tests.e2e import provider, watch
from tests.e2e.provider import Simulator, number

TEXT = "Your parcel 7f3a is waiting"
WITHOUT_END = {"silent", "unavailable", "hang", "throttled", "locked-out"}
"""Courses after which nobody knows, or in which nothing is sent."""
_SLOW = {"slow", "throttled-once"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message and the course that its recipient's last digits choose."""

    provider: str
    course: str
    to: str

    def __str__(self) -> str:
        return f"{self.provider}-{self.course}"


CASES = [
    Case(provider=name, course=scenario.name, to=number(scenario.digits))
    for scenario in TABLE
    if scenario.name not in WITHOUT_END
    for name in provider.NAMES
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRun:
    """What the client, the providers' books and the consumers of events saw."""

    answers: Mapping[Case, httpx.Response]
    while_open: Mapping[Case, httpx.Response]
    """The answers to the same requests, asked again while their providers had not answered."""
    records: Mapping[Case, Mapping[str, Any]]
    truth: Mapping[str, ledger.Taken]
    """By message id."""
    events: list[dict[str, Any]]
    digests: list[str]

    def events_of(self, case: Case) -> list[dict[str, Any]]:
        """Oldest version first, once each."""
        mine = {
            event["detail"]["version"]: event["detail"]
            for event in self.events
            if event["detail"]["message_id"] == self.records[case]["message_id"]
        }
        return [mine[version] for version in sorted(mine)]

    def differences(self, case: Case) -> list[str]:
        """Where our record and events do not agree with the provider's books."""
        record = self.records[case]
        truth = [each for each in self.truth.values() if each.message_id == record["message_id"]]
        return list(ledger.differences({record["message_id"]: record}, truth, self.events_of(case)))


def send(api: httpx.Client, case: Case) -> httpx.Response:
    """The request of a case; the same each time."""
    message = {"to": case.to, "body": TEXT, "provider": case.provider, "reference": str(case)}
    return api.post("/messages", json=message, headers={"idempotency-key": f"journey-{case}"})


def run_all(stack: Stack, api: httpx.Client, simulators: Mapping[str, Simulator]) -> ScenarioRun:
    """Send all, wait until nothing is under way any more, and collect."""
    events, digests = stack.observe_events(name="journey-events"), stack.observe_digests(name="journey-digests")
    hanging = [case for case in CASES if case.course == "timeout"]
    with ThreadPoolExecutor(len(CASES)) as pool:
        sent = {}
        for case in hanging:
            before = simulators[case.provider].posts_so_far()
            sent[case] = pool.submit(send, api, case)
            simulators[case.provider].wait_for_post(before)
        while_open = {case: send(api, case) for case in hanging}
        rest = sorted((case for case in CASES if case not in hanging), key=lambda case: case.course not in _SLOW)
        sent |= {case: pool.submit(send, api, case) for case in rest}
        answers = {case: sent[case].result() for case in CASES}
    for simulator in simulators.values():
        simulator.idle()
    watch.drained(stack)
    records = {case: api.get(answers[case].headers["location"]).raise_for_status().json() for case in CASES}
    return ScenarioRun(
        answers=answers,
        while_open=while_open,
        records=records,
        truth={each.message_id: each for name, url in stack.simulator_urls.items() for each in ledger.taken(name, url)},
        events=_events(events, [record for record in records.values() if record["outcome"] == "failure"]),
        digests=_digests(digests, [record for record in records.values() if record["outcome"] == "failure"]),
    )


def _events(queue: Queue, failed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything on the bus, once every failure's own version has come."""
    wanted = {(record["message_id"], record["status"]) for record in failed}
    received: list[dict[str, Any]] = []

    def complete() -> bool:
        received.extend(json.loads(body) for body in queue.drain(wait_seconds=2))
        return wanted <= {(event["detail"]["message_id"], event["detail"]["status"]) for event in received}

    watch.eventually(complete, "not every failure has an event")
    return received


def _digests(queue: Queue, failed: list[dict[str, Any]]) -> list[str]:
    """Every notification, once each kind of failure was told of."""
    wanted = {heading(record) for record in failed}
    received: list[str] = []

    def complete() -> bool:
        received.extend(queue.drain(wait_seconds=2))
        return all(any(each in text for text in received) for each in wanted)

    watch.eventually(complete, "not every kind of failure was told to people")
    return received


def heading(record: Mapping[str, Any]) -> str:
    """How a digest heads the paragraph of such a failure."""
    failure = record["failure"]
    code = f", code {failure['code']}" if failure["code"] else ""
    return f" x {record['provider']}, {failure['reason']}{code}\n"

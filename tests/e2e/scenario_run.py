"""Run every scenario through every provider at once, to its end, and collect the results."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from local import ledger
from local.simulators.scenario import TABLE
from local.stack import Stack
from tests.e2e import provider, watch
from tests.e2e.provider import Simulator, number

TEXT = "Your parcel 7f3a is waiting"
WITHOUT_END = {"silent", "unavailable", "hang", "throttled", "locked-out"}
"""Scenarios without a final status or without a send."""
_SLOW = {"slow", "throttled-once"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message and its scenario, chosen by the recipient's last digits."""

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
    """Results at the client, in the providers' ledgers and at the consumers of events."""

    answers: Mapping[Case, httpx.Response]
    while_open: Mapping[Case, httpx.Response]
    """The answers to repeated requests while the providers had not answered."""
    records: Mapping[Case, Mapping[str, Any]]
    taken: Mapping[str, ledger.Taken]
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
        """The disagreements of record and events with the provider's ledger."""
        record = self.records[case]
        taken = [each for each in self.taken.values() if each.message_id == record["message_id"]]
        return list(ledger.differences({record["message_id"]: record}, taken, self.events_of(case)))


def send(api: httpx.Client, case: Case) -> httpx.Response:
    """Send the request of a case, the same each time."""
    message = {"to": case.to, "body": TEXT, "provider": case.provider, "reference": str(case)}
    return api.post("/messages", json=message, headers={"idempotency-key": f"scenarios-{case}"})


def run_all(stack: Stack, api: httpx.Client, simulators: Mapping[str, Simulator]) -> ScenarioRun:
    """Send all, wait until everything settles, and collect the results."""
    events, digests = stack.observe_events(name="scenarios-events"), stack.observe_digests(name="scenarios-digests")
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
    failed = [record for record in records.values() if record["outcome"] == "failure"]
    ended = {(record["message_id"], record["status"]) for record in failed}
    headings = {heading(record) for record in failed}
    return ScenarioRun(
        answers=answers,
        while_open=while_open,
        records=records,
        taken={each.message_id: each for name, url in stack.simulator_urls.items() for each in ledger.taken(name, url)},
        events=watch.events(
            events,
            lambda seen: ended <= {(each["message_id"], each["status"]) for each in seen},
            "not every failure has an event",
        ),
        digests=watch.collected(
            digests, lambda texts: all(each in "".join(texts) for each in headings), "a kind of failure is missing"
        ),
    )


def heading(record: Mapping[str, Any]) -> str:
    """The heading of such a failure in a digest."""
    failure = record["failure"]
    code = f", code {failure['code']}" if failure["code"] else ""
    return f" x {record['provider']}, {failure['reason']}{code}\n"

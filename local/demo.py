"""`make demo`: send through every provider on the local stack, follow every message to its end, check, exit.

PROVIDERS=aws sends through that one, or a comma-separated list of them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import httpx

from local import ledger, simulators
from local.observe import Queue
from local.process import StackError, run_command
from local.stack import Stack

CASES = {
    "00": "delivered",
    "01": "undelivered, with a code",
    "02": "expired",
    "04": "slow",
    "05": "every report twice, last first",
    "06": "reports before the answer",
    "07": "send times out, but was taken",
    "09": "number refused",
    "10": "recipient opted out",
    "15": "a forged report of delivery",
    "18": "undelivered, then delivered after all",
}
"""By the recipient's last two digits, which choose the simulated provider's scenario (local/simulators/scenario.py)."""
_SLOW_CORRECTION = {"to": "+31612345618", "script": {"like": "corrected", "delay": 40}}
"""The delay between the reports lets both the failure and its correction be published."""
_TIMEOUT = 60.0
_POLL_SECONDS = 0.25
_FINAL_REFUSAL = 422


@dataclass(frozen=True, slots=True)
class Case:
    """One message of the demo."""

    provider: str
    about: str
    to: str


def cases(providers: Sequence[str]) -> list[Case]:
    return [Case(provider, about, f"+316123456{digits}") for digits, about in CASES.items() for provider in providers]


def main() -> int:
    """Run the demo on a new stack; returns the exit code."""
    chosen = os.environ.get("PROVIDERS") or ",".join(simulators.names())
    providers = chosen.split(",")
    if unknown := sorted(set(providers) - set(simulators.names())):
        raise StackError(f"PROVIDERS has no {', '.join(unknown)}; there are {', '.join(simulators.names())}")
    parameters = {"Providers": chosen, "DefaultProvider": providers[0]}
    with Stack(parameters=parameters, progress=lambda line: print(f"  {line}", flush=True)) as stack:
        return _run(stack, providers)


def _run(stack: Stack, providers: Sequence[str]) -> int:
    for url in stack.simulator_urls.values():
        httpx.put(f"{url}/_control/scenario", json=_SLOW_CORRECTION).raise_for_status()
    events, digests = stack.observe_events(), stack.observe_digests()
    key = stack.create_key("demo", {"send", "read"})
    stack.warm_up(key)
    # The emulator has no batch windows: pausing the digest until the end replaces its minute.
    with stack.paused("digest"):
        records = _send_and_watch(stack, key, cases(providers))
        for case, record in records:
            print(_timeline(case.about, record))
        received = _received(events, {record["message_id"]: record for _, record in records})
    return _check(stack, [record for _, record in records], received, digests)


def _send_and_watch(stack: Stack, key: str, wanted: Sequence[Case]) -> list[tuple[Case, dict[str, Any]]]:
    """Send all at once and poll until each has its last status; raises ``StackError`` after a time-out."""
    print(f"\nSending {len(wanted)} messages\n")
    pool = ThreadPoolExecutor(len(wanted))
    try:
        with httpx.Client(base_url=stack.api_url, headers={"authorization": f"Bearer {key}"}, timeout=40) as api:
            answers = [pool.submit(_send, api, case, number) for number, case in enumerate(wanted)]
            return _watch(api, wanted, answers, partial(_corrected, stack))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _watch(
    api: httpx.Client,
    wanted: Sequence[Case],
    answers: Sequence[Future[str]],
    corrected: Callable[[Sequence[Mapping[str, Any]]], bool],
) -> list[tuple[Case, dict[str, Any]]]:
    screen = _Screen([f"{case.provider:<12} {case.about}" for case in wanted])
    deadline = time.monotonic() + _TIMEOUT
    while True:
        records = [_fetch(api, answer) for answer in answers]
        screen.show([_state(record) for record in records])
        known = [(case, record) for case, record in zip(wanted, records, strict=True) if record and record["final"]]
        late = time.monotonic() > deadline
        if len(known) == len(wanted) and (late or corrected([record for _, record in known])):
            return known
        if late:
            open_cases = [each.about for each in wanted if each not in dict(known)]
            raise StackError(f"no final status within {_TIMEOUT:.0f} s: {'; '.join(open_cases)}")
        time.sleep(_POLL_SECONDS)


def _corrected(stack: Stack, records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every record has its expected status: a delivery may still follow a final failure."""
    by_id = {record["message_id"]: record for record in records}
    return not any("expected is" in line for line in ledger.differences(by_id, _taken(stack), []))


def _taken(stack: Stack) -> list[ledger.Taken]:
    return [each for name, url in stack.simulator_urls.items() for each in ledger.taken(name, url)]


def _send(api: httpx.Client, case: Case, number: int) -> str:
    """One POST /messages; returns the message id of the answer, a 202 or a refusal."""
    message = {
        "to": case.to,
        "body": f"Hello from the demo, {case.about}",
        "provider": case.provider,
        "reference": f"demo-{number}",
    }
    answer = api.post("/messages", json=message, headers={"idempotency-key": f"demo-{number}"})
    if answer.status_code not in (httpx.codes.ACCEPTED, _FINAL_REFUSAL):
        raise StackError(f"POST /messages answered {answer.status_code}: {answer.text}")
    return str(answer.json()["message_id"])


def _fetch(api: httpx.Client, answer: Future[str]) -> dict[str, Any] | None:
    if not answer.done():
        return None
    found = api.get(f"/messages/{answer.result()}").raise_for_status().json()
    return dict(found)


def _state(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "sending"
    failure = record["failure"]
    return f"{record['status']} ({failure['reason']})" if failure else str(record["status"])


def _check(
    stack: Stack, records: Sequence[Mapping[str, Any]], received: Sequence[Mapping[str, Any]], digests: Queue
) -> int:
    """Print the received events and notifications, compare everything with the providers' ledgers, print the result."""
    by_id = {record["message_id"]: record for record in records}
    print(f"\nEvents on the bus: {len(received)}")
    for event in sorted(received, key=lambda event: (event["message_id"], event["version"])):
        corrects = f", corrects {event['corrects']}" if event["corrects"] else ""
        print(f"  {event['message_id']} v{event['version']} {event['status']} ({event['outcome']}{corrects})")
    failed = {event["message_id"] for event in received if event["outcome"] == "failure"}
    notified = _notifications(digests, failed)
    print("\nNotifications:\n")
    print("  " + notified.replace("\n", "\n  "))
    taken = _taken(stack)
    wrong = list(ledger.differences(by_id, taken, received))
    wrong += [f"{each}: no notification of its failure" for each in sorted(failed) if each not in notified]
    for line in wrong:
        print(f"WRONG: {line}", file=sys.stderr)
    print(
        f"\n{len(records)} messages, {len(taken)} taken by the providers, {len(wrong)} differences from their ledgers"
    )
    return 1 if wrong else 0


def _notifications(digests: Queue, failed: set[str]) -> str:
    """The notifications' texts, once each failure is in one of them, or after the time-out."""
    texts: list[str] = []
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline and not all(message_id in "".join(texts) for message_id in failed):
        texts += digests.drain(wait_seconds=1)
    return "\n\n".join(texts)


def _received(events: Queue, records: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The events of these messages, once each; waits for missing ones."""
    received: dict[tuple[str, int], dict[str, Any]] = {}
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        for body in events.drain(wait_seconds=1):
            detail = json.loads(body)["detail"]
            received[detail["message_id"], detail["version"]] = detail
        if not any("event" in line for line in ledger.differences(records, [], list(received.values()))):
            break
    return list(received.values())


class _Screen:
    """A table with a fixed label and a changing state in each row."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._width = max(map(len, labels))
        self._shown: list[str] | None = None

    def show(self, states: Sequence[str]) -> None:
        """Redraw the table on a terminal; elsewhere print only changed rows."""
        rows = [f"  {label:<{self._width}}  {state}" for label, state in zip(self._labels, states, strict=True)]
        if sys.stdout.isatty():
            up = f"\x1b[{len(rows)}A" if self._shown else ""
            print(up + "\n".join(f"\x1b[2K{row}" for row in rows), flush=True)
        else:
            for row in rows:
                if row not in (self._shown or []):
                    print(row, flush=True)
        self._shown = rows


def _timeline(about: str, record: Mapping[str, Any]) -> str:
    """A message's reports as lines, each with the seconds since it was recorded."""
    start = datetime.fromisoformat(record["created_at"])
    lines = [f"\n{record['message_id']}  {record['provider']}: {about}", f"  {0:7.3f}s  recorded"]
    for report in record["reports"]:
        seconds = (datetime.fromisoformat(report["received_at"]) - start).total_seconds()
        code = f" {report['code']}" if report["code"] else ""
        text = f" ({report['message']})" if report["message"] else ""
        lines.append(f"  {seconds:7.3f}s  {report['source']:<8}  {report['provider_status']}{code}{text}")
    failure = record["failure"]
    why = f": {failure['reason']}, {failure['category']}" if failure else ""
    lines.append(f"  {'':8}  => {record['status']}{why}, version {record['version']}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_command(main))

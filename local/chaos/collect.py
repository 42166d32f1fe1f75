"""Collect evidence for the checks (records as a client sees them, failure queues) and logs to explain a finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from local.chaos.replies import NUMBER, Person
from local.deploy import BUILD
from local.process import StackError
from local.stack import Stack
from ops.queues import QUEUES
from sms_tracker.aws.limits import LIMITS_PREFIX

FOLDER = BUILD / "logs-chaos"
_FUNCTIONS = ("send", "webhook", "processor", "publisher", "reconciler", "inbound")
_PAGE = 100


def failure_queues(stack: Stack) -> dict[str, list[str]]:
    """The bodies in each failure queue, by the stack output with its URL."""
    return {name: _received_from(stack, name) for name in QUEUES.values()}


def records(url: str, key: str) -> dict[str, list[dict[str, Any]]]:
    """Every record, by recipient."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    query: dict[str, str | int] = {"limit": _PAGE}
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=40, trust_env=False) as api:
        while True:
            page = api.get("/messages", params=query).raise_for_status().json()
            for record in page["messages"]:
                found[record["to"]].append(record)
            if page["cursor"] is None:
                return dict(found)
            query["cursor"] = page["cursor"]


def blocked(url: str, key: str, people: Sequence[Person]) -> frozenset[str]:
    """The people's numbers to which a send is refused, as an administrator sees them."""
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=40, trust_env=False) as api:
        pairs = ((each.number, {"to": each.number, "provider": each.provider, "from": NUMBER}) for each in people)
        answers = ((number, api.get("/opt-outs", params=query).raise_for_status()) for number, query in pairs)
        return frozenset(number for number, answer in answers if answer.json()["opt_outs"][0]["blocked"])


def counted(stack: Stack) -> int:
    """The messages that the daily limits count, of all clients and days."""
    pages = stack.clients.dynamodb.get_paginator("scan").paginate(TableName=stack.deployment.outputs["StateTableName"])
    keyed = ((item["pk"]["S"], item) for page in pages for item in page["Items"])
    return sum(int(item["d"]["N"]) for key, item in keyed if key.startswith(f"{LIMITS_PREFIX}client#"))


def _received_from(stack: Stack, name: str) -> list[str]:
    sqs, url = stack.clients.sqs, stack.deployment.outputs.get(name)
    if url is None:
        raise StackError(f"the template has no output {name}")
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", []):
        bodies += [message["Body"] for message in messages]
    return bodies


class RunLog:
    """``faults.log`` during a run, and one file for each function at its end."""

    def __init__(self, folder: Path = FOLDER) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._faults = folder, folder / "faults.log"
        self._faults.write_text("")

    def note(self, text: str) -> None:
        with self._faults.open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {text}\n")

    def save_function_logs(self, stack: Stack) -> None:
        for name in _FUNCTIONS:
            (self._folder / f"{name}.log").write_text("\n".join(stack.logs(name)))

"""Wait, with a bound, for asynchronous results, and read the service's queues."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx

from local.observe import Queue
from local.stack import Stack

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

_T = TypeVar("_T")
SECONDS = 45.0
_LOOK_EVERY = 0.05
_LONGEST_POLL = 20
_WAITING: Final = "ApproximateNumberOfMessages"
_IN_FLIGHT: Final = "ApproximateNumberOfMessagesNotVisible"


def eventually(look: Callable[[], _T | None], what: str, *, seconds: float = SECONDS, every: float = _LOOK_EVERY) -> _T:
    """Poll until ``look`` returns something true, and return it; ``every`` is the pause in seconds."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(every)
    return found


def held(stack: Stack, queue: str) -> int:
    """How many messages the queue of that output holds, visible or in flight, but not delayed."""
    return held_at(stack, stack.deployment.outputs[queue])


def held_at(stack: Stack, url: str) -> int:
    attributes = stack.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[_WAITING, _IN_FLIGHT])
    return sum(int(each) for each in attributes["Attributes"].values())


def drained(stack: Stack) -> None:
    """Wait until the processor has handled every report."""
    eventually(lambda: held(stack, "ReportsQueueUrl") == 0, "the reports' queue is not empty")


def bodies(stack: Stack, queue: str) -> list[str]:
    """What the queue of that output holds; every message stays, visible again at once."""
    url, sqs = stack.deployment.outputs[queue], stack.clients.sqs
    taken: list[MessageTypeDef] = []
    while found := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30, WaitTimeSeconds=0
    ).get("Messages"):
        taken += found
    for each in taken:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0)
    return [each["Body"] for each in taken]


def found_in(stack: Stack, queue: str, text: str) -> MessageTypeDef:
    """Take the message with ``text`` in its body from the queue of that output; the others stay."""
    url, sqs = stack.deployment.outputs[queue], stack.clients.sqs
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=_LONGEST_POLL,
            VisibilityTimeout=2,
            MessageAttributeNames=["All"],
        )
        for message in answer.get("Messages", []):
            if text in message["Body"]:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return message
    raise AssertionError(f"{queue} holds no message with {text!r}")


def reason(message: MessageTypeDef) -> str:
    """The reason of a message in a failure queue."""
    return message["MessageAttributes"]["reason"]["StringValue"]


def collected(queue: Queue, complete: Callable[[list[str]], object], what: str) -> list[str]:
    """All that comes out of the queue until ``complete`` returns something true for it."""
    received: list[str] = []

    def look() -> bool:
        received.extend(queue.drain(wait_seconds=2))
        return bool(complete(received))

    eventually(look, what)
    return received


def events(queue: Queue, complete: Callable[[list[dict[str, Any]]], object], what: str) -> list[dict[str, Any]]:
    """The events from the queue until ``complete`` returns something true for their details."""

    def read(bodies: list[str]) -> list[dict[str, Any]]:
        return [dict(json.loads(body)) for body in bodies]

    return read(collected(queue, lambda bodies: complete([each["detail"] for each in read(bodies)]), what))


def event(queue: Queue, message_id: str, *, version: int | None = None) -> dict[str, Any]:
    """The details of the next event of the message (with that version); others are let go."""

    def mine(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in details if each["message_id"] == message_id and version in (None, each["version"])]

    found = events(queue, mine, f"no event of {message_id}")
    return mine([each["detail"] for each in found])[0]


def reconciled(stack: Stack, step: Mapping[str, str] | None = None) -> dict[str, int]:
    """What one run of the reconciler counted, started as by its schedule."""
    name = f"{stack.deployment.name}-reconciler"
    answer = stack.clients.functions.invoke(FunctionName=name, Payload=json.dumps(step or {}))
    done = json.loads(answer["Payload"].read())
    assert not answer.get("FunctionError"), done
    return dict(done)


def counted(stack: Stack) -> None:
    """Let the reconciler count the messages of this hour."""
    done = reconciled(stack, {"step": "statistics"})
    assert done["hour-previewed"] >= 1
    assert "failed" not in done


def final(api: httpx.Client, message_id: str, *, reports: int = 0) -> dict[str, Any]:
    """A message's record once its status is final, and so many reports are stored: an earlier one may come later."""

    def look() -> dict[str, Any] | None:
        found = api.get(f"/messages/{message_id}").raise_for_status().json()
        return dict(found) if found["final"] and len(found["reports"]) >= reports else None

    return eventually(look, f"{message_id} is not final")

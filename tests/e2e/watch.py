"""Wait, with a bound, for asynchronous results, and read the service's queues."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx

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
    attributes = stack.clients.sqs.get_queue_attributes(
        QueueUrl=stack.deployment.outputs[queue], AttributeNames=[_WAITING, _IN_FLIGHT]
    )["Attributes"]
    return int(attributes[_WAITING]) + int(attributes[_IN_FLIGHT])


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


def counted(stack: Stack) -> None:
    """Let the reconciler count the messages of this hour."""
    name = f"{stack.deployment.name}-reconciler"
    answer = stack.clients.functions.invoke(FunctionName=name, Payload=b'{"step": "statistics"}')
    done = json.loads(answer["Payload"].read())
    assert not answer.get("FunctionError"), done
    assert done["hour-previewed"] >= 1
    assert "failed" not in done


def final(api: httpx.Client, message_id: str, *, reports: int = 0) -> dict[str, Any]:
    """A message's record once its status is final, and so many reports are stored: an earlier one may come later."""

    def look() -> dict[str, Any] | None:
        found = api.get(f"/messages/{message_id}").raise_for_status().json()
        return dict(found) if found["final"] and len(found["reports"]) >= reports else None

    return eventually(look, f"{message_id} is not final")

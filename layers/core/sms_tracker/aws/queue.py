"""SQS queues: put one message and know that it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sms_tracker.aws.api import Api


class SqsQueue:
    """One queue behind :class:`sms_tracker.domain.ports.Queue`."""

    def __init__(self, sqs: Api, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        """One SendMessage; ``reason`` becomes the message attribute of that name."""
        arguments: dict[str, Any] = {"DelaySeconds": delay_seconds} if delay_seconds else {}
        if reason:
            arguments["MessageAttributes"] = {"reason": {"DataType": "String", "StringValue": reason}}
        self._sqs("SendMessage", QueueUrl=self._url, MessageBody=body, **arguments)

    def ping(self) -> None:
        """Raise unless the queue answers."""
        self._sqs("GetQueueAttributes", QueueUrl=self._url, AttributeNames=["QueueArn"])

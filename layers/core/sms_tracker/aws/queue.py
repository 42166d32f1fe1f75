"""SQS queues: put one message and know that it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sms_tracker.aws.errors import translate

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


class SqsQueue:
    """One queue behind :class:`sms_tracker.domain.ports.Queue`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        """One SendMessage; ``reason`` becomes the message attribute of that name."""
        arguments: dict[str, Any] = {"DelaySeconds": delay_seconds} if delay_seconds else {}
        if reason:
            arguments["MessageAttributes"] = {"reason": {"DataType": "String", "StringValue": reason}}
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=body, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise translate("SendMessage", error) from error

    def ping(self) -> None:
        """Raise unless the queue answers."""
        try:
            self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        except (ClientError, BotoCoreError) as error:
            raise translate("GetQueueAttributes", error) from error

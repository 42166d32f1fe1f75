"""SQS queues, SNS topics and the EventBridge bus. Each call returns once AWS has the message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sms_tracker.domain.errors import SmsTrackerError

if TYPE_CHECKING:
    from sms_tracker.aws.api import Api
    from sms_tracker.domain.bus import BusEvent

_ENTRIES, _BYTES = 10, 1_000_000
"""Limits of one PutEvents call: 10 entries and 1 MB, less a margin for the envelope."""
_REFUSED_BY_SQS = {0xFFFE: "\ufffd", 0xFFFF: "\ufffd"}
"""Characters of valid JSON that no SQS message may hold: a rule could put the event neither into its queue nor into the
DLQ. U+FFFD replaces them."""


class SqsQueue:
    """Implements :class:`sms_tracker.domain.ports.Queue` with one SQS queue."""

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
        """One GetQueueAttributes; raises if it fails."""
        self._sqs("GetQueueAttributes", QueueUrl=self._url, AttributeNames=["QueueArn"])


class SnsTopic:
    """Implements :class:`sms_tracker.domain.ports.Topic` with one SNS topic."""

    def __init__(self, sns: Api, arn: str) -> None:
        self._sns = sns
        self._arn = arn

    def publish(self, subject: str, text: str) -> None:
        """One Publish; ``subject`` is at most 100 ASCII characters, ``text`` at most 256 KiB."""
        self._sns("Publish", TopicArn=self._arn, Subject=subject, Message=text)


class EventBus:
    """Implements :class:`sms_tracker.domain.bus.Bus` with one EventBridge bus."""

    def __init__(self, events: Api, name: str) -> None:
        self._events = events
        self._name = name

    def put(self, events: Sequence[BusEvent]) -> list[str | None]:
        """For each event: None if the bus has it, else the error code. Never raises."""
        results: list[str | None] = []
        for batch in _batches(events):
            results += self._put_batch(batch)
        return results

    def _put_batch(self, batch: Sequence[BusEvent]) -> list[str | None]:
        entries = [
            {
                "EventBusName": self._name,
                "Source": event.source,
                "DetailType": event.detail_type,
                "Detail": event.detail.translate(_REFUSED_BY_SQS),
            }
            for event in batch
        ]
        try:
            answer = self._events("PutEvents", Entries=entries)
        except SmsTrackerError as error:
            return [str(error)] * len(batch)
        return [entry.get("ErrorCode") for entry in answer["Entries"]]


def _batches(events: Sequence[BusEvent]) -> Iterator[list[BusEvent]]:
    batch: list[BusEvent] = []
    for event in events:
        if batch and (len(batch) == _ENTRIES or sum(e.size for e in batch) + event.size > _BYTES):
            yield batch
            batch = []
        batch.append(event)
    if batch:
        yield batch

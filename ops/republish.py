"""Publish events again from the table. Consumers identify an event by message and version, so repeats are harmless."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from ops.records import earlier
from sms_tracker.domain.bus import Bus, BusEvent
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.ports import Messages
from sms_tracker.domain.record import Record
from sms_tracker.services.publish import PublishPolicy, bus_event

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_AT_ONCE = 100


def events(records: Iterable[Record], policy: PublishPolicy) -> Iterator[BusEvent]:
    """The event of each record's last change, if the policy publishes it."""
    for record in records:
        before = replace(record, state=earlier(record), version=record.version - 1)
        made = bus_event(before, record, policy)
        if made is not None:
            yield made


def publish(made: Iterator[BusEvent], bus: Bus) -> Iterator[int]:
    """Publish in batches, because a month may hold millions; yields the number published so far.

    Raises ``ValueError`` if the bus refuses one.
    """
    count = 0
    while some := [*islice(made, _AT_ONCE)]:
        refused = [why for why in bus.put(some) if why]
        if refused:
            raise ValueError(f"the bus refused {len(refused)} of {len(some)} after {count}: {refused[0]}; run it again")
        count += len(some)
        yield count


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpublished:
    """The queue ``publish-failed``: the event of each message in it is made again from the table.

    ``wait`` as in :class:`ops.queues.Redrive`.
    """

    sqs: SQSClient
    source: str
    messages: Messages
    bus: Bus
    policy: PublishPolicy
    wait: int = 1

    def run(self, limit: int) -> Iterator[tuple[bool, str]]:
        """Publish, then delete; yields whether the message is done, and a line about it.

        A message stays if it has no record (Lambda's pointer to a batch), or if its record cannot be read.
        """
        stay: list[str] = []
        for _ in range(limit):
            found = self.sqs.receive_message(QueueUrl=self.source, MaxNumberOfMessages=1, WaitTimeSeconds=self.wait)
            if not found.get("Messages"):
                break
            (message,) = found["Messages"]
            done, line = self._publish(message["Body"])
            if done:
                self.sqs.delete_message(QueueUrl=self.source, ReceiptHandle=message["ReceiptHandle"])
            else:
                stay.append(message["ReceiptHandle"])
            yield done, line
        for receipt in stay:  # made visible at the end, so that none is received twice
            self.sqs.change_message_visibility(QueueUrl=self.source, ReceiptHandle=receipt, VisibilityTimeout=0)

    def _publish(self, body: str) -> tuple[bool, str]:
        """Whether the message is done, and a line about it."""
        try:
            record = self._record(body)
        except SmsTrackerError as error:
            return False, f"left: {error}"
        if record is None:
            return False, "left: no record has its message id; use `republish` with its time"
        made = [*events([record], self.policy)]
        refused = [why for why in self.bus.put(made) if why]
        outcome = "published" if made else f"nothing to publish, its status is {record.state.status}"
        return not refused, f"{record.message_id}: {refused[0] if refused else outcome}"

    def _record(self, body: str) -> Record | None:
        try:
            return self.messages.get(json.loads(body)["dynamodb"]["Keys"]["message_id"]["S"])
        except (ValueError, LookupError, TypeError):
            return None

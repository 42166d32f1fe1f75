"""Scan a queue without a consumer for messages about one phone number."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.redrive import SOURCES
from sms_tracker.domain.spelling import spellings

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

QUEUES = {**SOURCES, "publish-failed": "PublishFailedQueueUrl"}
"""Queues without a consumer, by the stack output with their URL."""
REDRIVE_FIRST = ("reports-dlq", "inbound-dlq", "publish-failed")
"""Queues that hold pending work: a report to apply, a STOP, an event to publish."""
_HIDDEN = 900
"""Seconds that received messages stay hidden if the scan is interrupted."""
_BATCH = 10


def number_pattern(number: str) -> re.Pattern[str]:
    """Matches ``number`` (E.164) as providers write it: with +, with 00 or bare, but not inside a longer number."""
    digits = "|".join(each.removeprefix("+") for each in spellings(number))
    return re.compile(rf"(?<![0-9])(?:00)?(?:{digits})(?![0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueScan:
    """One scan of a queue, bounded by ``limit`` messages and ``seconds``; SQS allows 120,000 messages in flight.

    ``wait`` is the long poll in seconds, which makes SQS query all its servers.
    """

    sqs: SQSClient
    queue: str
    number: str
    wait: int = 1
    limit: int = 100_000
    seconds: float = _HIDDEN * 2 / 3

    def run(self, *, apply: bool) -> int:
        """How many messages contain the number. ``apply`` deletes them; the others become visible again.

        Raises ``ValueError`` if the queue exceeds the bounds.
        """
        pattern, found, others = number_pattern(self.number), 0, list[str]()
        try:
            for message in self._messages():
                found += (named := pattern.search(message["Body"]) is not None)
                if named and apply:
                    self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                else:
                    others.append(message["ReceiptHandle"])
        finally:
            self._show(others)
        return found

    def _messages(self) -> Iterator[MessageTypeDef]:
        """Each message once; an empty long poll ends the scan."""
        seen, end = set[str](), time.monotonic() + self.seconds
        while found := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=_BATCH, VisibilityTimeout=_HIDDEN, WaitTimeSeconds=self.wait
        ).get("Messages"):
            if len(seen) >= self.limit or time.monotonic() > end:
                self._show([message["ReceiptHandle"] for message in found])
                raise ValueError(f"the queue holds more than the {len(seen)} scanned messages; empty it first")
            yield from (message for message in found if message["MessageId"] not in seen)
            seen |= {message["MessageId"] for message in found}

    def _show(self, receipts: list[str]) -> None:
        for start in range(0, len(receipts), _BATCH):
            chunk = receipts[start : start + _BATCH]
            self.sqs.change_message_visibility_batch(
                QueueUrl=self.queue,
                Entries=[{"Id": str(n), "ReceiptHandle": each, "VisibilityTimeout": 0} for n, each in enumerate(chunk)],
            )

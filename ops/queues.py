"""The queues without a consumer: redrive their messages to the source queue, or scan them for a phone number."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sms_tracker.domain.report import spellings

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

TARGETS = {
    "unmatched": "ReportsQueueUrl",
    "reports-dlq": "ReportsQueueUrl",
    "inbound-dlq": "InboundQueueUrl",
    "failures-dlq": "FailuresQueueUrl",
    "failure-rule-dlq": "FailuresQueueUrl",
}
"""The target of each queue's messages, by the stack output with its URL."""
SOURCES = {
    "unmatched": "UnmatchedQueueUrl",
    "reports-dlq": "ReportsDlqUrl",
    "inbound-dlq": "InboundDlqUrl",
    "failures-dlq": "FailuresDlqUrl",
    "failure-rule-dlq": "FailureRuleDlqUrl",
}
QUEUES = {**SOURCES, "publish-failed": "PublishFailedQueueUrl"}
"""The queues without a consumer, by the stack output with their URL."""
REDRIVE_FIRST = ("reports-dlq", "inbound-dlq", "publish-failed")
"""Queues that hold pending work: a report to apply, a STOP, an event to publish."""
_BATCH = 10
_HIDDEN = 900
"""Seconds that received messages stay hidden if a scan is interrupted."""


def waiting(sqs: SQSClient, url: str) -> int:
    """The approximate number of messages in a queue."""
    answer: Any = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """Moves at most ``limit`` messages, ``rate`` a second. A message is deleted once the target has it.

    ``wait`` as in :class:`QueueScan`: without a long poll SQS may show an empty queue that is not.
    """

    sqs: SQSClient
    source: str
    target: str
    rate: float
    limit: int
    sleep: Callable[[float], None] = time.sleep
    wait: int = 1

    def run(self) -> Iterator[int]:
        """Move messages and yield their number so far; at most as many as the queue held at first: some may return."""
        moved, allowed = 0, min(self.limit, waiting(self.sqs, self.source))
        while moved < allowed:
            wanted = min(_BATCH, allowed - moved)
            found = self.sqs.receive_message(
                QueueUrl=self.source, MaxNumberOfMessages=wanted, WaitTimeSeconds=self.wait
            )
            if not found.get("Messages"):
                return
            for message in found["Messages"]:
                self.sqs.send_message(QueueUrl=self.target, MessageBody=message["Body"])
                self.sqs.delete_message(QueueUrl=self.source, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
                yield moved
                self.sleep(1 / self.rate)


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
        pattern, found, others = _number_pattern(self.number), 0, list[str]()
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


def _number_pattern(number: str) -> re.Pattern[str]:
    """Matches ``number`` (E.164) as providers write it: with +, with 00 or bare, but not inside a longer number."""
    digits = "|".join(each.removeprefix("+") for each in spellings(number))
    return re.compile(rf"(?<![0-9])(?:00)?(?:{digits})(?![0-9])")

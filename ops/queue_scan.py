"""Look through a queue that nothing consumes, and take out what is about one number."""

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
"""Queues that hold messages until somebody looks, as outputs of the stack."""
REDRIVE_FIRST = ("reports-dlq", "publish-failed")
"""What is in these is work that was not done yet: a report to apply, an event to publish."""
_HIDDEN = 900
"""Seconds for which what was looked at stays out of sight, should this program be stopped."""
_BATCH = 10


def names(number: str) -> re.Pattern[str]:
    """``number`` (E.164) as the providers write it: with +, with 00, or bare; never as a part of a longer one."""
    digits = "|".join(each.removeprefix("+") for each in spellings(number))
    return re.compile(rf"(?<![0-9])(?:00)?(?:{digits})(?![0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueScan:
    """At most ``limit`` messages and ``seconds`` of one queue; SQS hands out 120,000 at a time at most.

    ``wait`` is the long poll's seconds, by which SQS asks all of its servers.
    """

    sqs: SQSClient
    queue: str
    number: str
    wait: int = 1
    limit: int = 100_000
    seconds: float = _HIDDEN * 2 / 3

    def run(self, *, apply: bool) -> int:
        """How many name the number, deleted with ``apply``; all the rest is visible again at the end.

        Raises ``ValueError`` where there is more than it may look at.
        """
        pattern, found, others = names(self.number), 0, list[str]()
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
        """Each once; a long poll that comes back empty has asked everywhere."""
        seen, end = set[str](), time.monotonic() + self.seconds
        while found := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=_BATCH, VisibilityTimeout=_HIDDEN, WaitTimeSeconds=self.wait
        ).get("Messages"):
            if len(seen) >= self.limit or time.monotonic() > end:
                self._show([message["ReceiptHandle"] for message in found])
                raise ValueError(
                    f"the queue holds more than the {len(seen)} messages that were looked at; empty it first"
                )
            yield from (message for message in found if message["MessageId"] not in seen)
            seen |= {message["MessageId"] for message in found}

    def _show(self, receipts: list[str]) -> None:
        for start in range(0, len(receipts), _BATCH):
            chunk = receipts[start : start + _BATCH]
            self.sqs.change_message_visibility_batch(
                QueueUrl=self.queue,
                Entries=[{"Id": str(n), "ReceiptHandle": each, "VisibilityTimeout": 0} for n, each in enumerate(chunk)],
            )

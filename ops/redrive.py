"""Move messages from a queue back to its source queue: receive, send, delete, at a chosen rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

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
_BATCH = 10


def waiting(sqs: SQSClient, url: str) -> int:
    """The approximate number of messages in a queue."""
    name = "ApproximateNumberOfMessages"
    answer: Any = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"][name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """Moves at most ``limit`` messages, ``rate`` a second. A message is deleted once the target has it."""

    sqs: SQSClient
    source: str
    target: str
    rate: float
    limit: int
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> Iterator[int]:
        """Move messages and yield their number so far; at most as many as the queue held at first: some may return."""
        moved, allowed = 0, min(self.limit, waiting(self.sqs, self.source))
        while moved < allowed:
            wanted = min(_BATCH, allowed - moved)
            found = self.sqs.receive_message(QueueUrl=self.source, MaxNumberOfMessages=wanted)
            if not found.get("Messages"):
                return
            for message in found["Messages"]:
                self.sqs.send_message(QueueUrl=self.target, MessageBody=message["Body"])
                self.sqs.delete_message(QueueUrl=self.source, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
                yield moved
                self.sleep(1 / self.rate)

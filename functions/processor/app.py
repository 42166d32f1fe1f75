"""The processor Lambda: queued reports to their records."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from sms_tracker import providers
from sms_tracker.aws.json_client import api
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.aws.store import MessageStore
from sms_tracker.config import ProcessorConfig, TextRetention, load
from sms_tracker.log import Line, Log
from sms_tracker.services.process import Handled, QueueMessage, ReportProcessor

config = load(ProcessorConfig, os.environ)
log = Log(os.environ)
log.started(config)
sqs = api("sqs", failed=log.failed)
drain = ReportProcessor(
    messages=MessageStore(
        api("dynamodb", failed=log.failed),
        config.messages_table,
        keep_raw_reports=config.keep_raw_reports,
        drop_text=config.text_retention is TextRetention.UNTIL_FINAL,
    ),
    again=SqsQueue(sqs, config.reports_queue_url),
    unmatched=SqsQueue(sqs, config.unmatched_queue_url),
    dead=SqsQueue(sqs, config.reports_dlq_url),
    clock=lambda: datetime.now(UTC),
    each=ThreadPoolExecutor(8).map,  # more would wait for each other: ADR 11
)
for name in config.providers:
    providers.load(name)  # now, not within the first batch


@log.lines
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Drain one batch; what failed for now is named, so that only that comes again."""
    handled = drain.drain([QueueMessage(record["messageId"], record["body"]) for record in event["Records"]])
    line.count("ReportsReadFromQueue", len(event["Records"]))
    for each in handled:
        _count(each, line)
    line.measure("ReportAge", _oldest(handled), "Seconds")
    failed = [queue_id for each in handled if each.decision == "failed" for queue_id in each.queue_ids]
    line.level = "ERROR" if failed else "INFO"
    line.put(
        decision="failed-in-part" if failed else "handled",
        messages=[_told(each) for each in handled],
        failed=len(failed),
    )
    return {"batchItemFailures": [{"itemIdentifier": queue_id} for queue_id in failed]}


def _oldest(handled: Sequence[Handled]) -> float | None:
    """Seconds since the oldest report of the batch was received, None where none could be read."""
    received = min((report.received for each in handled for report in each.reports), default=None)
    return None if received is None else (drain.clock() - datetime.fromisoformat(received)).total_seconds()


def _count(handled: Handled, line: Line) -> None:
    counts = {
        f"Reports{handled.decision.title()}": len(handled.queue_ids),
        "ReportsUnrecognised": sum(not report.recognised for report in handled.reports),
    }
    if handled.tracked:
        counts["ReportsForOtherRecipient"] = len(handled.tracked.foreign)
        counts["SecondProviderIds"] = len(handled.tracked.other_ids)
        counts["ReportsBeyondTimeline"] = len(handled.tracked.overflow)
    for name, count in counts.items():
        line.count(name, count)


def _told(handled: Handled) -> dict[str, Any]:
    words = [report.word for report in handled.reports]
    told = {"decision": handled.decision, "message_id": handled.message_id, "words": words, "error": handled.error}
    return {name: value for name, value in told.items() if value}

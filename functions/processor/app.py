"""The processor Lambda: queued reports to their records."""

import os
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from sms_tracker.aws.lean import api
from sms_tracker.aws.queue import SqsQueue
from sms_tracker.aws.store import MessageStore
from sms_tracker.config import ProcessorConfig, TextRetention, load
from sms_tracker.services.drain import Delivery, Drain, Handled

config = load(ProcessorConfig, os.environ)
logger, metrics = Logger(), Metrics()
sqs = api("sqs")
drain = Drain(
    messages=MessageStore(
        api("dynamodb"),
        config.messages_table,
        keep_raw_reports=config.keep_raw_reports,
        drop_text=config.text_retention is TextRetention.UNTIL_FINAL,
    ),
    again=SqsQueue(sqs, config.reports_queue_url),
    unmatched=SqsQueue(sqs, config.unmatched_queue_url),
    dead=SqsQueue(sqs, config.reports_dlq_url),
    clock=lambda: datetime.now(UTC),
)


@metrics.log_metrics
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Drain one batch; what failed for now is named, so that only that comes again."""
    handled = drain.drain([Delivery(record["messageId"], record["body"]) for record in event["Records"]])
    counts = Counter({"ReportsReadFromQueue": len(event["Records"])})
    for each in handled:
        counts += Counter(_counts(each))
    for name, count in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
    failed = [queue_id for each in handled if each.decision == "failed" for queue_id in each.queue_ids]
    decision = "failed-in-part" if failed else "handled"
    lines = [_line(each) for each in handled]
    log = logger.error if failed else logger.info
    log("reports", extra={"decision": decision, "messages": lines, "failed": len(failed)})
    return {"batchItemFailures": [{"itemIdentifier": queue_id} for queue_id in failed]}


def _counts(handled: Handled) -> dict[str, int]:
    counts = {f"Reports{handled.decision.title()}": len(handled.queue_ids)}
    counts["ReportsUnrecognised"] = sum(not report.recognised for report in handled.reports)
    if handled.tracked:
        counts["ReportsForOtherRecipient"] = len(handled.tracked.foreign)
        counts["SecondProviderIds"] = len(handled.tracked.other_ids)
        counts["ReportsBeyondTimeline"] = len(handled.tracked.overflow)
    return {name: count for name, count in counts.items() if count}


def _line(handled: Handled) -> dict[str, Any]:
    words = [report.word for report in handled.reports]
    line = {"decision": handled.decision, "message_id": handled.message_id, "words": words, "error": handled.error}
    return {name: value for name, value in line.items() if value}

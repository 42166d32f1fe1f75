"""The processor Lambda: write queued reports to their messages' records."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from sms_tracker import providers
from sms_tracker.aws.json_client import api
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.aws.store import MessageStore
from sms_tracker.config import ProcessorConfig, load
from sms_tracker.domain.settings import TextRetention
from sms_tracker.jitter import fraction
from sms_tracker.log import Line, Log
from sms_tracker.services.process import QueueMessage, ReportProcessor, measure
from sms_tracker.services.receive import RawEvents

config = load(ProcessorConfig, os.environ)
log = Log(os.environ)
log.started(config)
sqs = api("sqs", failed=log.failed)
raw_events = RawEvents(
    providers=[adapter for adapter in map(providers.load, config.providers) if not adapter.WEBHOOK],
    replies=SqsQueue(sqs, config.inbound_queue_url),
    settings=SsmSettings(api("ssm", failed=log.failed), config.settings_prefix, (), jitter=fraction),
)
processor = ReportProcessor(
    messages=MessageStore(
        api("dynamodb", failed=log.failed),
        config.messages_table,
        keep_raw_reports=config.keep_raw_reports,
        drop_text=config.text_retention is TextRetention.UNTIL_FINAL,
    ),
    queue=SqsQueue(sqs, config.reports_queue_url),
    unmatched=SqsQueue(sqs, config.unmatched_queue_url),
    dlq=SqsQueue(sqs, config.reports_dlq_url),
    raw_events=raw_events if raw_events.providers else None,
    replies=raw_events.replies,
    clock=lambda: datetime.now(UTC),
    map_groups=ThreadPoolExecutor(8).map,  # more threads do not finish earlier: ADR 11
)


@log.invocation
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Process one batch; only the reports that failed are retried."""
    handled = processor.process([_message(record) for record in event["Records"]])
    measure(handled, line, now=processor.clock())
    failed = [queue_id for result in handled if result.decision == "failed" for queue_id in result.queue_ids]
    line.level = "ERROR" if failed else "INFO"
    line.put(
        decision="failed-in-part" if failed else "handled",
        messages=[result.log_fields for result in handled],
        failed=len(failed),
    )
    return {"batchItemFailures": [{"itemIdentifier": queue_id} for queue_id in failed]}


def _message(record: dict[str, Any]) -> QueueMessage:
    sent_at = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    return QueueMessage(record["messageId"], record["body"], sent_at)

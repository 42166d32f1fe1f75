"""A processor with Logger, Powertools' batch processing and boto3: one write for each report."""

import json
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from plain.records import apply
from sms_tracker import providers

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS)


def record_handler(record: SQSRecord) -> None:
    """Apply one report."""
    envelope: dict[str, Any] = json.loads(record.body)
    report = providers.load(envelope["provider"]).report(envelope["fields"], received_at=envelope["received_at"])
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    decision = apply(envelope["message_id"], report, now)
    logger.info("report", extra={"decision": decision, "message_id": envelope["message_id"], "word": report.word})


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Process one batch."""
    return process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)

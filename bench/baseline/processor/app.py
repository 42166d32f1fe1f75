"""A processor as Powertools' documentation has it: batch processing with the parser, Logger, Metrics and boto3."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.typing import LambdaContext

from plain.models import EnvelopeRecord
from plain.records import apply
from sms_tracker import providers

logger, metrics = Logger(), Metrics()
processor = BatchProcessor(event_type=EventType.SQS, model=EnvelopeRecord)


def record_handler(record: EnvelopeRecord) -> None:
    """Apply one report."""
    envelope = record.body
    report = providers.load(envelope.provider).report(envelope.fields, received_at=envelope.received_at)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    decision = apply(envelope.message_id or "", report, now)
    metrics.add_metric(name=f"Reports{decision.title()}", unit=MetricUnit.Count, value=1)
    logger.info("report", extra={"decision": decision, "message_id": envelope.message_id, "word": report.word})


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Drain one batch."""
    return process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)

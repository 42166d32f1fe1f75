"""The publisher Lambda: the table's stream to the event bus."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from sms_tracker.aws.bus import EventBus
from sms_tracker.aws.clients import api
from sms_tracker.aws.queue import SqsQueue
from sms_tracker.aws.stream import changes
from sms_tracker.config import PublisherConfig, load
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.services.publish import Policy, Publisher

config = load(PublisherConfig, os.environ)
logger, metrics = Logger(), Metrics()
publisher = Publisher(
    bus=EventBus(api("events"), config.event_bus_name),
    failed=SqsQueue(api("sqs"), config.publish_failed_queue_url),
    policy=Policy(statuses=config.published_statuses, personal_data=config.event_personal_data),
)


@metrics.log_metrics
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Publish one batch; the stream comes again from the first event that the bus did not take."""
    try:
        published = publisher.publish(changes(event["Records"]))
    except SmsTrackerError as error:
        metrics.add_metric(name="BatchesNotPublished", unit=MetricUnit.Count, value=1)
        logger.error("publish", extra={"decision": "unavailable", "error": str(error)})  # noqa: TRY400  # no traceback
        raise
    metrics.add_metric(name="EventsPublished", unit=MetricUnit.Count, value=published.published)
    metrics.add_metric(name="EventsNotBuilt", unit=MetricUnit.Count, value=published.broken)
    metrics.add_metric(name="EventsRefused", unit=MetricUnit.Count, value=published.refused)
    log = logger.error if published.refused or published.broken else logger.info
    log(
        "publish",
        extra={
            "decision": "published" if published.resume_at is None else "refused-by-bus",
            "records": len(event["Records"]),
            "published": published.published,
            "broken": published.broken,
            "errors": published.errors,
        },
    )
    failures = [] if published.resume_at is None else [{"itemIdentifier": published.resume_at}]
    return {"batchItemFailures": failures}

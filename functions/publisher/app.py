"""The publisher Lambda: publish the changes in the table's stream as events."""

import os
from datetime import UTC, datetime
from typing import Any

from sms_tracker.aws.clients import api
from sms_tracker.aws.messaging import EventBus, SqsQueue
from sms_tracker.aws.store import stream_changes
from sms_tracker.config import PublisherConfig, load
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.log import Line, Log
from sms_tracker.services.publish import Publisher, PublishPolicy, measure

config = load(PublisherConfig, os.environ)
log = Log(os.environ)
log.started(config)
publisher = Publisher(
    bus=EventBus(api("events", failed=log.failed), config.event_bus_name),
    failed=SqsQueue(api("sqs", failed=log.failed), config.publish_failed_queue_url),
    policy=PublishPolicy(statuses=config.published_statuses, personal_data=config.event_personal_data),
)


@log.invocation
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Publish one batch; the stream retries from the first event that the bus refused."""
    batch = list(stream_changes(event["Records"]))
    try:
        published = publisher.publish(batch)
    except SmsTrackerError:
        line.put(decision="unavailable")
        raise
    measure(published, batch, line, now=datetime.now(UTC))
    line.level = "ERROR" if published.refused or published.broken else "INFO"
    line.put(
        decision="published" if published.resume_at is None else "refused-by-bus",
        records=len(event["Records"]),
        published=published.published,
        broken=published.broken,
        errors=published.errors,
    )
    retried = [] if published.resume_at is None else [{"itemIdentifier": published.resume_at}]
    return {"batchItemFailures": retried}

"""The publisher Lambda: the table's stream to the event bus."""

import os
from collections.abc import Sequence
from typing import Any

from sms_tracker.aws.clients import api
from sms_tracker.aws.messaging import EventBus, SqsQueue
from sms_tracker.aws.store import changes
from sms_tracker.config import PublisherConfig, load
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.ports import StreamChange
from sms_tracker.log import Line, Log
from sms_tracker.services.outcomes import ended
from sms_tracker.services.publish import Policy, Publisher

config = load(PublisherConfig, os.environ)
log = Log(os.environ)
log.started(config)
publisher = Publisher(
    bus=EventBus(api("events", failed=log.failed), config.event_bus_name),
    failed=SqsQueue(api("sqs", failed=log.failed), config.publish_failed_queue_url),
    policy=Policy(statuses=config.published_statuses, personal_data=config.event_personal_data),
)


@log.lines
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Publish one batch; the stream comes again from the first event that the bus did not take."""
    batch = list(changes(event["Records"]))
    try:
        published = publisher.publish(batch)
    except SmsTrackerError:
        line.count("BatchesNotPublished")
        line.put(decision="unavailable")
        raise
    line.count("EventsPublished", published.published)
    line.count("EventsNotBuilt", published.broken)
    line.count("EventsRefused", published.refused)
    line.level = "ERROR" if published.refused or published.broken else "INFO"
    line.put(
        decision="published" if published.resume_at is None else "refused-by-bus",
        records=len(event["Records"]),
        published=published.published,
        broken=published.broken,
        errors=published.errors,
    )
    if published.resume_at is not None:
        return {"batchItemFailures": [{"itemIdentifier": published.resume_at}]}
    _measure(batch, line)
    return {"batchItemFailures": []}


def _measure(batch: Sequence[StreamChange], line: Line) -> None:
    """Live figures of what ended; those of GET /stats are exact, for a stream may bring a change twice."""
    over = list(ended(batch))
    for outcome in sorted({each.outcome for each in over}):
        line.apart(outcome=str(outcome)).count("Outcomes", sum(each.outcome is outcome for each in over))
    for provider in sorted({each.provider for each in over}):
        its = [each for each in over if each.provider == provider]
        times = line.apart(provider=provider)
        times.measure("TimeToDeliver", [each.delivered for each in its if each.delivered is not None], "Seconds")
        times.measure("TimeToFinal", [each.known for each in its], "Seconds")

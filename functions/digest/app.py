"""The digest Lambda: one notification for a batch of failure events."""

import os
from typing import Any

from aws_lambda_powertools import Logger

from sms_tracker.aws.clients import api
from sms_tracker.aws.messaging import SnsTopic
from sms_tracker.config import DigestConfig, load
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.log import FailedCalls, start_fields
from sms_tracker.services.events import digest

config = load(DigestConfig, os.environ)
logger = Logger(use_rfc3339=True)  # with another timestamp format Lambda ignores the level
logger.info("start", extra=start_fields(config))
failed = FailedCalls()
topic = SnsTopic(api("sns", failed=failed), config.alerts_topic_arn)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Publish one notification for a batch. Unreadable events are retried and end in the DLQ."""
    try:
        digested = digest(((record["messageId"], record["body"]) for record in event["Records"]), topic)
    except SmsTrackerError as error:
        refused = {"decision": "not-told", "error": str(error), "failed_calls": failed.take()}
        logger.error("digest", extra=refused)  # noqa: TRY400  # no traceback
        raise
    extra: dict[str, object] = {
        "decision": "told" if digested.failures else "nothing-to-tell",
        "failures": digested.failures,
        "unreadable": len(digested.unreadable),
    }
    if failed_calls := failed.take():
        extra["failed_calls"] = failed_calls
    logger.info("digest", extra=extra)
    return {"batchItemFailures": [{"itemIdentifier": queue_id} for queue_id in digested.unreadable]}

"""The project's AWS client alone: one SendMessage and no checks."""

import os
from typing import Any

from sms_tracker.aws.json_client import api

_QUEUE = os.environ["REPORTS_QUEUE_URL"]
sqs = api("sqs", attempts=2)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Queue the body as received."""
    sqs("SendMessage", QueueUrl=_QUEUE, MessageBody=event.get("body") or event["rawQueryString"])
    return {"statusCode": 204}

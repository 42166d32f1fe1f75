"""boto3 alone: one SendMessage and no checks, the minimum cost of a webhook on boto3."""

import os
from typing import Any

import boto3

_QUEUE = os.environ["REPORTS_QUEUE_URL"]
sqs = boto3.client("sqs")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Queue the body as received."""
    sqs.send_message(QueueUrl=_QUEUE, MessageBody=event.get("body") or event["rawQueryString"])
    return {"statusCode": 204}

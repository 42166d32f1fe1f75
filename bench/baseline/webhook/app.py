"""A webhook with Logger and boto3; the project's own code checks the signature."""

import base64
import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from plain.settings import settings
from sms_tracker import providers
from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest

_QUEUE = os.environ["REPORTS_QUEUE_URL"]
logger = Logger()
sqs = boto3.client("sqs")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Check, enqueue, acknowledge."""
    provider, query = event["pathParameters"]["provider"], event.get("queryStringParameters") or {}
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    base, credentials = settings()
    url = f"{base}{event['rawPath']}?{event['rawQueryString']}"
    request = HttpRequest(event["requestContext"]["http"]["method"], url, event["headers"], raw)
    adapter = providers.load(provider)
    try:
        adapter.verify(request, secrets=adapter.keys(credentials[provider]), now=datetime.now(UTC))
    except InvalidSignature:
        logger.info("webhook", extra={"decision": "refused-signature", "provider": provider})
        return {"statusCode": 403}
    envelope = {
        "v": 1,
        "provider": provider,
        "source": "callback",
        "received_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "fields": dict(adapter.fields(request)),
        "message_id": query.get("message_id"),
        "attempt": int(query.get("attempt", "1")),
    }
    sqs.send_message(QueueUrl=_QUEUE, MessageBody=json.dumps(envelope))
    logger.info("webhook", extra={"decision": "queued", "provider": provider, "message_id": envelope["message_id"]})
    return {"statusCode": 204, "body": ""}

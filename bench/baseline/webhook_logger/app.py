"""A webhook with Logger and boto3 and without a framework."""

import base64
import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from plain.callbacks import enqueue, verified
from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Check, enqueue, acknowledge."""
    provider, query = event["pathParameters"]["provider"], event.get("queryStringParameters") or {}
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    url = f"{event['rawPath']}?{event['rawQueryString']}"
    request = HttpRequest(event["requestContext"]["http"]["method"], url, event["headers"], raw)
    try:
        values = verified(provider, request)
    except InvalidSignature:
        logger.info("webhook", extra={"decision": "refused-signature", "provider": provider})
        return {"statusCode": 403}
    message_id = query.get("message_id")
    enqueue(json.dumps({**values, "message_id": message_id, "attempt": int(query.get("attempt", "1"))}))
    logger.info("webhook", extra={"decision": "queued", "provider": provider, "message_id": message_id})
    return {"statusCode": 204, "body": ""}

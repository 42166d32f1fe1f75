"""httpx and boto3 alone: record, ask, record; nothing is checked or normalised."""

import json
from typing import Any

from plain.sending import send


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Answer one request."""
    asked, caller = json.loads(event["body"]), event["requestContext"]["authorizer"]["lambda"]
    sent = send(caller["client"], asked["to"], asked["body"], "twilio", asked.get("reference"))
    return {"statusCode": 202, "body": json.dumps(sent)}

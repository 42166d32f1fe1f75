"""The send Lambda: POST /messages."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from sms_tracker import wiring
from sms_tracker.aws import gateway
from sms_tracker.aws.clients import client
from sms_tracker.config import SendConfig, load
from sms_tracker.domain.errors import FieldError, InvalidMessage, Unreadable
from sms_tracker.services.replies import invalid
from sms_tracker.services.submit import submit

config = load(SendConfig, os.environ)
logger, metrics = Logger(), Metrics()
sender = wiring.sender(config, client("dynamodb", timeout=1.5))


@metrics.log_metrics
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Answer one request."""
    caller = gateway.caller(event)
    try:
        reply = submit(sender, caller.client, caller.scopes, gateway.request(event))
    except Unreadable:
        reply = invalid(InvalidMessage([FieldError("", "is not base64")]))
    metrics.add_dimension(name="decision", value=reply.decision)
    metrics.add_metric(name="Sends", unit=MetricUnit.Count, value=1)
    fields = {name: reply.body.get(name) for name in ("message_id", "provider", "provider_message_id", "provider_code")}
    extra = {"decision": reply.decision, "client": caller.client, "warnings": reply.warnings, **fields}
    (logger.warning if reply.warnings else logger.info)("send", extra={k: v for k, v in extra.items() if v})
    return gateway.response(reply.status, reply.body, reply.headers)

"""The webhook Lambda: GET and POST /webhooks/{provider}."""

import os
import random
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from sms_tracker.aws import gateway
from sms_tracker.aws.clients import client
from sms_tracker.aws.queue import SqsQueue
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.config import Verification, WebhookConfig, load
from sms_tracker.domain.errors import Unreadable
from sms_tracker.services.receive import Received, Receiver
from sms_tracker.services.replies import webhook_problem

config = load(WebhookConfig, os.environ)
logger, metrics = Logger(), Metrics()
receiver = Receiver(
    # Two tries of 2 s: the providers wait 15 s, and this function has 10.
    queue=SqsQueue(client("sqs", timeout=2.0, attempts=2), config.reports_queue_url),
    settings=SsmSettings(
        client("ssm", timeout=1.0, attempts=2),
        config.settings_prefix,
        config.providers,
        jitter=random.random,
    ),
    clock=lambda: datetime.now(UTC),
    enabled=config.providers,
    tokens=frozenset(name for name, mode in config.verification.items() if mode is Verification.TOKEN),
)
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_METRICS = {"queued": "ReportsReceived", "refused-signature": "SignaturesRefused", "unavailable": "WebhooksUnavailable"}


@metrics.log_metrics
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Check, enqueue, acknowledge. A stranger learns only the status."""
    provider = (event.get("pathParameters") or {}).get("provider", "")
    try:
        received = receiver.receive(provider, gateway.request(event))
    except Unreadable as error:
        received = Received(status=400, decision="unreadable", error=str(error))
    known = provider if provider in config.providers else "unknown"
    metrics.add_dimension(name="provider", value=known)
    metrics.add_metric(name=_METRICS.get(received.decision, "WebhooksInvalid"), unit=MetricUnit.Count, value=1)
    fields = {
        "decision": received.decision,
        "provider": known,
        "message_id": received.message_id,
        "error": received.error,
    }
    log = logger.error if received.status >= _SERVER_ERROR else logger.info
    log("webhook", extra={name: value for name, value in fields.items() if value is not None})
    if received.status < _CLIENT_ERROR:
        return gateway.response(received.status)
    reply = webhook_problem(received.decision)
    return gateway.response(reply.status, reply.body, reply.headers)

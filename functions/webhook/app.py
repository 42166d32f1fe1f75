"""The webhook Lambda: GET and POST /webhooks/{provider} and /webhooks/{provider}/inbound."""

import os
from datetime import UTC, datetime
from typing import Any

from sms_tracker.aws import gateway
from sms_tracker.aws.json_client import api
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.config import WebhookConfig, load
from sms_tracker.domain.callback import Verification
from sms_tracker.domain.errors import Unreadable
from sms_tracker.jitter import fraction
from sms_tracker.log import Line, Log
from sms_tracker.services.receive import Received, Receiver, measure
from sms_tracker.services.responses import webhook_problem

config = load(WebhookConfig, os.environ)
log = Log(os.environ)
log.started(config)
# Two tries of 2 s: the providers wait 15 s, and this function's time-out is 10 s.
sqs = api("sqs", timeout=2.0, attempts=2, failed=log.failed)
receiver = Receiver(
    queue=SqsQueue(sqs, config.reports_queue_url),
    replies=SqsQueue(sqs, config.inbound_queue_url),
    settings=SsmSettings(
        api("ssm", timeout=1.0, attempts=2, failed=log.failed),
        config.settings_prefix,
        config.providers,
        jitter=fraction,
    ),
    clock=lambda: datetime.now(UTC),
    enabled=config.providers,
    tokens=frozenset(name for name, mode in config.verification.items() if mode is Verification.TOKEN),
    queue_sending=config.queue_sending,
)


@log.invocation
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Verify, queue, acknowledge. A refusal reveals only the status."""
    provider = (event.get("pathParameters") or {}).get("provider", "")
    try:
        received = receiver.receive(provider, gateway.request(event))
    except Unreadable as error:
        received = Received(status=400, decision="unreadable", error=str(error))
    measure(received, line)
    if received.decision in {"queued", "counted", "heard"}:
        line.dimensions["provider"] = provider
    line.put(
        decision=received.decision,
        provider=provider if provider in config.providers else "unknown",
        message_id=received.message_id,
        error=received.error,
        next_secret=received.next_secret,
    )
    line.level = "ERROR" if received.decision == "unavailable" else "INFO"
    if received.acknowledged:
        return gateway.response(received.status, received.body, {"content-type": "text/xml"} if received.body else {})
    problem = webhook_problem(received.decision)
    return gateway.response(problem.status, problem.body, problem.headers)

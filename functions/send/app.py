"""The send Lambda: POST /messages."""

import os
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from sms_tracker import http
from sms_tracker.aws import gateway
from sms_tracker.aws.clients import client
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.aws.store import MessageStore
from sms_tracker.config import SendConfig, TextRetention, Verification, load
from sms_tracker.services.deliver import Pace
from sms_tracker.services.send import Rules, Sender
from sms_tracker.services.submit import submit
from sms_tracker.services.validation import Policy

config = load(SendConfig, os.environ)
logger, metrics = Logger(), Metrics()
sender = Sender(
    messages=MessageStore(
        client("dynamodb", timeout=1.5),
        config.messages_table,
        keep_raw_reports=config.keep_raw_reports,
        drop_text=config.text_retention is TextRetention.UNTIL_FINAL,
    ),
    settings=SsmSettings(
        client("ssm", timeout=1.0, attempts=2),
        config.settings_prefix,
        config.providers,
        jitter=random.random(),  # noqa: S311  # spreads load, guards nothing
    ),
    http=http.call,
    clock=lambda: datetime.now(UTC),
    pace=Pace(monotonic=time.monotonic, sleep=time.sleep, fraction=random.random),
    rules=Rules(
        policy=Policy(
            providers=config.providers,
            default_provider=config.default_provider,
            senders=config.senders,
            countries=config.allowed_countries,
        ),
        tokens=frozenset(name for name, mode in config.verification.items() if mode is Verification.TOKEN),
        keep_text=config.text_retention is not TextRetention.NONE,
        retention=timedelta(days=config.retention_days),
        claim=timedelta(seconds=config.claim_seconds),
    ),
)


@metrics.log_metrics
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Answer one request."""
    caller = gateway.caller(event)
    reply = submit(sender, caller.client, caller.scopes, gateway.request(event))
    metrics.add_dimension(name="decision", value=reply.decision)
    metrics.add_metric(name="Sends", unit=MetricUnit.Count, value=1)
    fields = {name: reply.body.get(name) for name in ("message_id", "provider", "provider_message_id", "provider_code")}
    extra = {"decision": reply.decision, "client": caller.client, "warnings": reply.warnings, **fields}
    (logger.warning if reply.warnings else logger.info)("send", extra={k: v for k, v in extra.items() if v})
    return gateway.response(reply.status, reply.body, reply.headers)

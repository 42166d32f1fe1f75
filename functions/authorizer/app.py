"""The authorizer Lambda: who does this key belong to, and what may it do."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from sms_tracker.aws.clients import client
from sms_tracker.aws.keys import KeyStore, name_of
from sms_tracker.config import AuthorizerConfig, load
from sms_tracker.domain.errors import SmsTrackerError

config = load(AuthorizerConfig, os.environ)
logger, metrics = Logger(), Metrics()
keys = KeyStore(client("dynamodb"), config.state_table)


@metrics.log_metrics
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Identify only; the scopes travel in the context and each function decides. An error lets nobody in."""
    scheme, _, key = event.get("headers", {}).get("authorization", "").partition(" ")
    try:
        found = keys.find(key.strip()) if scheme.lower() == "bearer" and key.strip() else None
    except SmsTrackerError as error:
        metrics.add_metric(name="KeysUnreadable", unit=MetricUnit.Count, value=1)
        logger.error("authorize", extra={"decision": "unavailable", "error": str(error)})  # noqa: TRY400  # no traceback
        raise  # rather than deny: API Gateway would remember that for a minute
    expired = found is not None and found.expires_at is not None and found.expires_at <= time.time()
    decision = "unknown-key" if found is None else "expired-key" if expired else "identified"
    metrics.add_metric(
        name="KeysIdentified" if decision == "identified" else "KeysRefused", unit=MetricUnit.Count, value=1
    )
    if found is None or expired:
        logger.info("authorize", extra={"decision": decision})
        return {"isAuthorized": False}
    # Which of a client's keys: one that is no longer seen can be revoked.
    logger.info("authorize", extra={"decision": decision, "client": found.client, "key": name_of(key.strip())})
    return {"isAuthorized": True, "context": {"client": found.client, "scopes": " ".join(sorted(found.scopes))}}

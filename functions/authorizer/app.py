"""The authorizer Lambda: the client and the scopes of an API key."""

import os
import time
from typing import Any

from sms_tracker.aws.gateway import KeyStore, key_name
from sms_tracker.aws.json_client import api
from sms_tracker.config import AuthorizerConfig, load
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.log import Line, Log

config = load(AuthorizerConfig, os.environ)
log = Log(os.environ)
log.started(config)
keys = KeyStore(api("dynamodb", failed=log.failed), config.state_table)


@log.invocation
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Identify the client. An error denies access. The other functions check the scopes, which the context has."""
    scheme, _, key = event.get("headers", {}).get("authorization", "").partition(" ")
    try:
        found = keys.find(key.strip()) if scheme.lower() == "bearer" and key.strip() else None
    except SmsTrackerError:
        line.put(decision="unavailable")
        raise  # API Gateway would cache a denial for a minute
    decision = "unknown-key" if found is None else "expired-key" if found.expired(time.time()) else "identified"
    line.put(decision=decision)
    if found is None or decision != "identified":
        return {"isAuthorized": False}
    # The short hash of the key shows which keys are in use.
    line.put(client=found.client, key=key_name(key.strip()))
    context = {"client": found.client, "scopes": " ".join(sorted(found.scopes))}
    if found.senders:
        context["senders"] = ",".join(sorted(found.senders))
    return {"isAuthorized": True, "context": context}

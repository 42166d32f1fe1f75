"""The authorizer Lambda: who does this key belong to, and what may it do."""

import os
import time
from typing import Any

from sms_tracker.aws.json_client import api
from sms_tracker.aws.keys import KeyStore, name_of
from sms_tracker.config import AuthorizerConfig, load
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.log import Line, Log

config = load(AuthorizerConfig, os.environ)
log = Log(os.environ)
log.started(config)
keys = KeyStore(api("dynamodb", failed=log.failed), config.state_table)


@log.lines
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Identify only; the scopes travel in the context and each function decides. An error lets nobody in."""
    scheme, _, key = event.get("headers", {}).get("authorization", "").partition(" ")
    try:
        found = keys.find(key.strip()) if scheme.lower() == "bearer" and key.strip() else None
    except SmsTrackerError:
        line.count("KeysUnreadable")
        line.put(decision="unavailable")
        raise  # rather than deny: API Gateway would remember that for a minute
    expired = found is not None and found.expires_at is not None and found.expires_at <= time.time()
    decision = "unknown-key" if found is None else "expired-key" if expired else "identified"
    line.count("KeysIdentified" if decision == "identified" else "KeysRefused")
    line.put(decision=decision)
    if found is None or expired:
        return {"isAuthorized": False}
    # Which of a client's keys: one that is no longer seen can be revoked.
    line.put(client=found.client, key=name_of(key.strip()))
    return {"isAuthorized": True, "context": {"client": found.client, "scopes": " ".join(sorted(found.scopes))}}

"""The send Lambda: POST /messages."""

import os
from dataclasses import replace
from typing import Any

from sms_tracker import wiring
from sms_tracker.aws import gateway
from sms_tracker.aws.json_client import api
from sms_tracker.config import SendConfig, load
from sms_tracker.domain.errors import FieldError, InvalidMessage, Unreadable
from sms_tracker.log import Line, Log
from sms_tracker.services.provider_call import CountedCalls
from sms_tracker.services.responses import invalid
from sms_tracker.services.submit import submit

config = load(SendConfig, os.environ)
log = Log(os.environ)
log.started(config)
sender = wiring.sender(
    config,
    dynamodb=api("dynamodb", timeout=1.5, failed=log.failed),
    ssm=api("ssm", timeout=1.0, attempts=2, failed=log.failed),
    failed=log.failed,
)
provider = CountedCalls(sender.http)
sender = replace(sender, http=provider)
_SERVER_ERROR = 500
_METRICS = {"refused-by-provider": "SendsRefused", "account-refused": "AccountRefused"}


@log.lines
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Answer one request."""
    provider.calls = 0
    caller = gateway.caller(event)
    try:
        reply = submit(sender, caller.client, caller.scopes, gateway.request(event))
    except Unreadable:
        reply = invalid(InvalidMessage([FieldError("", "is not base64")]))
    line.dimensions["decision"] = reply.decision
    line.count("Sends")
    if reply.decision in _METRICS:
        line.count(_METRICS[reply.decision])
    if reply.status >= _SERVER_ERROR or reply.decision == "outcome-unknown":
        line.count("SendErrors")
    if provider.calls > 1:
        line.count("ProviderRetries", provider.calls - 1)
    fields = {name: reply.body.get(name) for name in ("message_id", "provider", "provider_message_id", "provider_code")}
    line.put(decision=reply.decision, client=caller.client, warnings=reply.warnings, **fields)
    line.level = "WARNING" if reply.warnings else "INFO"
    return gateway.response(reply.status, reply.body, reply.headers)

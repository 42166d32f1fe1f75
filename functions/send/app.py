"""The send Lambda: POST /messages."""

import os
from dataclasses import replace
from functools import cache
from typing import Any

from sms_tracker import wiring
from sms_tracker.aws import gateway
from sms_tracker.aws.json_client import api
from sms_tracker.config import SendConfig, load
from sms_tracker.domain.errors import Unreadable
from sms_tracker.log import Line, Log
from sms_tracker.services.provider_call import CountedCalls
from sms_tracker.services.responses import not_base64
from sms_tracker.services.send import Sender
from sms_tracker.services.send_request import measure_send, submit

config = load(SendConfig, os.environ)
log = Log(os.environ)
log.started(config)
ssm = api("ssm", timeout=1.0, attempts=2, failed=log.failed)
sqs = api("sqs", timeout=1.0, attempts=2, failed=log.failed)
sender = wiring.sender(
    config, dynamodb=api("dynamodb", timeout=1.5, failed=log.failed), ssm=ssm, sqs=sqs, failed=log.failed
)
provider = CountedCalls(sender.http)
sender = replace(sender, http=provider)


@cache
def _sender_for_test_keys() -> Sender:
    return wiring.sender_for_test_keys(sender, config, ssm=ssm, sqs=sqs)


@log.invocation
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Answer one request."""
    provider.calls = 0
    caller = gateway.caller(event)
    try:
        chosen = _sender_for_test_keys() if caller.test else sender
        response = submit(chosen.send, caller, gateway.request(event))
    except Unreadable:
        response = not_base64()
    if not caller.test:
        measure_send(response, line, provider_calls=provider.calls)
    fields = {
        name: response.body.get(name) for name in ("message_id", "provider", "provider_message_id", "provider_code")
    }
    line.put(decision=response.decision, client=caller.client, test=caller.test, warnings=response.warnings, **fields)
    line.level = "WARNING" if response.warnings else "INFO"
    return gateway.response(response.status, response.body, response.headers)

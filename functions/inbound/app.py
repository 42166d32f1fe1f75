"""The inbound Lambda: the queue ``inbound``, and GET, PUT and DELETE /opt-outs."""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sms_tracker import provider_http, providers
from sms_tracker.aws import gateway
from sms_tracker.aws.clients import api
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.aws.opt_outs import OptOutStore
from sms_tracker.aws.outbox import OutboxStore
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.aws.store import MessageSearch, MessageStore
from sms_tracker.config import InboundConfig, load
from sms_tracker.domain.errors import InvalidMessage, SmsTrackerError
from sms_tracker.domain.http import Caller
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.jitter import fraction
from sms_tracker.log import Line, Log
from sms_tracker.read.list_query import parameters
from sms_tracker.services.opt_out_api import OptOutApi
from sms_tracker.services.opt_outs import OptOutRegister, OptOutSources
from sms_tracker.services.replies import WAITING, ProcessedReply, ReplyProcessor, measure
from sms_tracker.services.responses import ApiResponse, invalid, live_keys_only

config = load(InboundConfig, os.environ)
log = Log(os.environ)
log.started(config)
dynamodb = api("dynamodb", failed=log.failed)
with_credentials = tuple(name for name in config.providers if providers.opt_outs(name) or providers.reply_time(name))
settings = SsmSettings(api("ssm", failed=log.failed), config.settings_prefix, with_credentials, jitter=fraction)
register = OptOutRegister(
    opt_outs=OptOutStore(
        dynamodb, state=config.state_table, messages=config.messages_table, key=lambda: settings().service_key
    ),
    clock=lambda: datetime.now(UTC),
)
processor = ReplyProcessor(
    register=None if config.opt_out_scope is ScopeMode.OFF else register,
    sources=OptOutSources(settings=settings, http=provider_http.call, now=time.time, failed=log.failed),
    mode=config.opt_out_scope,
    outbox=OutboxStore(dynamodb, config.messages_table),
    messages=MessageStore(dynamodb, config.messages_table),
    search=MessageSearch(dynamodb, config.messages_table),
    dlq=SqsQueue(api("sqs", failed=log.failed), config.inbound_dlq_url),
    clock=register.clock,
    claim=timedelta(seconds=config.claim_seconds),
)
opt_outs = OptOutApi(
    register=register, clock=register.clock, mode=config.opt_out_scope, countries=config.allowed_countries.countries
)
for name in config.providers:
    providers.load(name)  # now, not in the first batch


@log.invocation
def handler(event: dict[str, Any], line: Line) -> dict[str, Any]:
    """Process one batch of the queue, or answer one request."""
    return _batch(event["Records"], line) if "Records" in event else _request(event, line)


def _batch(records: list[dict[str, Any]], line: Line) -> dict[str, Any]:
    results, failed, waiting = list[ProcessedReply](), list[str](), list[str]()
    for record in records:
        try:
            result = processor.process(record["body"])
        except SmsTrackerError as error:
            failed.append(record["messageId"])
            line.put(error=str(error))
            continue
        results.append(result)
        if result.decision == WAITING:
            waiting.append(record["messageId"])
    measure(results, line)
    line.level = "ERROR" if failed else "INFO"
    line.put(
        decision="failed-in-part" if failed else "handled",
        replies=[result.decision for result in results],
        failed=len(failed),
    )
    return {"batchItemFailures": [{"itemIdentifier": queue_id} for queue_id in [*failed, *waiting]]}


def _request(event: dict[str, Any], line: Line) -> dict[str, Any]:
    caller = gateway.caller(event)
    try:
        response = live_keys_only() if caller.test else _answer(event, caller)
    except InvalidMessage as error:
        response = invalid(error)
    line.put(decision=response.decision, route=event["routeKey"], client=caller.client, warnings=response.warnings)
    line.level = "WARNING" if response.warnings else "INFO"
    return gateway.response(response.status, response.body, response.headers)


def _answer(event: dict[str, Any], caller: Caller) -> ApiResponse:
    method = event["routeKey"].split()[0]
    if method == "PUT":
        return opt_outs.put(caller, gateway.request(event).body)
    query = parameters(event.get("rawQueryString", ""))
    return opt_outs.delete(caller, query) if method == "DELETE" else opt_outs.read(caller, query)

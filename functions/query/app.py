"""The query Lambda: GET /messages, GET /messages/{message_id} and GET /health."""

import os
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools import Logger

from sms_tracker.aws import gateway
from sms_tracker.aws.clients import api
from sms_tracker.aws.queue import SqsQueue
from sms_tracker.aws.search import MessageSearch
from sms_tracker.aws.store import MessageStore
from sms_tracker.config import QueryConfig, load
from sms_tracker.services.browse import Browser, Health

config = load(QueryConfig, os.environ)
logger = Logger()
dynamodb = api("dynamodb")
store = MessageStore(dynamodb, config.messages_table)
browser = Browser(
    messages=store, search=MessageSearch(dynamodb, config.messages_table), clock=lambda: datetime.now(UTC)
)
queue = SqsQueue(api("sqs", timeout=1.0, attempts=1), config.reports_queue_url)
health = Health({"table": lambda: store.get("health"), "queue": queue.ping}, time.monotonic)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Answer one read."""
    if event["routeKey"] == "GET /health":
        reply = health.check()
        client_name = None
    else:
        caller = gateway.caller(event)
        client_name = caller.client
        message_id = (event.get("pathParameters") or {}).get("message_id")
        if message_id is None:
            query = dict(parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True))
            reply = browser.many(caller.client, caller.scopes, query)
        else:
            reply = browser.one(caller.client, caller.scopes, message_id)
    extra = {"decision": reply.decision, "route": event["routeKey"], "client": client_name, "warnings": reply.warnings}
    (logger.warning if reply.warnings else logger.info)("query", extra={k: v for k, v in extra.items() if v})
    return gateway.response(reply.status, reply.body, reply.headers)

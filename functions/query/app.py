"""The query Lambda: read messages and statistics, health, the web page and the API's description."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger

from sms_tracker.aws import gateway
from sms_tracker.aws.clients import api
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.aws.reconcile_state import StatisticsStore
from sms_tracker.aws.store import MessageSearch, MessageStore
from sms_tracker.config import QueryConfig, load
from sms_tracker.domain.errors import InvalidMessage
from sms_tracker.log import FailedCalls, start_fields
from sms_tracker.read.list_query import parameters
from sms_tracker.read.messages import Health, MessageReader
from sms_tracker.read.stats import StatsReader
from sms_tracker.read.web_files import INDEX, Document, WebFiles
from sms_tracker.services.responses import ApiResponse, invalid, live_keys_only

config = load(QueryConfig, os.environ)
logger = Logger(use_rfc3339=True)  # with another timestamp format Lambda ignores the level
logger.info("start", extra=start_fields(config))
failed = FailedCalls()
dynamodb = api("dynamodb", failed=failed)
store = MessageStore(dynamodb, config.messages_table)
messages = MessageReader(
    messages=store,
    search=MessageSearch(dynamodb, config.messages_table),
    clock=lambda: datetime.now(UTC),
    countries=config.allowed_countries.countries,
    mode=config.opt_out_scope,
)
stats = StatsReader(statistics=StatisticsStore(dynamodb, config.state_table), clock=messages.clock)
queue = SqsQueue(api("sqs", timeout=1.0, attempts=1, failed=failed), config.reports_queue_url)
health = Health({"table": lambda: store.get("health"), "queue": queue.ping}, time.time)
folders = (Path(__file__).with_name("page"), Path(__file__).with_name("docs"))
files = WebFiles({file.name: file.read_text("utf-8") for folder in folders for file in folder.iterdir()})


def _one(event: dict[str, Any]) -> ApiResponse:
    return messages.one(gateway.caller(event), event["pathParameters"]["message_id"])


def _many(event: dict[str, Any]) -> ApiResponse:
    return messages.many(gateway.caller(event), _parameters(event))


def _stats(event: dict[str, Any]) -> ApiResponse:
    caller = gateway.caller(event)
    return live_keys_only() if caller.test else stats.answer(caller, _parameters(event))


def _health(_event: dict[str, Any]) -> ApiResponse:
    return health.check()


def _page(event: dict[str, Any]) -> Document | ApiResponse:
    return _file(event, event["pathParameters"]["file"])


def _index(event: dict[str, Any]) -> Document | ApiResponse:
    return _file(event, INDEX)


def _docs(event: dict[str, Any]) -> Document | ApiResponse:
    return _file(event, "docs.html")


def _openapi(event: dict[str, Any]) -> Document | ApiResponse:
    return _file(event, "openapi.json")


def _file(event: dict[str, Any], name: str) -> Document | ApiResponse:
    return files.file(name, event.get("headers", {}).get("if-none-match", ""))


def _parameters(event: dict[str, Any]) -> dict[str, str]:
    return parameters(event.get("rawQueryString", ""))


ROUTES: dict[str, Callable[[dict[str, Any]], Document | ApiResponse]] = {
    "GET /messages": _many,
    "GET /messages/{message_id}": _one,
    "GET /stats": _stats,
    "GET /health": _health,
    "GET /": _index,
    "GET /page/{file}": _page,
    "GET /docs": _docs,
    "GET /openapi.json": _openapi,
}
"""The template's routes; HEAD is handled as GET. API Gateway checks the key of each route that requires one."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Answer one read."""
    failed.take()  # those of an invocation that raised
    method, path = event["routeKey"].split()
    try:
        response = ROUTES[f"GET {path}"](event)
    except InvalidMessage as error:
        response = invalid(error)
    has_key = event["requestContext"].get("authorizer")
    extra = {
        "decision": response.decision,
        "route": event["routeKey"],
        "client": gateway.caller(event).client if has_key else None,
        "read_of": response.read_of,
        "warnings": response.warnings,
        "failed_calls": failed.take(),
    }
    log = logger.warning if response.warnings else logger.info
    log("query", extra={name: value for name, value in extra.items() if value})
    answer = gateway.response(response.status, response.body, response.headers)
    return gateway.without_body(answer) if method == "HEAD" else answer

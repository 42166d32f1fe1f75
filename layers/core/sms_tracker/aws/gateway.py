"""API Gateway's HTTP API (payload 2.0): its events as requests, our answers as its responses."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the authorizer says it is, and what that key may do."""

    client: str
    scopes: frozenset[str]


def request(event: Mapping[str, Any]) -> HttpRequest:
    """The request with raw path and raw query as ``url``: what the sender wrote, without scheme and host.

    Raises ``Unreadable`` where a body said to be base64 is not.
    """
    query = event.get("rawQueryString", "")
    return HttpRequest(
        method=event["requestContext"]["http"]["method"],
        url=f"{event['rawPath']}?{query}" if query else event["rawPath"],
        headers={name.lower(): value for name, value in event.get("headers", {}).items()},
        body=_body(event),
    )


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("the body is not base64") from None


def caller(event: Mapping[str, Any]) -> Caller:
    """What the authorizer's simple response carries in its context."""
    context = event["requestContext"]["authorizer"]["lambda"]
    return Caller(client=context["client"], scopes=frozenset(context["scopes"].split()))


def response(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An answer; ``body`` is written as JSON unless it is None, or text that is an answer as it is."""
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body, ensure_ascii=False)
    return {"statusCode": status, "headers": dict(headers or {}), "body": text}


def without_body(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer to HEAD, made of that to GET: the same headers, and the length of the body that is left out."""
    length = len(answer["body"].encode())
    headers = {**answer["headers"], "content-length": str(length)} if length else answer["headers"]
    return {**answer, "headers": headers, "body": ""}

"""API keys in the ``state`` table; events and responses of API Gateway's HTTP API (payload format 2.0)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sms_tracker.aws.api import Api, marshal, unmarshal
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import READ, SEND, Caller, HttpRequest

# --- API keys


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The client, scopes and senders of a key. ``expires_at`` is epoch seconds, None for a key that does not expire.

    ``senders``: each is ``provider:sender``. The key may see and change the opt-outs of these senders.
    """

    client: str
    scopes: frozenset[str]
    expires_at: int | None = None
    senders: frozenset[str] = frozenset()

    def expired(self, now: float) -> bool:
        """Whether it has expired at ``now``, epoch seconds."""
        return self.expires_at is not None and self.expires_at <= now


def key_id(key: str) -> str:
    """The primary key of an API key."""
    return f"key#{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"


KEY_NAME_DIGITS = 8
"""Digits of a key's hash that identify it in lists and logs; they give no access."""


def key_name(key: str) -> str:
    """The name of a key in lists and logs."""
    return key_id(key).removeprefix("key#")[:KEY_NAME_DIGITS]


class KeyStore:
    """The keys in the ``state`` table, by their SHA-256; raises ``Unavailable`` if the table cannot be read."""

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def find(self, key: str) -> ApiKey | None:
        """One GetItem by the key's hash: its duration reveals nothing about stored keys."""
        answer = self._dynamodb("GetItem", TableName=self._table, Key=marshal({"pk": key_id(key)}))
        if "Item" not in answer:
            return None
        values = unmarshal(answer["Item"])
        expires = values.get("expires_at")
        senders = frozenset(values.get("senders", ()))
        return ApiKey(values["client"], frozenset(values["scopes"]), None if expires is None else int(expires), senders)


# --- Events and responses


def request(event: Mapping[str, Any]) -> HttpRequest:
    """The request; ``url`` is the raw path and query as the sender wrote them, without scheme and host.

    Raises ``Unreadable`` for a body that is marked as base64 and is not.
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


TEST_SCOPE = "test"
"""The stored scope of test keys. Versions without test mode refuse it."""
_IN_TEST_MODE = frozenset({SEND, READ})


def caller(event: Mapping[str, Any]) -> Caller:
    """The caller, from the context of the authorizer's simple response."""
    context = event["requestContext"]["authorizer"]["lambda"]
    listed, scopes = context.get("senders", ""), frozenset(context["scopes"].split())
    return Caller(
        client=context["client"],
        scopes=_IN_TEST_MODE if TEST_SCOPE in scopes else scopes,
        senders=frozenset(filter(None, listed.split(","))),
        test=TEST_SCOPE in scopes,
    )


def response(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A Lambda proxy response. ``body`` becomes JSON, except text, which is sent as it is, and None, which is empty."""
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body, ensure_ascii=False)
    return {"statusCode": status, "headers": dict(headers or {}), "body": text}


def without_body(answer: dict[str, Any]) -> dict[str, Any]:
    """The response to HEAD from that to GET: the same headers, the body's length, and no body."""
    length = len(answer["body"].encode())
    headers = {**answer["headers"], "content-length": str(length)} if length else answer["headers"]
    return {**answer, "headers": headers, "body": ""}

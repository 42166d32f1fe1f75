"""MessageBird's webhooks: their keys, fields and message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sms_tracker.domain.callback import CallbackTarget, callback_target
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Key

if TYPE_CHECKING:
    from sms_tracker.domain.http import HttpRequest

WEBHOOK = True
ACK_STATUS = 200

REPLY_BODY = ""

REPLY_SENDERS = ("originator", "sender")
REPLY_TEXTS = ("payload", "body", "message", "incomingMessage")
"""The names of an inbound message's sender and text. Reports have neither."""

ENTRIES = ("access_key", "signing_key", "next_signing_key", "api_url")


def keys(credentials: Credentials) -> tuple[Key, ...]:
    """The signing key, and the next one during a rotation. MessageBird's keys have no ids."""
    found = (
        Key(credentials.get("signing_key", "")),
        Key(credentials.get("next_signing_key", ""), following=True),
    )
    return tuple(key for key in found if key.secret)


def flaws(credentials: Credentials) -> Mapping[str, str]:
    """An access key in a signing key's place, other providers' keys."""
    access_key = credentials.get("access_key", "")
    found = {"access_key": _key_flaw(access_key)}
    for entry in ("signing_key", "next_signing_key"):
        key = credentials.get(entry, "")
        is_access_key = bool(key) and (key == access_key or re.match("(live|test)_", key))
        found[entry] = "is an access key" if is_access_key else _key_flaw(key)
    return {entry: flaw for entry, flaw in found.items() if flaw}


def _key_flaw(key: str) -> str | None:
    """New accounts get keys of the Bird platform, which this API refuses with 401."""
    if re.match("(bk|bm|whsec|bird_live|bird_test)_", key):
        return "is a key of the Bird platform: use the provider bird"
    return parsing.key_flaw(key)


def fields(request: HttpRequest) -> Mapping[str, str]:
    """The query of a GET, or the same names in a POST as JSON (newer set-ups) or a form."""
    if request.method == "GET" or not request.body:
        return parsing.query_fields(request.url.partition("?")[2])
    if "form-urlencoded" in request.headers.get("content-type", "").lower():
        return parsing.query_fields(request.body.decode("utf-8", "replace"))
    return parsing.json_fields(request.body)


def target(request: HttpRequest, fields: Mapping[str, str]) -> CallbackTarget:  # noqa: ARG001 - no field has both
    """From the callback URL, which is signed. ``reference`` has our id too, but no attempt."""
    return callback_target(request.url)


def is_reply(fields: Mapping[str, str]) -> bool:
    """Whether it is an inbound message: it has a sender or a text, and no status."""
    return "status" not in fields and any(name in fields for name in (*REPLY_SENDERS, *REPLY_TEXTS))

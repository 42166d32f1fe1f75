"""Submit: one request to ``POST /messages``, from its bytes to its reply."""

from __future__ import annotations

import json

from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.http import HttpRequest
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send import Sender
from sms_tracker.services.send_request import idempotency_key
from sms_tracker.services.text import REPLACEMENT

SCOPE = "send"


def submit(sender: Sender, client: str, scopes: frozenset[str], request: HttpRequest) -> ApiResponse:
    """Check the scope, read key and body, send. Every refusal is a problem that says what to do."""
    if SCOPE not in scopes:
        return responses.scope_missing(SCOPE)
    try:
        key = idempotency_key(request.headers.get("idempotency-key"))
        return sender.send(client, _payload(request.body), key)
    except InvalidMessage as error:
        return responses.invalid(error)


def _payload(body: bytes) -> object:
    """The decoded body. The bytes decide, whatever charset the content type has: JSON is UTF-8 (RFC 8259, 8.1)."""
    try:
        text = body.decode("utf-8-sig")
        payload = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise InvalidMessage([FieldError("", "must be a JSON object in UTF-8, no name twice")]) from None
    if REPLACEMENT in text:  # API Gateway hands JSON over as text: bytes that are no UTF-8 are lost by then
        raise InvalidMessage([FieldError("", r"holds bytes that are no UTF-8, or U+FFFD; write that as \ufffd")])
    return payload


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")  # Python reads NaN and Infinity all the same


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a repeated name")
    return members

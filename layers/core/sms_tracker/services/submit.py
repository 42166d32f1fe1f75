"""Submit: one request to ``POST /messages``, from its bytes to its reply."""

from __future__ import annotations

import json

from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.http import HttpRequest
from sms_tracker.services import responses
from sms_tracker.services.responses import Reply
from sms_tracker.services.send import Sender
from sms_tracker.services.send_request import idempotency_key

SCOPE = "send"


def submit(sender: Sender, client: str, scopes: frozenset[str], request: HttpRequest) -> Reply:
    """Check the scope, read key and body, send. Every refusal is a problem that says what to do."""
    if SCOPE not in scopes:
        return responses.scope_missing(SCOPE)
    try:
        key = idempotency_key(request.headers.get("idempotency-key"))
        return sender.send(client, _payload(request.body), key)
    except InvalidMessage as error:
        return responses.invalid(error)


def _payload(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise InvalidMessage([FieldError("", "must be a JSON object in UTF-8, no name twice")]) from None


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a repeated name")
    return members

"""AWS's events as the queue ``reports`` holds them: one SNS message each, delivered raw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sms_tracker.domain.callback import CallbackTarget, callback_target
from sms_tracker.domain.errors import Unreadable
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Key

if TYPE_CHECKING:
    from sms_tracker.domain.http import HttpRequest

ACK_STATUS = 204
"""Never used: there is no webhook to answer."""

ENTRIES = ("sms_region", "configuration_set", "message_type", "api_url")
"""The template writes the document; nothing in it is secret. ``AWS_REGION``, which tools read, is no entry's name."""


def keys(credentials: Credentials) -> tuple[Key, ...]:  # noqa: ARG001  # no document has one
    """None: no webhook is signed."""
    return ()


def flaws(credentials: Credentials) -> Mapping[str, str]:
    """A message type that AWS does not have."""
    kind = credentials.get("message_type", "")
    known = kind in {"", "TRANSACTIONAL", "PROMOTIONAL"}
    return {} if known else {"message_type": "is neither TRANSACTIONAL nor PROMOTIONAL"}


def fields(request: HttpRequest) -> Mapping[str, str]:
    """The event in the body of a queue's message; raises ``Unreadable``. Prices keep their digits."""
    try:
        event = json.loads(request.body, parse_float=str)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not event:
        raise Unreadable("the body is not a JSON object")
    return parsing.flat(event)


def target(request: HttpRequest, fields: Mapping[str, str]) -> CallbackTarget:  # noqa: ARG001  # a queue has no URL
    """Our id, attempt and token in the event's ``context``, under the rules of our callback URLs."""
    ours = {name: fields.get(f"context[{name}]", "") for name in ("message_id", "attempt", "token")}
    return callback_target(f"?{urlencode({name: value for name, value in ours.items() if value}, errors='replace')}")

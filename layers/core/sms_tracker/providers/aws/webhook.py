"""AWS's events as the queue ``reports`` holds them: one SNS message each, delivered raw. There is no webhook."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sms_tracker.domain.callback import CallbackTarget, callback_target
from sms_tracker.domain.errors import Unreadable
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Key

if TYPE_CHECKING:
    from sms_tracker.domain.http import HttpRequest

WEBHOOK = False
ACK_STATUS = 204
"""Not used."""

REPLY_BODY = ""
"""Not used."""

ENTRIES: tuple[str, ...] = ()
"""None for ``make secrets``: nothing in the document is a secret, and the template writes it."""

_REPLY = "inboundMessageId"
"""What every inbound message of a two-way number has, and no event about a message that was sent."""

FORMS = {
    "message_type": ("|TRANSACTIONAL|PROMOTIONAL", "is neither TRANSACTIONAL nor PROMOTIONAL"),
    "carrier_accepted": ("|[A-Z]{2}(,[A-Z]{2}){0,248}", "is no list of country codes such as US,NL"),
}


def keys(credentials: Credentials) -> tuple[Key, ...]:  # noqa: ARG001 - no document has one
    """None: nothing is signed by a key of ours."""
    return ()


def flaws(credentials: Credentials) -> Mapping[str, str]:
    """Settings that AWS refuses, or that name no countries."""
    return {name: flaw for name, (form, flaw) in FORMS.items() if not re.fullmatch(form, credentials.get(name, ""))}


def fields(request: HttpRequest) -> Mapping[str, str]:
    """The event in a queued body, its prices with all digits; raises ``Unreadable`` for any other body."""
    try:
        event = json.loads(request.body, parse_float=str)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not {"eventType", "messageStatus", _REPLY} & event.keys():
        raise Unreadable("the body is no event about a message")
    return parsing.flat(event)


def target(request: HttpRequest, fields: Mapping[str, str]) -> CallbackTarget:  # noqa: ARG001 - a queue has no URL
    """Our id, attempt and token in the event's ``context``, by the rules of a callback URL's query."""
    ours = {name: fields.get(f"context[{name}]", "") for name in ("message_id", "attempt", "token")}
    return callback_target(f"?{urlencode({name: value for name, value in ours.items() if value}, errors='replace')}")


def is_reply(fields: Mapping[str, str]) -> bool:
    """Whether it is an inbound message, as the topic of a two-way number delivers it."""
    return _REPLY in fields

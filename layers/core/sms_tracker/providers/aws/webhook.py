"""AWS's events in the queue ``reports``: one SNS message each, delivered raw. There is no webhook."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sms_tracker.domain.callback import CallbackTarget, target_of
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
"""None: the template writes the document, and it has no secrets."""

_REPLY = "inboundMessageId"
"""A field that only inbound messages have."""

FORMS = {
    "message_type": ("|TRANSACTIONAL|PROMOTIONAL", "is neither TRANSACTIONAL nor PROMOTIONAL"),
    "carrier_accepted": ("|[A-Z]{2}(,[A-Z]{2}){0,248}", "is no list of country codes such as US,NL"),
}


def keys(credentials: Credentials) -> tuple[Key, ...]:  # noqa: ARG001 - no document has one
    """None: nothing is signed."""
    return ()


def flaws(credentials: Credentials) -> Mapping[str, str]:
    """Invalid settings."""
    return {name: flaw for name, (form, flaw) in FORMS.items() if not re.fullmatch(form, credentials.get(name, ""))}


def fields(request: HttpRequest) -> Mapping[str, str]:
    """The event in a queued body; prices keep all digits. Raises ``Unreadable`` for any other body."""
    try:
        event = json.loads(request.body, parse_float=str)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not {"eventType", "messageStatus", _REPLY} & event.keys():
        raise Unreadable("the body is no event about a message")
    return parsing.flat(event)


def target(request: HttpRequest, fields: Mapping[str, str]) -> CallbackTarget:  # noqa: ARG001 - a queue has no URL
    """Our id, attempt and token, from the event's ``context``."""
    return target_of({name: fields.get(f"context[{name}]", "") for name in ("message_id", "attempt", "token")})


def is_reply(fields: Mapping[str, str]) -> bool:
    """Whether it is an inbound message."""
    return _REPLY in fields

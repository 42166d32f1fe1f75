"""The built-in provider's events: JSON objects from ``numbers.py``. There is no webhook and no account."""

from __future__ import annotations

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


def keys(credentials: Credentials) -> tuple[Key, ...]:  # noqa: ARG001 - there is no account
    """None: nothing is signed."""
    return ()


def flaws(credentials: Credentials) -> Mapping[str, str]:  # noqa: ARG001 - there is no account
    """None: there is no secret document."""
    return {}


def fields(request: HttpRequest) -> Mapping[str, str]:
    """The event in a body; raises ``Unreadable`` for any other body."""
    found = parsing.json_fields(request.body)
    if not {"id", "status"} <= found.keys():
        raise Unreadable("the body is no event about a message")
    return found


def target(request: HttpRequest, fields: Mapping[str, str]) -> CallbackTarget:  # noqa: ARG001 - the event has it
    """Our id, attempt and token, from the event's ``context``."""
    return target_of({name: fields.get(f"context[{name}]", "") for name in ("message_id", "attempt", "token")})


def is_reply(fields: Mapping[str, str]) -> bool:  # noqa: ARG001 - nobody replies
    """False: there are no replies."""
    return False

"""Inbound messages of the classic API, forwarded by a flow: JSON or a form, with several names for each field.

Of these names, the first with a value counts. A reply to a short code has ``mid`` and ``shortcode``. Source:
MessageBird's own tutorials, a captured payload, and RapidPro's courier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.queued import Inbound
from sms_tracker.providers import parsing
from sms_tracker.providers.messagebird.webhook import REPLY_SENDERS, REPLY_TEXTS

_IDS = ("id", "message_id", "mid")
_TO = ("recipient", "receiver", "shortcode")
_TIMES = ("createdDatetime", "receivedSMSDateTime")
_SHORT_CODE = re.compile("[0-9]{3,6}")


def inbound(fields: Mapping[str, str], *, received_at: str) -> Inbound:  # noqa: ARG001 - the fields have their own
    """Raises ``Unreadable`` if the id, the sender or the recipient is missing."""
    provider_id, sender, to = (_first(fields, names) for names in (_IDS, REPLY_SENDERS, _TO))
    if not (provider_id and sender and to):
        raise Unreadable("an inbound message without id, originator or recipient")
    return Inbound(
        provider_message_id=provider_id,
        sender=_number(sender),
        to=(_number(to),),
        text=_first(fields, REPLY_TEXTS) or "",
        at=parsing.known_time(_first(fields, _TIMES)),
    )


def _first(fields: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((fields[name] for name in names if fields.get(name)), None)


def _number(text: str) -> str:
    """Digits without a plus as E.164; short codes and names are unchanged."""
    return text if _SHORT_CODE.fullmatch(text) else parsing.e164(text) or text

"""Inbound messages of AWS, from the topic of a two-way number. They have no time.

Source: AWS End User Messaging SMS user guide, "Two-way SMS messaging" and "Required opt-out keywords".
"""

from __future__ import annotations

from collections.abc import Mapping

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.opt_out import Keyword, normalised
from sms_tracker.domain.queued import Inbound

_OPT_OUTS = ("arret", "cancel", "end", "opt out", "optout", "quit", "remove", "stop", "td", "unsubscribe")
"""AWS's opt-out keywords, normalised. AWS opts out the sender of a message that begins with one. If opt-outs are
self-managed, it only sets ``messageKeyword``."""


def inbound(fields: Mapping[str, str], *, received_at: str) -> Inbound:  # noqa: ARG001 - AWS sends no time
    """Raises ``Unreadable`` if the id or a number is missing."""
    names = ("inboundMessageId", "originationNumber", "destinationNumber")
    provider_id, sender, to = (fields.get(name) for name in names)
    if not (provider_id and sender and to):
        raise Unreadable("an inbound message without its id or a number")
    text, keyword = fields.get("messageBody", ""), normalised(fields.get("messageKeyword", ""))
    is_in_text = f"{normalised(text)} ".startswith(f"{keyword} ")  # else it is the number's default keyword
    signal = Keyword.STOP if keyword in _OPT_OUTS and is_in_text else None
    answers = fields.get("previousPublishedMessageId") or None
    return Inbound(provider_message_id=provider_id, sender=sender, to=(to,), text=text, signal=signal, answers=answers)

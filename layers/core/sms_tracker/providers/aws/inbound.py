"""Inbound messages of AWS, as the topic of a two-way number delivers them. They have no time.

Source: AWS End User Messaging SMS user guide, "Two-way SMS messaging" and "Required opt-out keywords".
"""

from __future__ import annotations

from collections.abc import Mapping

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.inbound import Inbound
from sms_tracker.domain.keywords import Keyword, normalised

_OPT_OUTS = ("arret", "cancel", "end", "opt out", "optout", "quit", "remove", "stop", "td", "unsubscribe")
"""Its opt-out keywords, normalised. AWS opts out everyone whose message begins with one, or passes it on as
``messageKeyword`` where opt-outs are self-managed."""


def inbound(fields: Mapping[str, str], *, received_at: str) -> Inbound:  # noqa: ARG001 - AWS sends no time
    """Raises ``Unreadable`` where the id or a number is missing."""
    known, sender, to = (fields.get(name) for name in ("inboundMessageId", "originationNumber", "destinationNumber"))
    if not (known and sender and to):
        raise Unreadable("an inbound message without its id or a number")
    text, matched = fields.get("messageBody", ""), normalised(fields.get("messageKeyword", ""))
    begins = f"{normalised(text)} ".startswith(f"{matched} ")  # the keyword may also be the number's only one
    signal = Keyword.STOP if matched in _OPT_OUTS and begins else None
    return Inbound(provider_message_id=known, sender=sender, to=(to,), text=text, signal=signal)

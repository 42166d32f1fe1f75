"""Inbound messages of AWS, as the topic of a two-way number delivers them. They have no time.

Source: AWS End User Messaging SMS user guide, "Two-way SMS messaging".
"""

from __future__ import annotations

from collections.abc import Mapping

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.inbound import Inbound


def inbound(fields: Mapping[str, str], *, received_at: str) -> Inbound:  # noqa: ARG001 - AWS sends no time
    """Raises ``Unreadable`` where the id or a number is missing."""
    known, sender, to = (fields.get(name) for name in ("inboundMessageId", "originationNumber", "destinationNumber"))
    if not (known and sender and to):
        raise Unreadable("an inbound message without its id or a number")
    return Inbound(provider_message_id=known, sender=sender, to=(to,), text=fields.get("messageBody", ""))

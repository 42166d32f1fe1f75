"""Bird's inbound events: ``sms.received``, and ``sms_suppression.created`` for an opt-out. A STOP has both.

Source: the official SDK's generated models. A suppression's ``destination`` is the person, ``originator`` our sender.
"""

from __future__ import annotations

from collections.abc import Mapping

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.opt_out import Keyword
from sms_tracker.domain.queued import Inbound
from sms_tracker.providers import parsing
from sms_tracker.providers.bird.webhook import SUPPRESSED, event, part


def inbound(fields: Mapping[str, str], *, received_at: str) -> Inbound:  # noqa: ARG001 - the event has its own time
    """Raises ``Unreadable`` if the id, the sender or the recipient is missing."""
    received = event(fields)
    data, suppressed = part(received, "data"), received.get("type") == SUPPRESSED
    names = ("suppression_id", "destination", "originator") if suppressed else ("sms_id", "from", "to")
    provider_id, sender, to = (parsing.text(data.get(name)) for name in names)
    if not (provider_id and sender and to):
        raise Unreadable(f"an event without {', '.join(names)}")
    text = data.get("text")
    if not isinstance(text, str):
        text = ""
    return Inbound(
        provider_message_id=provider_id,
        sender=sender,
        to=(to,),
        text=None if suppressed else text,
        signal=Keyword.STOP if suppressed else None,
        at=parsing.known_time(parsing.text(received.get("timestamp"))),
    )

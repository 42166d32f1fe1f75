"""Twilio's inbound messages: a signed form like a report, with ``Body`` and ``SmsStatus=received``.

Source: twilio.com/docs, "Twilio's request to your incoming message webhook" and "Advanced Opt-Out".
"""

from __future__ import annotations

from collections.abc import Mapping

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.opt_out import Keyword
from sms_tracker.domain.queued import Inbound

_SIGNALS = {"STOP": Keyword.STOP, "START": Keyword.START, "HELP": Keyword.HELP}


def inbound(fields: Mapping[str, str], *, received_at: str) -> Inbound:  # noqa: ARG001 - Twilio sends no time
    """Raises ``Unreadable`` if the id, the sender or the recipient is missing.

    Only Advanced Opt-Out sets ``OptOutType``. A STOP to a number in a messaging service opts out of both.
    """
    sid = next((fields[name] for name in ("MessageSid", "SmsMessageSid", "SmsSid") if fields.get(name)), None)
    sender, to = fields.get("From"), fields.get("To")
    if not (sid and sender and to):
        raise Unreadable("an inbound message without MessageSid, From or To")
    service = fields.get("MessagingServiceSid")
    return Inbound(
        provider_message_id=sid,
        sender=_number(sender),
        to=(to, service) if service else (to,),
        text=fields.get("Body", ""),
        signal=_SIGNALS.get(fields.get("OptOutType", "").upper()),
    )


def _number(sender: str) -> str:
    """The number in ``rcs:+31612345678``. An address of another channel, such as WhatsApp, stays as it is.

    Twilio sends a messaging service's texts by RCS to phones that have it. A STOP to one of them ends SMS too.
    """
    channel, _, number = sender.rpartition(":")
    return number if channel.lower() == "rcs" else sender

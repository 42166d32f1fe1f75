"""Whether a message may be handed to its provider, and what its refusal says about later ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sms_tracker.domain import inbound
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.opt_out import Recipient, ScopeMode, scope
from sms_tracker.domain.ports import Queue
from sms_tracker.domain.record import Record
from sms_tracker.services.opt_outs import OptOutRegister

_TRANSACTIONAL = "transactional"
"""The category of messages that a stop of marketing does not block."""


class OptOutCheck(Protocol):
    """Asked before every hand-over."""

    def is_closed(self, record: Record) -> bool:
        """Whether the recipient opted out; raises ``Unavailable``."""
        ...

    def learn(self, record: Record) -> str | None:
        """Pass on that the provider refused ``record`` for an opt-out. Returns a warning if that failed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Closed to recipients who opted out. ``replies`` is the queue of what may opt somebody out."""

    register: OptOutRegister
    mode: ScopeMode
    replies: Queue

    def is_closed(self, record: Record) -> bool:
        """Whether the recipient opted out: one strongly consistent read. Raises ``Unavailable``."""
        name = scope(self.mode, provider=record.state.provider, sender=record.sender, client=record.client)
        recipient = Recipient(scope=name, number=record.to)
        return self.register.blocked_by(recipient, transactional=record.category == _TRANSACTIONAL) is not None

    def learn(self, record: Record) -> str | None:
        """Queue the provider's refusal of a recipient who opted out. Returns a warning if it was not queued.

        Then the provider is asked, and refuses, once more.
        """
        refused = inbound.RefusedSend(message_id=record.message_id, attempt=record.send.attempt)
        try:
            self.replies.send(inbound.encode(refused))
        except SmsTrackerError as error:
            return f"opt-out not passed on: {error}"
        return None

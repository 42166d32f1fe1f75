"""Whether a message may be handed to its provider: no opt-out of its recipient, no stop of its client's sending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sms_tracker.domain import inbound
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.opt_out import OptOuts, Recipient, ScopeMode, scope
from sms_tracker.domain.ports import Clock, Queue
from sms_tracker.domain.record import Record
from sms_tracker.domain.sending_stop import Instruction, StopOf
from sms_tracker.services.responses import ApiResponse, problem

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

    opt_outs: OptOuts
    mode: ScopeMode
    replies: Queue
    clock: Clock

    def is_closed(self, record: Record) -> bool:
        """Whether the recipient opted out: one strongly consistent read. Raises ``Unavailable``."""
        name = scope(self.mode, provider=record.state.provider, sender=record.sender, client=record.client)
        recipient = Recipient(scope=name, number=record.to)
        known = self.opt_outs.get(recipient).opt_out
        return known.blocked_by(self.clock(), transactional=record.category == _TRANSACTIONAL) is not None

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


_SOON, _WHILE_STOPPED = 5.0, 60.0
"""Retry-After in seconds: for a failed read, and while stopped."""


def stopped(stop_of: StopOf, client: str) -> ApiResponse | None:
    """503 while ``client`` must not send, or while that is not known; None where it may."""
    try:
        stop = stop_of(client)
    except SmsTrackerError as error:
        detail = "Whether sending is stopped cannot be read, so nothing was sent. Send the same request again later."
        return problem("unavailable", detail, retry_after=_SOON).noting(str(error))
    return sending_stopped(stop) if stop else None


def sending_stopped(stop: Instruction) -> ApiResponse:
    """503 with the operator's reason; who it was stays inside."""
    detail = (
        f"The operator stopped sending: {stop.reason}. This request sent nothing. Send it again once sending has "
        "started, with the same Idempotency-Key."
    )
    return problem("sending-stopped", detail, retry_after=_WHILE_STOPPED, members={"at": stop.at})

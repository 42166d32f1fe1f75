"""The checks before each hand-over: stops of the client's sending, and opt-outs of the recipient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sms_tracker.domain import inbound
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.opt_out import OptOuts, Recipient, scope
from sms_tracker.domain.ports import Clock, Queue
from sms_tracker.domain.record import Record
from sms_tracker.domain.sending_stop import Instruction, StopOf
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.services.responses import ApiResponse, problem

_SOON, _WHILE_STOPPED = 5.0, 60.0
"""Retry-After in seconds: after a failed read, and while sending is stopped."""
_TRANSACTIONAL = "transactional"
"""The category of messages that a stop of marketing does not block."""


def check_stop(stop_of: StopOf, client: str) -> ApiResponse | None:
    """503 if the operator stopped the client's sending, or if that cannot be read; otherwise None."""
    try:
        stop = stop_of(client)
    except SmsTrackerError as error:
        detail = "Whether sending is stopped cannot be read, so nothing was sent. Send the same request again later."
        return problem("unavailable", detail, retry_after=_SOON).with_log_warning(str(error))
    return sending_stopped(stop) if stop else None


def sending_stopped(stop: Instruction) -> ApiResponse:
    """503 with the operator's reason, without the operator's name."""
    detail = (
        f"The operator stopped sending: {stop.reason}. This request sent nothing. Send it again once sending has "
        "started, with the same Idempotency-Key."
    )
    return problem("sending-stopped", detail, retry_after=_WHILE_STOPPED, members={"at": stop.at})


class OptOutCheck(Protocol):
    """Reads and reports opt-outs of a message's recipient."""

    def is_blocked(self, record: Record) -> bool:
        """Whether the recipient opted out; raises ``Unavailable``."""
        ...

    def pass_on_refusal(self, record: Record) -> str | None:
        """Queue the provider's refusal because of an opt-out. Returns a warning if that failed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptOutCheck:
    """The check of live messages. ``replies`` is the queue ``inbound``, where refusals become opt-outs."""

    opt_outs: OptOuts
    mode: ScopeMode
    replies: Queue
    clock: Clock

    def is_blocked(self, record: Record) -> bool:
        """Whether the recipient opted out: one strongly consistent read. Raises ``Unavailable``."""
        name = scope(self.mode, provider=record.state.provider, sender=record.sender, client=record.client)
        recipient = Recipient(scope=name, number=record.to)
        opt_out = self.opt_outs.get(recipient).opt_out
        return opt_out.blocked_by(self.clock(), transactional=record.category == _TRANSACTIONAL) is not None

    def pass_on_refusal(self, record: Record) -> str | None:
        """Queue the provider's refusal because of an opt-out. Returns a warning if that failed.

        After a failure the next message to the recipient reaches the provider, which refuses it again.
        """
        refused = inbound.RefusedSend(message_id=record.message_id, attempt=record.send.attempt)
        try:
            self.replies.send(inbound.encode(refused))
        except SmsTrackerError as error:
            return f"opt-out not passed on: {error}"
        return None

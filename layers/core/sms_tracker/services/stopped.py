"""Refuse to hand a message over while an operator has stopped its client's sending."""

from __future__ import annotations

from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.sending_stop import Instruction, StopOf
from sms_tracker.services.responses import ApiResponse, problem

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

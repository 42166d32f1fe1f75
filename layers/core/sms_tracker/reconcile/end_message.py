"""End a message by a report of our own, because its provider will not send one. Both return the decision."""

from __future__ import annotations

from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.ports import Messages, NotWritten
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import NO_REPORT, NOT_SENT, Report, Source
from sms_tracker.domain.status import Status
from sms_tracker.domain.transition import final_try
from sms_tracker.services.track import track


def end_as_unknown(messages: Messages, record: Record, *, now: str) -> str:
    """No final report came in time."""
    report = _own(record, NO_REPORT, Status.UNKNOWN, now=now)
    return track(messages, record.message_id, [report], now=now).decision


def end_as_not_sent(messages: Messages, record: Record, *, now: str) -> str:
    """One conditional write, which fails if a client takes the send over in the meantime."""
    reason = Reason.ACCOUNT if record.send.cause == "account" else Reason.NOT_SENT
    failure = Failure(category=Category.TEMPORARY, reason=reason)
    report = _own(record, NOT_SENT, Status.FAILED, failure, now=now)
    result = messages.change(record.message_id, final_try(record, report, now=now))
    return "taken-over-meanwhile" if isinstance(result, NotWritten) else "not-sent"


def _own(record: Record, word: str, status: Status, failure: Failure | None = None, *, now: str) -> Report:
    return Report(
        provider=record.state.provider,
        word=word,
        status=status,
        received=now,
        provider_message_id=record.state.provider_message_id,
        failure=failure,
        attempt=record.send.attempt,
        source=Source.LOOKUP,
    )

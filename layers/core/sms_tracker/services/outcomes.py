"""Store how a hand-over ended, and answer the client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from sms_tracker.domain.errors import SmsTrackerError, Unavailable
from sms_tracker.domain.limits import Bound
from sms_tracker.domain.outbound import Accepted, NotProcessed, OutcomeUnknown, Refused, SendOutcome
from sms_tracker.domain.ports import Clock, Messages, Pace
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import OPTED_OUT, REFUSED, Report, Source, timestamp
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.services import responses
from sms_tracker.services.limits import over_limit
from sms_tracker.services.provider_call import OptOutCheck
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.track import track

_OPTED_OUT = Failure(category=Category.PERMANENT, reason=Reason.OPTED_OUT)
_WRITE_PAUSE = 1.0
"""Longest pause between two writes in seconds; the pause is random."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRecorder:
    """Stores outcomes of the attempt that this invocation claimed.

    ``opt_out_check`` is None where opt-outs are off. Each method repeats a failed write until ``end``, in seconds of
    ``pace.monotonic``.
    """

    messages: Messages
    clock: Clock
    pace: Pace
    opt_out_check: OptOutCheck | None

    def store(self, record: Record, outcome: SendOutcome, *, default_sender: bool, end: float) -> ApiResponse:
        """Store the outcome of the provider call."""
        match outcome:
            case Accepted():
                return self._accepted(record, outcome, end)
            case Refused() if outcome.is_callers(default_sender=default_sender):
                answered, warning = self._failed(record, REFUSED, outcome.failure, end)
                return responses.refused(answered).with_log_warning(warning)
            case Refused():
                released = self.release(record, "account", end)
                return responses.account_refused(record, outcome).with_log_warning(released)
            case NotProcessed():
                released = self.release(record, "not_sent", end)
                return responses.not_processed(record, outcome).with_log_warning(released)
            case OutcomeUnknown():
                return responses.accepted(record, "outcome-unknown").with_log_warning(outcome.reason)

    def opted_out(self, record: Record, end: float) -> ApiResponse:
        """Store that the recipient opted out, so no provider was called."""
        answered, warning = self._failed(record, OPTED_OUT, _OPTED_OUT, end)
        return responses.opted_out(answered).with_log_warning(warning)

    def over_limit(self, record: Record, bound: Bound, end: float) -> ApiResponse:
        """Delete a new record, or release an older one, because a limit is reached. No provider was called."""
        is_new = record.send.attempt == 1
        warning = self._withdraw(record, end) if is_new else self.release(record, "not_sent", end)
        return over_limit(record, bound, now=self.clock(), kept=not is_new).with_log_warning(warning)

    def release(self, record: Record, cause: str, end: float) -> str | None:
        """Release the claim, so that the same key may try again. Returns a warning if that was not stored."""
        write = partial(self.messages.release, record.message_id, token=record.send.token, cause=cause)
        try:
            self._write(partial(write, now=timestamp(self.clock())), end)
        except SmsTrackerError as error:
            return f"release not stored: {error}"
        return None

    def _withdraw(self, record: Record, end: float) -> str | None:
        try:
            write = partial(self.messages.withdraw, record.message_id, token=record.send.token)
            self._write(write, end)
        except SmsTrackerError as error:
            return f"record not deleted: {error}"
        return None

    def _accepted(self, record: Record, outcome: Accepted, end: float) -> ApiResponse:
        report = replace(
            self._report(record, outcome.word, outcome.status, outcome.failure),
            provider_message_id=outcome.provider_message_id,
            occurred=outcome.occurred,
        )
        answered, warning = self._answered(record, report, end)
        return responses.accepted(answered, "accepted").with_log_warning(outcome.warning).with_log_warning(warning)

    def _failed(self, record: Record, word: str, failure: Failure, end: float) -> tuple[Record, str | None]:
        return self._answered(record, self._report(record, word, Status.FAILED, failure), end)

    def _report(self, record: Record, word: str, status: Status, failure: Failure | None) -> Report:
        return Report(
            provider=record.state.provider,
            word=word,
            status=status,
            received=timestamp(self.clock()),
            code=failure.code if failure else None,
            failure=failure,
            attempt=record.send.attempt,
            source=Source.ANSWER,
        )

    def _answered(self, record: Record, report: Report, end: float) -> tuple[Record, str | None]:
        """Store the answer as a report. Returns the record with it, and the warnings of what could not be stored."""
        seen, warnings = record, list[str]()
        write = partial(track, self.messages, record.message_id, [report], now=report.received)
        try:
            seen = self._write(partial(write, phase=SendPhase.ANSWERED), end).record or record
        except SmsTrackerError as error:
            warnings.append(f"answer not stored: {error}")
        if self.opt_out_check and report.is_opt_out and (warning := self.opt_out_check.pass_on_refusal(record)):
            warnings.append(warning)
        return replace(seen, state=fold([report], base=seen.state), send=record.send), "; ".join(warnings) or None

    def _write(self, write: Callable[[], Result], end: float) -> Result:
        """The result of ``write``, repeated once after ``Unavailable`` if the pause ends before ``end``.

        Each write is up to three tries by the AWS client.
        """
        try:
            return write()
        except Unavailable:
            pause = self.pace.fraction() * _WRITE_PAUSE
            if self.pace.monotonic() + pause > end:
                raise
        self.pace.sleep(pause)
        return write()

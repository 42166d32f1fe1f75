"""Process a batch of queued reports: write each to its message, or to the queue for what cannot be written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from sms_tracker import providers
from sms_tracker.domain.errors import Rejected, SmsTrackerError, UnknownProvider, Unreadable
from sms_tracker.domain.http import HttpResponse
from sms_tracker.domain.queued import Envelope, RefusedSend, decode_report, encode_reply, encode_report, is_raw
from sms_tracker.domain.report import Report, Source, timestamp
from sms_tracker.services.track import Tracked, track

if TYPE_CHECKING:
    from sms_tracker.domain.ports import Clock, Each, Messages, Metrics, Queue
    from sms_tracker.services.receive import RawEvents

_RETRY_DELAY = 15
"""Seconds before the second search by provider id: the first may be too early, before the id is stored."""
_METRICS = {
    "applied": "ReportsApplied",
    "noted": "ReportsNoted",
    "duplicate": "ReportsDuplicate",
    "deferred": "ReportsDeferred",
    "unmatched": "ReportsUnmatched",
    "foreign": "ReportsForeign",
    "test": "ReportsTest",
    "dead": "ReportsDead",
    "failed": "ReportsFailed",
}


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """One message of the queue: its queue id, its body, and when the queue received it."""

    queue_id: str
    body: str
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """The result for one report, or for several reports of one message.

    ``decision`` is that of :class:`sms_tracker.services.track.Tracked`, or deferred, foreign (about another stack's
    message), heard (a reply), test (of our endpoint), dead (can never succeed) or failed (is retried).
    """

    decision: str
    queue_ids: tuple[str, ...]
    message_id: str | None = None
    provider: str | None = None
    reports: tuple[Report, ...] = ()
    tracked: Tracked | None = None
    error: str | None = None

    @property
    def log_fields(self) -> dict[str, object]:
        """The fields for the log, without empty ones."""
        fields = {
            "decision": self.decision,
            "message_id": self.message_id,
            "words": [report.word for report in self.reports],
            "error": self.error,
            "for_other_recipient": len(self.tracked.foreign) if self.tracked else 0,
            "beyond_timeline": len(self.tracked.overflow) if self.tracked else 0,
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True, slots=True)
class _Queued:
    """A decoded report, and the message that it came in."""

    queue_message: QueueMessage
    envelope: Envelope
    report: Report

    def handled(self, decision: str) -> Handled:
        """The result if no record is written."""
        return Handled(decision=decision, queue_ids=(self.queue_message.queue_id,), provider=self.envelope.provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportProcessor:
    """Processes batches. ``queue`` is the queue of the reports themselves, ``dlq`` its DLQ.

    ``raw_events`` is None where every enabled provider has a webhook. ``replies`` receives refusals because of an
    opt-out; None drops them.
    """

    messages: Messages
    queue: Queue
    unmatched: Queue
    dlq: Queue
    clock: Clock
    raw_events: RawEvents | None = None
    replies: Queue | None = None
    map_groups: Each = map
    """Applies the write to each message of a batch: one after the other, or concurrently."""

    def process(self, queue_messages: Sequence[QueueMessage]) -> list[Handled]:
        """Process a batch; only ``failed`` reports must be retried. Reports of one message become one write.

        The order of the results does not depend on the order of the writes.
        """
        handled: list[Handled] = []
        groups: dict[str, list[_Queued]] = defaultdict(list)
        for queue_message in queue_messages:
            result = self._read(queue_message)
            if isinstance(result, Handled):
                handled.append(result)
            else:
                message_id, queued = result
                groups[message_id].append(queued)
        map_groups = self.map_groups if len(groups) > 1 else map  # a thread for one write costs more than it saves
        return handled + list(map_groups(self._write, list(groups.items())))

    def _read(self, queue_message: QueueMessage) -> Handled | tuple[str, _Queued]:
        """A report with the id of its message, or the result if no record is to be written."""
        try:
            envelope = self._envelope(queue_message)
            if isinstance(envelope, str):
                return Handled(decision=envelope, queue_ids=(queue_message.queue_id,))
            queued = _Queued(queue_message, envelope, read_report(envelope))
            if queued.report.test or queued.report.set_aside:
                return self._without_message(queued)
            message_id = envelope.message_id or self._find(queued.report)
            return self._defer(queued) if message_id is None else (message_id, queued)
        except (Unreadable, UnknownProvider, Rejected) as error:
            decision, reason = self._dead_letter([queue_message], str(error))
        except SmsTrackerError as error:
            decision, reason = "failed", str(error)
        return Handled(decision=decision, queue_ids=(queue_message.queue_id,), error=reason)

    def _envelope(self, queue_message: QueueMessage) -> Envelope | str:
        """The decoded body; a decision for a raw event that is no report of ours."""
        try:
            return decode_report(queue_message.body)
        except Unreadable:
            if self.raw_events is None or not is_raw(queue_message.body):
                raise
        return self.raw_events.read(queue_message.body, queue_message.sent_at or self.clock())

    def _without_message(self, queued: _Queued) -> Handled:
        if not queued.report.set_aside:
            return queued.handled("test")
        self.unmatched.send(encode_report(queued.envelope), reason=queued.report.set_aside)
        return queued.handled("unmatched")

    def _find(self, report: Report) -> str | None:
        known = report.provider_message_id
        return None if known is None else self.messages.by_provider_id(report.provider, known)

    def _defer(self, queued: _Queued) -> Handled:
        """Search twice for a report without our id: it may arrive before the provider's id is stored."""
        envelope = queued.envelope
        if envelope.tries == 0:
            self.queue.send(encode_report(replace(envelope, tries=1)), delay_seconds=_RETRY_DELAY)
            return queued.handled("deferred")
        self.unmatched.send(encode_report(envelope), reason="no message has this provider id")
        return queued.handled("unmatched")

    def _dead_letter(self, queue_messages: Sequence[QueueMessage], reason: str) -> tuple[str, str]:
        """Send what can never succeed to the DLQ at once. Returns the decision and the error for the log."""
        try:
            for queue_message in queue_messages:
                self.dlq.send(queue_message.body, reason=reason)
        except SmsTrackerError as error:
            return "failed", str(error)
        return "dead", reason

    def _write(self, entry: tuple[str, Sequence[_Queued]]) -> Handled:
        message_id, group = entry
        reports = tuple(queued.report for queued in group)
        handled = partial(
            Handled,
            queue_ids=tuple(queued.queue_message.queue_id for queued in group),
            message_id=message_id,
            provider=reports[0].provider,
            reports=reports,
        )
        try:
            tracked = track(self.messages, message_id, reports, now=timestamp(self.clock()))
            self._set_aside(group, tracked)
            self._pass_on_refusals(message_id, reports, tracked)
        except Rejected as error:
            decision, reason = self._dead_letter([queued.queue_message for queued in group], str(error))
        except SmsTrackerError as error:
            decision, reason = "failed", str(error)
        else:
            return handled(decision=tracked.decision, tracked=tracked)
        return handled(decision=decision, error=reason)

    def _set_aside(self, group: Sequence[_Queued], tracked: Tracked) -> None:
        """Send raw reports without a record, or beyond the timeline's limit, to the queue ``unmatched``."""
        if tracked.decision == "unmatched":
            for queued in group:
                self.unmatched.send(encode_report(queued.envelope), reason="no message has this id")
        elif tracked.overflow:
            overflow = {report.fingerprint for report in tracked.overflow}
            for queued in group:
                if queued.report.fingerprint in overflow:
                    self.unmatched.send(encode_report(queued.envelope), reason="the message's timeline is full")

    def _pass_on_refusals(self, message_id: str, reports: Sequence[Report], tracked: Tracked) -> None:
        """Queue each attempt refused because of an opt-out, repeated reports too: the first try may have failed."""
        if self.replies is None or tracked.decision == "unmatched":
            return
        refusals = (report for report in reports if report.is_opt_out)
        for attempt in sorted({report.attempt for report in refusals if report.fingerprint not in tracked.foreign}):
            self.replies.send(encode_reply(RefusedSend(message_id=message_id, attempt=attempt)))


def read_report(envelope: Envelope) -> Report:
    """The report in an envelope; raises ``UnknownProvider`` or ``Unreadable``."""
    adapter = providers.load(envelope.provider)
    if envelope.source is Source.LOOKUP:
        if not adapter.LOOKUP:
            raise Unreadable("the provider has no look-up")
        record = HttpResponse(200, body=envelope.fields.get("record", "").encode())
        outcome = adapter.lookup_outcome(record, received_at=envelope.received_at)
        if not isinstance(outcome, Report):
            raise Unreadable("the provider's record names no message or no status")
        return replace(outcome, attempt=envelope.attempt)
    report = adapter.report(envelope.fields, received_at=envelope.received_at)
    if (envelope.attempt, envelope.source) == (report.attempt, report.source):
        return report
    return replace(report, attempt=envelope.attempt, source=envelope.source)


def measure(handled: Sequence[Handled], metrics: Metrics, *, now: datetime) -> None:
    """Count the reports of a batch by decision, and measure the age of the oldest."""
    for result in handled:
        if result.decision in _METRICS:
            metrics.count(_METRICS[result.decision], len(result.queue_ids))
        metrics.count("ReportsUnrecognised", sum(not report.recognised for report in result.reports))
        if result.tracked:
            metrics.count("SecondProviderIds", len(result.tracked.other_ids))
    oldest = min((report.received for result in handled for report in result.reports), default=None)
    age = None if oldest is None else (now - datetime.fromisoformat(oldest)).total_seconds()
    metrics.measure("ReportAge", age, "Seconds")

"""Drain: take a batch of queued reports to their records, and lose none of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from sms_tracker import providers
from sms_tracker.domain.envelope import Envelope, decode, encode
from sms_tracker.domain.errors import Rejected, SmsTrackerError, UnknownProvider, Unreadable
from sms_tracker.domain.http import HttpResponse
from sms_tracker.domain.report import Report, Source, timestamp
from sms_tracker.services.track import Tracked, track

if TYPE_CHECKING:
    from sms_tracker.domain.ports import Clock, Each, Messages, Queue

_LOOK_AGAIN = 15
"""Seconds before a report without our id is looked up again: the sender may not have stored the provider's id yet."""


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """One message as the queue hands it over: the queue's own id and the body."""

    queue_id: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What came of one report, or of several of one message.

    ``decision`` is applied, noted, duplicate, unmatched, deferred, dead (will never work) or failed (comes again).
    """

    decision: str
    queue_ids: tuple[str, ...]
    message_id: str | None = None
    provider: str | None = None
    reports: tuple[Report, ...] = ()
    tracked: Tracked | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    delivery: QueueMessage
    envelope: Envelope
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportProcessor:
    """The use case with everything it needs from outside."""

    messages: Messages
    again: Queue
    unmatched: Queue
    dead: Queue
    clock: Clock
    each: Each = map
    """How the messages of a batch are written: ``map`` writes them one after the other."""

    def drain(self, deliveries: Sequence[QueueMessage]) -> list[Handled]:
        """Handle a batch; only what is ``failed`` must come again. Reports of one message become one write.

        What comes back is in the order of the batch, however the writes were.
        """
        handled: list[Handled] = []
        groups: dict[str, list[_Waiting]] = defaultdict(list)
        for delivery in deliveries:
            sorted_out = self._sort(delivery)
            if isinstance(sorted_out, Handled):
                handled.append(sorted_out)
            else:
                message_id, waiting = sorted_out
                groups[message_id].append(waiting)
        each = self.each if len(groups) > 1 else map  # handing one write to a thread costs more than it saves
        return handled + list(each(self._write, list(groups.items())))

    def _sort(self, delivery: QueueMessage) -> Handled | tuple[str, _Waiting]:
        try:
            try:
                envelope = decode(delivery.body)
                waiting = _Waiting(delivery, envelope, read(envelope))
                message_id = envelope.message_id or self._find(waiting.report)
                return self._defer(waiting) if message_id is None else (message_id, waiting)
            except (Unreadable, UnknownProvider, Rejected) as error:
                return self._bury([delivery], str(error))
        except SmsTrackerError as error:
            return Handled(decision="failed", queue_ids=(delivery.queue_id,), error=str(error))

    def _find(self, report: Report) -> str | None:
        if report.provider_message_id is None:
            return None
        return self.messages.by_provider_id(report.provider, report.provider_message_id)

    def _defer(self, waiting: _Waiting) -> Handled:
        """A report set in a provider's console may overtake the sender's write of the provider's id, so look twice."""
        envelope = waiting.envelope
        if envelope.tries == 0:
            self.again.send(encode(replace(envelope, tries=1)), delay_seconds=_LOOK_AGAIN)
            decision = "deferred"
        else:
            self.unmatched.send(waiting.delivery.body, reason="no message has this provider id")
            decision = "unmatched"
        return Handled(decision=decision, queue_ids=(waiting.delivery.queue_id,), provider=envelope.provider)

    def _write(self, of_one_message: tuple[str, Sequence[_Waiting]]) -> Handled:
        message_id, group = of_one_message
        reports = tuple(waiting.report for waiting in group)
        handled = partial(
            Handled,
            queue_ids=tuple(waiting.delivery.queue_id for waiting in group),
            message_id=message_id,
            provider=reports[0].provider,
            reports=reports,
        )
        try:
            tracked = track(self.messages, message_id, reports, now=timestamp(self.clock()))
            self._keep_aside(group, tracked)
        except Rejected as error:
            return self._bury_group(handled, group, str(error))
        except SmsTrackerError as error:
            return handled(decision="failed", error=str(error))
        return handled(decision=tracked.decision, tracked=tracked)

    def _keep_aside(self, group: Sequence[_Waiting], tracked: Tracked) -> None:
        """Raw reports that have no place in a record go to the queue ``unmatched``, never away."""
        if tracked.decision == "unmatched":
            for waiting in group:
                self.unmatched.send(waiting.delivery.body, reason="no message has this id")
        elif tracked.overflow:
            overflow = {report.fingerprint for report in tracked.overflow}
            for waiting in group:
                if waiting.report.fingerprint in overflow:
                    self.unmatched.send(waiting.delivery.body, reason="the message's timeline is full")

    def _bury_group(self, handled: partial[Handled], group: Sequence[_Waiting], reason: str) -> Handled:
        try:
            buried = self._bury([waiting.delivery for waiting in group], reason)
        except SmsTrackerError as error:
            return handled(decision="failed", error=str(error))
        return handled(decision=buried.decision, error=reason)

    def _bury(self, deliveries: Sequence[QueueMessage], reason: str) -> Handled:
        """What can never succeed goes to the DLQ at once, with its reason."""
        for delivery in deliveries:
            self.dead.send(delivery.body, reason=reason)
        return Handled(decision="dead", queue_ids=tuple(d.queue_id for d in deliveries), error=reason)


def read(envelope: Envelope) -> Report:
    """What an envelope's raw fields mean today; raises ``UnknownProvider`` or ``Unreadable``."""
    adapter = providers.load(envelope.provider)
    if envelope.source is Source.LOOKUP:
        record = HttpResponse(200, body=envelope.fields.get("record", "").encode())
        outcome = adapter.lookup_outcome(record, received_at=envelope.received_at)
        if not isinstance(outcome, Report):
            raise Unreadable("the provider's record names no message or no status")
        return replace(outcome, attempt=envelope.attempt)
    report = adapter.report(envelope.fields, received_at=envelope.received_at)
    if (envelope.attempt, envelope.source) == (report.attempt, report.source):
        return report
    return replace(report, attempt=envelope.attempt, source=envelope.source)

"""Publish stored changes as events on the bus, and measure the outcomes among them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from sms_tracker.domain.bus import Bus, BusEvent, StreamChange
from sms_tracker.domain.errors import Rejected
from sms_tracker.domain.ports import Metrics, Queue
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.domain.status import CORRECTIONS, Outcome, Status
from sms_tracker.services.events import SOURCE, STATUS_CHANGED, TEST_SOURCE, FailureDetail, StatusChanged
from sms_tracker.services.timeline import delivered_at, unconfirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPolicy:
    """``statuses`` may hold :data:`CORRECTIONS`; events have numbers and the text only if ``personal_data``."""

    statuses: frozenset[str]
    personal_data: bool


def status_changed(old: Record, new: Record, policy: PublishPolicy) -> StatusChanged | None:
    """The event of one stored change; None if it is not published.

    Published are changes to a published status, and the code that a published failure gains later.
    """
    status, previous = new.state.status, old.state.status
    corrects = _corrects(previous, status)
    published = status in policy.statuses or (corrects is not None and CORRECTIONS in policy.statuses)
    if not published or (status is previous and not _gained_code(old, new)):
        return None
    failure = new.state.shown_failure
    return StatusChanged(
        message_id=new.message_id,
        version=new.version,
        client=new.client,
        reference=new.reference,
        provider=new.state.provider,
        provider_message_id=new.state.provider_message_id,
        attempt=new.state.attempt,
        status=status,
        previous_status=previous,
        final=status.final,
        outcome=status.outcome,
        corrects=corrects,
        failure=FailureDetail.of(failure) if failure else None,
        unconfirmed=True if unconfirmed(new) else None,
        segments=new.segmentation.segments,
        created_at=new.created_at,
        updated_at=new.updated_at,
        status_at=new.state.at,
        to=(new.to or None) if policy.personal_data else None,
        sender=new.sender if policy.personal_data else None,
        body=new.body if policy.personal_data else None,
    )


def bus_event(old: Record, new: Record, policy: PublishPolicy) -> BusEvent | None:
    """:func:`status_changed` for the bus; messages of test keys have a source of their own."""
    event = status_changed(old, new, policy)
    source = TEST_SOURCE if new.test else SOURCE
    return None if event is None else BusEvent(source=source, detail_type=STATUS_CHANGED, detail=event.detail())


def _corrects(previous: Status, status: Status) -> Status | None:
    """The previous status if a success corrects it."""
    was_wrong = previous.outcome in (Outcome.FAILURE, Outcome.UNKNOWN)
    return previous if was_wrong and status.outcome is Outcome.SUCCESS else None


def _gained_code(old: Record, new: Record) -> bool:
    before, after = old.state.shown_failure, new.state.shown_failure
    return before is not None and after is not None and before.code is None and after.code is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The result of one batch. ``resume_at`` is the sequence number to retry from, None if nothing is left.

    ``received``: when the webhook of each published change arrived, for changes by webhooks.
    """

    published: int
    broken: int
    refused: int
    resume_at: str | None
    errors: tuple[str, ...] = ()
    received: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Publishes batches of changes; ``failed`` is the queue ``publish-failed``."""

    bus: Bus
    failed: Queue
    policy: PublishPolicy

    def publish(self, changes: Iterable[StreamChange]) -> Published:
        """Publish a batch's events in order.

        A change without a valid event goes to the queue ``publish-failed``, and the batch continues. The stream retries
        from the first event that the bus refuses. Raises ``Unavailable`` if the queue is unavailable.
        """
        events: list[tuple[StreamChange, BusEvent]] = []
        broken = 0
        for change in changes:
            try:
                event = self._event(change)
            except (ValueError, ValidationError) as error:
                broken += 1
                self._set_aside(change, type(error).__name__)
                continue
            if event is not None:
                events.append((change, event))
        results = list(zip(events, self.bus.put([event for _, event in events]), strict=True))
        errors = [(change.sequence, error) for (change, _), error in results if error is not None]
        arrivals = [arrival(change) for (change, _), error in results if error is None]
        return Published(
            published=len(events) - len(errors),
            broken=broken,
            refused=len(errors),
            resume_at=errors[0][0] if errors else None,
            errors=tuple(sorted({error for _, error in errors})),
            received=tuple(filter(None, arrivals)),
        )

    def _set_aside(self, change: StreamChange, reason: str) -> None:
        try:
            self.failed.send(json.dumps(change.raw, default=str), reason=reason)
        except Rejected:  # two images can exceed the queue's size limit; the keys identify the record
            self.failed.send(json.dumps(_without_images(change.raw), default=str), reason=reason)

    def _event(self, change: StreamChange) -> BusEvent | None:
        if change.event is not None:
            return change.event
        if change.old is None or change.new is None:
            raise ValueError(change.unreadable)
        return bus_event(change.old, change.new, self.policy)


def arrival(change: StreamChange) -> str | None:
    """When the first webhook that a change stored arrived; None without a webhook, and for test messages."""
    if change.old is None or change.new is None or change.new.test:
        return None
    added = (entry for key, entry in change.new.reports.items() if key not in change.old.reports)
    return min((entry.received for entry in added if entry.source == Source.CALLBACK), default=None)


def _without_images(raw: Mapping[str, object]) -> dict[str, object]:
    stream = raw.get("dynamodb")
    kept = (
        {name: part for name, part in stream.items() if not name.endswith("Image")} if isinstance(stream, dict) else {}
    )
    return {**raw, "dynamodb": kept}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachedOutcome:
    """A message that reached an outcome, or another one.

    ``seconds_to_delivery`` is the time from its creation to its delivery, None if not delivered.
    """

    provider: str
    outcome: Outcome
    seconds_to_delivery: float | None


def reached_outcomes(changes: Iterable[StreamChange]) -> Iterator[ReachedOutcome]:
    """The outcomes in a batch, without test messages. A correction counts again, and so does a repeated change."""
    for change in changes:
        if change.old is None or change.new is None or change.new.test:
            continue
        state = change.new.state
        if state.status.outcome in {Outcome.OPEN, change.old.state.status.outcome}:
            continue
        seconds, delivered = None, delivered_at(change.new)
        if delivered is not None:
            seconds = _seconds(datetime.fromisoformat(change.new.created_at), delivered)
        yield ReachedOutcome(provider=state.provider, outcome=state.status.outcome, seconds_to_delivery=seconds)


def measure(published: Published, changes: Iterable[StreamChange], metrics: Metrics, *, now: datetime) -> None:
    """Measure the time from each report's arrival to its event and, once the batch is done, the outcomes.

    The stream may repeat a change, so outcomes are approximate. Those of ``GET /stats`` are exact.
    """
    delays = [_seconds(datetime.fromisoformat(received), timestamp(now)) for received in published.received]
    metrics.measure("ReportToEvent", delays, "Seconds")
    if published.resume_at is None:
        _measure_outcomes(list(reached_outcomes(changes)), metrics)


def _measure_outcomes(outcomes: Sequence[ReachedOutcome], metrics: Metrics) -> None:
    for outcome, count in sorted(Counter(reached.outcome for reached in outcomes).items()):
        metrics.with_dimensions(outcome=str(outcome)).count("Outcomes", count)
    seconds: dict[str, list[float]] = defaultdict(list)
    for reached in outcomes:
        if reached.seconds_to_delivery is not None:
            seconds[reached.provider].append(reached.seconds_to_delivery)
    for provider, values in sorted(seconds.items()):
        metrics.with_dimensions(provider=provider).measure("TimeToDeliver", values, "Seconds")


def _seconds(since: datetime, moment: str) -> float:
    """Clamped at 0: the other clock may be behind."""
    return max(0.0, (datetime.fromisoformat(moment) - since).total_seconds())

"""Publish: which stored changes become events, what an event says, and that the bus has each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from sms_tracker.domain.errors import Rejected
from sms_tracker.domain.ports import Bus, BusEvent, Queue, StreamChange
from sms_tracker.domain.record import Record
from sms_tracker.domain.status import Outcome, Status
from sms_tracker.services.events import DETAIL_TYPE, SOURCE, FailureDetail, StatusChanged

CORRECTIONS = "corrections"
"""The word that, among the published statuses, stands for a success after a failure (or after giving up)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is published: ``statuses`` may hold :data:`CORRECTIONS`; numbers and text only if ``personal_data``."""

    statuses: frozenset[str]
    personal_data: bool


def event(old: Record, new: Record, policy: Policy) -> StatusChanged | None:
    """The event of one stored change, or None where it is not for publishing.

    One per change of status into the published ones, and one when a failure learns its code.
    """
    status, previous = new.state.status, old.state.status
    corrects = _corrects(previous, status)
    wanted = status in policy.statuses or (corrects is not None and CORRECTIONS in policy.statuses)
    if not wanted or (status is previous and not _learnt_code(old, new)):
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
        segments=new.segmentation.segments,
        created_at=new.created_at,
        updated_at=new.updated_at,
        status_at=new.state.at,
        to=(new.to or None) if policy.personal_data else None,
        sender=new.sender if policy.personal_data else None,
        body=new.body if policy.personal_data else None,
    )


def _corrects(previous: Status, status: Status) -> Status | None:
    wrong = previous.outcome in (Outcome.FAILURE, Outcome.UNKNOWN)
    return previous if wrong and status.outcome is Outcome.SUCCESS else None


def _learnt_code(old: Record, new: Record) -> bool:
    before, after = old.state.shown_failure, new.state.shown_failure
    return before is not None and after is not None and before.code is None and after.code is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """How one batch went. ``resume_at`` is the sequence number from which it must come again, None if all is done."""

    published: int
    broken: int
    refused: int
    resume_at: str | None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """The use case with everything it needs from outside."""

    bus: Bus
    failed: Queue
    policy: Policy

    def publish(self, changes: Iterable[StreamChange]) -> Published:
        """Publish a batch's events in order.

        A change whose event cannot be built goes to the queue ``publish-failed`` and the batch goes on; an event that
        the bus does not take makes the stream come again from there. Raises ``Unavailable`` if neither can be told.
        """
        events: list[tuple[str, BusEvent]] = []
        broken = 0
        for change in changes:
            try:
                made = self._event(change)
            except (ValueError, ValidationError) as error:
                broken += 1
                self._set_aside(change, type(error).__name__)
                continue
            if made is not None:
                events.append((change.sequence, made))
        refusals = self.bus.put([made for _, made in events])
        errors = [(sequence, why) for (sequence, _), why in zip(events, refusals, strict=True) if why is not None]
        return Published(
            published=len(events) - len(errors),
            broken=broken,
            refused=len(errors),
            resume_at=errors[0][0] if errors else None,
            errors=tuple(sorted({why for _, why in errors})),
        )

    def _set_aside(self, change: StreamChange, reason: str) -> None:
        try:
            self.failed.send(json.dumps(change.raw, default=str), reason=reason)
        except Rejected:  # two images can be more than a queue takes; the keys find the record in the table
            self.failed.send(json.dumps(_without_images(change.raw), default=str), reason=reason)

    def _event(self, change: StreamChange) -> BusEvent | None:
        if change.old is None or change.new is None:
            raise ValueError(change.unreadable)
        made = event(change.old, change.new, self.policy)
        return None if made is None else BusEvent(source=SOURCE, detail_type=DETAIL_TYPE, detail=made.detail())


def _without_images(raw: Mapping[str, object]) -> dict[str, object]:
    stream = raw.get("dynamodb")
    kept = (
        {name: part for name, part in stream.items() if not name.endswith("Image")} if isinstance(stream, dict) else {}
    )
    return {**raw, "dynamodb": kept}

"""Track: write reports to their message, whatever the order and however often they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.ports import Messages, NotWritten
from sms_tracker.domain.record import Change, Guard, Record, SendPhase
from sms_tracker.domain.transition import first_try, next_try

if TYPE_CHECKING:
    from sms_tracker.domain.report import Report

_TRIES = 8
"""Writes per call; each refusal means that another writer got ahead, and nobody gets ahead that often for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """What came of it.

    ``decision`` is applied (the message moved), noted (the timeline grew), duplicate (nothing new) or unmatched
    (no such message). ``overflow`` are reports that the full timeline could not keep, ``foreign`` the fingerprints of
    those about another recipient, ``other_ids`` further provider ids of one attempt; ``record`` is the one last seen.
    """

    decision: str
    overflow: tuple[Report, ...] = ()
    foreign: frozenset[str] = frozenset()
    other_ids: frozenset[tuple[int, str]] = frozenset()
    record: Record | None = None


def track(
    messages: Messages, message_id: str, reports: Sequence[Report], *, now: str, phase: SendPhase | None = None
) -> Tracked:
    """Apply ``reports`` of one message in one write where they come in order, in a few where they do not.

    Raises ``Unavailable`` when the storage does, or when other writers won every race.
    """
    change = first_try(reports, now=now, phase=phase)
    overflow: tuple[Report, ...] = ()
    record: Record | None = None
    for _ in range(_TRIES):
        result = messages.change(message_id, change)
        if not isinstance(result, NotWritten):
            return _tracked(change, overflow, record)
        if (record := result.record) is None:
            return Tracked(decision="unmatched")
        following = next_try(record, reports, now=now, phase=phase)
        overflow = following.overflow
        if following.change is None:
            return Tracked(decision="duplicate", overflow=overflow, record=record)
        change = following.change
    raise Unavailable("other writers were faster every time")


def _tracked(change: Change, overflow: tuple[Report, ...], record: Record | None) -> Tracked:
    known = record.state.other_ids if record else frozenset()
    return Tracked(
        decision="noted" if change.guard is Guard.LATE else "applied",
        overflow=overflow,
        foreign=change.foreign,
        other_ids=change.state.other_ids - known if change.state else frozenset(),
        record=record,
    )

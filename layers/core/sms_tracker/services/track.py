"""Write reports to their message, in any order and any number of times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.ports import Messages, NotWritten
from sms_tracker.domain.record import Change, Guard, Record, SendPhase
from sms_tracker.domain.transition import Next, first_try, next_try

if TYPE_CHECKING:
    from sms_tracker.domain.report import Report

_MAX_WRITES = 8
"""Writes per call. Each refusal means that another writer was faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """The result.

    ``decision`` is applied (the message changed), noted (only its timeline or cost changed), duplicate (nothing
    changed) or unmatched (no such message). ``overflow`` are reports beyond the timeline's limit, ``foreign`` the
    fingerprints of all reports about another recipient. ``other_ids`` are further provider ids of one attempt,
    ``record`` is the record last read.
    """

    decision: str
    overflow: tuple[Report, ...] = ()
    foreign: frozenset[str] = frozenset()
    other_ids: frozenset[tuple[int, str]] = frozenset()
    record: Record | None = None


def track(
    messages: Messages, message_id: str, reports: Sequence[Report], *, now: str, phase: SendPhase | None = None
) -> Tracked:
    """Apply the reports of one message. Reports in order take one write, others a few.

    Raises ``Unavailable`` if the storage does, or if other writers were faster every time.
    """
    change = first_try(reports, now=now, phase=phase)
    following = Next(change=change)
    record: Record | None = None
    for _ in range(_MAX_WRITES):
        result = messages.change(message_id, change)
        if not isinstance(result, NotWritten):
            return _tracked(following, record)
        if (record := result.record) is None:
            return Tracked(decision="unmatched")
        following = next_try(record, reports, now=now, phase=phase)
        if following.change is None:
            return _tracked(following, record)
        change = following.change
    raise Unavailable("other writers were faster every time")


def _tracked(last: Next, record: Record | None) -> Tracked:
    known = record.state.other_ids if record else frozenset()
    return Tracked(
        decision=_decision(last.change),
        overflow=last.overflow,
        foreign=last.foreign,
        other_ids=last.change.state.other_ids - known if last.change and last.change.state else frozenset(),
        record=record,
    )


def _decision(change: Change | None) -> str:
    if change is None:
        return "duplicate"
    return "noted" if change.guard is Guard.LATE else "applied"

"""Track: write reports to their message, in any order and any number of times."""

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
"""Writes per call. Each refusal means that another writer was faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """The result.

    ``decision`` is applied (the message changed), noted (the timeline grew), duplicate (nothing new) or unmatched
    (no such message). ``overflow`` are reports beyond the timeline's limit, ``foreign`` the fingerprints of reports
    about another recipient, ``other_ids`` further provider ids of one attempt, ``record`` the record last read.
    """

    decision: str
    overflow: tuple[Report, ...] = ()
    foreign: frozenset[str] = frozenset()
    other_ids: frozenset[tuple[int, str]] = frozenset()
    record: Record | None = None


def track(
    messages: Messages, message_id: str, reports: Sequence[Report], *, now: str, phase: SendPhase | None = None
) -> Tracked:
    """Apply the reports of one message: one write if they are in order, otherwise a few.

    Raises ``Unavailable`` if the storage does, or if other writers were faster every time.
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

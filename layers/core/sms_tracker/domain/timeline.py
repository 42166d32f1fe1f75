"""Which reports changed the record when they arrived, derived from the timeline alone."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sms_tracker.domain.report import Report
from sms_tracker.domain.state import State, fold


class NotApplied(StrEnum):
    """Why a report changed neither the status nor the failure."""

    EARLIER = "a later status was already known"
    KNOWN = "it says what was already known"
    FOREIGN = "it is about another recipient"
    UNFAMILIAR = "its word is not known here"
    SILENT = "its word says nothing about delivery"


def not_applied(reports: Iterable[tuple[Report, bool]], *, base: State) -> list[NotApplied | None]:
    """One value for each ``(report, whether it is about another recipient)``, in order of arrival.

    None means applied: the report changed the status or the failure. An attempt begins with its first report. Reports
    that one write stored together count as one report after the other.
    """
    found, state = list[NotApplied | None](), base
    for report, foreign in reports:
        after = state if foreign else fold([report], base=state)
        found.append(NotApplied.FOREIGN if foreign else _reason(report, state, after))
        state = after
    return found


def _reason(report: Report, before: State, after: State) -> NotApplied | None:
    if report.status is None:
        return NotApplied.SILENT if report.recognised else NotApplied.UNFAMILIAR
    if (after.order, after.failure) != (before.order, before.failure):
        return None
    return NotApplied.KNOWN if report.order == before.order else NotApplied.EARLIER

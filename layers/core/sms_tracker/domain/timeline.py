"""What each report changed when it came, worked out from the reports alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sms_tracker.domain.report import Report
from sms_tracker.domain.state import State, fold


class Because(StrEnum):
    """Why a report was not applied; ``FAILURE`` says what one changed that left the status alone."""

    FAILURE = "it tells more about the failure"
    EARLIER = "a later status was already known"
    KNOWN = "it says what was already known"
    FOREIGN = "it is about another recipient"
    UNFAMILIAR = "its word is not known here"
    SILENT = "its word says nothing about delivery"


@dataclass(frozen=True, slots=True)
class Effect:
    """Whether a report changed status or failure; ``because`` is None where it moved the status."""

    applied: bool
    because: Because | None = None


def effects(told: Iterable[tuple[Report, bool]], *, base: State) -> list[Effect]:
    """One effect for each ``(report, whether it is about another recipient)``, in their order of arrival.

    An attempt begins with its first report. What was written in one go counts as one report after the other.
    """
    found, state = list[Effect](), base
    for report, foreign in told:
        after = state if foreign else fold([report], base=state)
        found.append(Effect(applied=False, because=Because.FOREIGN) if foreign else _effect(report, state, after))
        state = after
    return found


def _effect(report: Report, before: State, after: State) -> Effect:
    if report.status is None:
        return Effect(applied=False, because=Because.SILENT if report.recognised else Because.UNFAMILIAR)
    if after.order != before.order:
        return Effect(applied=True)
    if after.failure != before.failure:
        return Effect(applied=True, because=Because.FAILURE)
    return Effect(applied=False, because=Because.KNOWN if report.order == before.order else Because.EARLIER)

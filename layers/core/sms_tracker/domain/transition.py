"""The writes that apply reports to a record: a first try without a read, then tries from the stored record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sms_tracker.domain.cost import Cost
from sms_tracker.domain.indexes import EARLIEST
from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, Record, SendPhase
from sms_tracker.domain.report import Report, Source, spellings
from sms_tracker.domain.state import BOTTOM, fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The write after a refused one. ``change`` is None if the record already has everything.

    ``overflow``: reports that do not fit into the timeline; their status still counts. ``foreign``: fingerprints of
    all reports about another recipient.
    """

    change: Change | None
    overflow: tuple[Report, ...] = ()
    foreign: frozenset[str] = frozenset()


_NO_VERSION = 0
"""A version that no record has. A write under it is always refused, so it only reads the record."""


def first_try(reports: Sequence[Report], *, now: str, phase: SendPhase | None = None) -> Change:
    """The write without a read. It is applied if every report is new and their state outranks the stored one.

    If it is refused, the refusal returns the record, and :func:`next_try` continues from there.
    """
    state, added, new_costs = fold(reports, base=BOTTOM), _distinct(reports), costs(reports)
    if len(added) > MAX_REPORTS:  # they do not fit into a timeline, nor into DynamoDB's longest expression
        return Change(guard=Guard.SEEN, version=_NO_VERSION, state=state, added=(), now=now)
    if state is BOTTOM:  # no report has a status
        return Change(guard=Guard.LATE, added=added, costs=new_costs, now=now, phase=phase)
    return Change(guard=Guard.FIRST, state=state, added=added, costs=new_costs, now=now, phase=phase)


def next_try(record: Record, reports: Sequence[Report], *, now: str, phase: SendPhase | None = None) -> Next:
    """The write from ``record``, which the refused write returned."""
    new = [report for report in _distinct(reports) if not record.has(report)]
    room = max(0, MAX_REPORTS - len(record.reports))
    added, overflow = tuple(new[:room]), tuple(new[room:])
    # Reports already in the timeline are joined again: a repeated claim may have an earlier time, or a price.
    ours = [report for report in reports if _is_about(report, record)]
    foreign = frozenset(report.fingerprint for report in reports if not _is_about(report, record))
    state, new_costs = fold(ours, base=record.state), costs(ours, record.costs)
    is_moved = state != record.state
    change = Change(
        guard=Guard.SEEN if is_moved else Guard.LATE,
        state=state if is_moved else None,
        version=record.version if is_moved else None,
        added=added,
        foreign=foreign,
        costs=new_costs,
        phase=None if record.send.phase is phase else phase,
        now=now,
    )
    is_needed = is_moved or added or change.phase or new_costs
    return Next(change=change if is_needed else None, overflow=overflow, foreign=foreign)


def final_try(record: Record, report: Report, *, now: str) -> Change:
    """The write that ends a released send, unless a client has taken the send over since ``record`` was read."""
    return Change(
        guard=Guard.SEEN,
        state=fold([report], base=record.state),
        added=(report,) if len(record.reports) < MAX_REPORTS else (),
        now=now,
        version=record.version,
        phase=SendPhase.ANSWERED,
    )


def costs(reports: Iterable[Report], known: Mapping[int, Cost] | None = None) -> dict[int, Cost]:
    """By attempt, the costs in ``reports`` that outrank the known ones.

    Like the status, the cost is a join: order and repetition of the reports do not matter.
    """
    highest: dict[int, Cost] = {}
    for report in reports:
        best = highest.get(report.attempt) or (known or {}).get(report.attempt)
        if (cost := observed_cost(report)) is not None and (best is None or best.key < cost.key):
            highest[report.attempt] = cost
    return highest


_SECOND = len("2026-01-31T12:00:00")


def observed_cost(report: Report) -> Cost | None:
    """The price of a report with the time of its observation; None without a price.

    A lookup is observed when it is received, in whole seconds like providers' events. Any other report is observed at
    the provider's time, so that a late repetition does not restore an earlier price. Times after the receipt or before
    2000 are impossible, and are replaced by these bounds.
    """
    if report.price is None:
        return None
    if report.source is Source.LOOKUP:
        observed_at = f"{report.received[:_SECOND]}.000Z"
    else:
        observed_at = max(EARLIEST, min(report.at, report.received))
    return Cost(price=report.price, observed_at=observed_at, segments=report.segments)


def _distinct(reports: Sequence[Report]) -> tuple[Report, ...]:
    """The first report of each fingerprint."""
    if len(reports) == 1:
        return tuple(reports)
    distinct: dict[str, Report] = {}
    for report in reports:
        distinct.setdefault(report.fingerprint, report)
    return tuple(distinct.values())


def _is_about(report: Report, record: Record) -> bool:
    """Whether a report is about the record's recipient; a forgotten recipient matches every report."""
    return not record.to or report.recipient is None or record.to in spellings(report.recipient)

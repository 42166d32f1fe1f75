"""The writes that apply reports to a record: first one that needs no read, then one that fits the stored record.

And the costs that reports state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sms_tracker.domain.cost import Cost
from sms_tracker.domain.indexes import EARLIEST
from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, Record, SendPhase
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.spelling import spellings
from sms_tracker.domain.state import NOTHING, fold

_SECOND = len("2026-01-31T12:00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The write after a refused one; ``change`` is None where the record already has everything.

    ``overflow`` holds the reports for which the timeline has no room. Their status is applied all the same.
    ``foreign`` has the fingerprints of reports about another recipient, new or known.
    """

    change: Change | None
    overflow: tuple[Report, ...] = ()
    foreign: frozenset[str] = frozenset()


def final_try(record: Record, report: Report, *, now: str) -> Change:
    """The write that ends a released send.

    Its condition is the version as read: a client that takes the send over in the meantime wins.
    """
    return Change(
        guard=Guard.SEEN,
        state=fold([report], base=record.state),
        added=(report,) if len(record.reports) < MAX_REPORTS else (),
        now=now,
        version=record.version,
        phase=SendPhase.ANSWERED,
    )


def first_try(reports: Sequence[Report], *, now: str, phase: SendPhase | None = None) -> Change:
    """The write that needs no read; it holds where every report is new and one of them moves the message.

    More reports than a timeline holds cannot be written so, and would exceed DynamoDB's limit on expressions. They get
    a condition that always fails (no record has version 0), and the refusal returns the record.
    """
    gain, added, observed = fold(reports, base=NOTHING), _distinct(reports), costs(reports)
    if len(added) > MAX_REPORTS:
        return Change(guard=Guard.SEEN, state=gain, added=(), now=now, version=0)
    if gain is NOTHING:
        return Change(guard=Guard.LATE, added=added, costs=observed, now=now, phase=phase)
    return Change(guard=Guard.FIRST, state=gain, added=added, costs=observed, now=now, phase=phase)


def next_try(record: Record, reports: Sequence[Report], *, now: str, phase: SendPhase | None = None) -> Next:
    """The write that fits ``record``, as the refused write returned it."""
    new = [report for report in _distinct(reports) if not record.has(report)]
    foreign = frozenset(report.fingerprint for report in reports if not _about(report, record))
    room = max(0, MAX_REPORTS - len(record.reports))
    added, overflow = tuple(new[:room]), tuple(new[room:])
    phase = None if record.send.phase is phase else phase
    # Reports already in the timeline are joined again: a repeated claim may carry an earlier time, or a price.
    ours = [report for report in reports if _about(report, record)]
    state, observed = fold(ours, base=record.state), costs(ours, record.costs)
    if state == record.state:
        change = Change(guard=Guard.LATE, added=added, foreign=foreign, costs=observed, now=now, phase=phase)
        return Next(change=change if added or phase or observed else None, overflow=overflow, foreign=foreign)
    change = Change(
        guard=Guard.SEEN,
        state=state,
        added=added,
        foreign=foreign,
        now=now,
        version=record.version,
        costs=observed,
        phase=phase,
    )
    return Next(change=change, overflow=overflow, foreign=foreign)


def _distinct(reports: Sequence[Report]) -> tuple[Report, ...]:
    """Each claim once, in its first form."""
    if len(reports) == 1:
        return tuple(reports)
    return tuple({report.fingerprint: report for report in reversed(reports)}.values())[::-1]


def _about(report: Report, record: Record) -> bool:
    """Whether a report is about the record's recipient; a forgotten recipient matches every report."""
    return not record.to or report.recipient is None or record.to in spellings(report.recipient)


def costs(reports: Iterable[Report], known: Mapping[int, Cost] | None = None) -> dict[int, Cost]:
    """By attempt, the costs in ``reports`` that outrank the known ones.

    Like the status, the cost is a join: order and repetition of the reports do not matter.
    """
    found: dict[int, Cost] = {}
    for report in reports:
        best = found.get(report.attempt) or (known or {}).get(report.attempt)
        if (cost := observed(report)) is not None and (best is None or best.key < cost.key):
            found[report.attempt] = cost
    return found


def observed(report: Report) -> Cost | None:
    """The price of a report as an observation; None without one.

    A look-up observes the present, in whole seconds as the events of a provider: of one second the larger amount wins.
    Any other report is of its provider's time: an event that is repeated after its successor does not bring an earlier
    price back. Times after the receipt or before 2000 are no times of events.
    """
    if report.price is None:
        return None
    if report.source is Source.LOOKUP:
        observed_at = f"{report.received[:_SECOND]}.000Z"
    else:
        observed_at = max(EARLIEST, min(report.at, report.received))
    return Cost(price=report.price, observed_at=observed_at, segments=report.segments)

"""How reports are written to a record: one conditional write first, and what its refusal means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, Record, SendPhase
from sms_tracker.domain.report import Report
from sms_tracker.domain.state import NOTHING, fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What to do about a refused write: try ``change``, or nothing where everything is in the record already.

    ``overflow`` are reports for which the timeline has no room; what they say is applied all the same.
    """

    change: Change | None
    overflow: tuple[Report, ...] = ()


def final_try(record: Record, report: Report, *, now: str) -> Change:
    """The write that ends a released send.

    It stands on the version as read, so it loses against a client that takes the send over in the meantime.
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
    """The write that needs no read: right whenever each report is new and one of them moves the message.

    More than a timeline holds can never be that write, nor an expression that DynamoDB takes: then it is one that is
    sure to be refused, for no record has version 0, and so shows the record.
    """
    gain, added = fold(reports, base=NOTHING), _distinct(reports)
    if len(added) > MAX_REPORTS:
        return Change(guard=Guard.SEEN, state=gain, added=(), now=now, version=0)
    if gain is NOTHING:
        return Change(guard=Guard.LATE, added=added, now=now, phase=phase)
    return Change(guard=Guard.FIRST, state=gain, added=added, now=now, phase=phase)


def next_try(record: Record, reports: Sequence[Report], *, now: str, phase: SendPhase | None = None) -> Next:
    """The write that fits ``record``, which the storage showed when it refused the one before."""
    new = [report for report in _distinct(reports) if report.fingerprint not in record.reports]
    foreign = frozenset(report.fingerprint for report in new if not _about(report, record))
    room = max(0, MAX_REPORTS - len(record.reports))
    added, overflow = tuple(new[:room]), tuple(new[room:])
    phase = None if record.send.phase is phase else phase
    # What is in the timeline already is joined again: the same claim may come once more with an earlier time.
    state = fold((report for report in reports if _about(report, record)), base=record.state)
    if state == record.state:
        change = Change(guard=Guard.LATE, added=added, foreign=foreign, now=now, phase=phase)
        return Next(change=change if added or phase else None, overflow=overflow)
    change = Change(
        guard=Guard.SEEN,
        state=state,
        added=added,
        foreign=foreign,
        now=now,
        version=record.version,
        phase=phase,
    )
    return Next(change=change, overflow=overflow)


def _distinct(reports: Sequence[Report]) -> tuple[Report, ...]:
    """Each claim once, as it came first."""
    if len(reports) == 1:
        return tuple(reports)
    return tuple({report.fingerprint: report for report in reversed(reports)}.values())[::-1]


def _about(report: Report, record: Record) -> bool:
    """A record that forgot its recipient has nothing to compare with."""
    return not record.to or report.recipient in (None, record.to)

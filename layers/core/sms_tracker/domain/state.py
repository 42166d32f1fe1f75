"""The state of a message from its reports: a join, so that order and repetition do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

from sms_tracker.domain.status import Outcome, Status, order

if TYPE_CHECKING:
    from sms_tracker.domain.report import Report
    from sms_tracker.domain.status import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedFailure:
    """A failure and the order of its report."""

    failure: Failure
    order: int

    @property
    def key(self) -> tuple[bool, int, str, str, str, str]:
        """A failure with a code beats one without, then the higher order wins; the rest makes the order total."""
        failure = self.failure
        code, message = failure.code or "", failure.message or ""
        return (failure.code is not None, self.order, code, message, failure.category, failure.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A point of the join semilattice.

    ``ids`` has the provider's id of each attempt. If an attempt has several, the smallest is in ``ids`` and the others
    are in ``other_ids`` as ``(attempt, id)``. ``at`` is when the status became true, RFC 3339. ``failure`` stays when a
    success outranks it.
    """

    status: Status
    attempt: int
    at: str
    provider: str
    ids: Mapping[int, str] = field(default_factory=dict)
    other_ids: frozenset[tuple[int, str]] = frozenset()
    failure: RankedFailure | None = None

    @property
    def order(self) -> int:
        """See :func:`sms_tracker.domain.status.order`."""
        return order(self.status, self.attempt)

    @property
    def provider_message_id(self) -> str | None:
        """The provider's id of the attempt that has the status."""
        return self.ids.get(self.attempt)

    @property
    def shown_failure(self) -> Failure | None:
        """The failure if the status is one, else None."""
        return self.failure.failure if self.failure and self.status.outcome is Outcome.FAILURE else None


def initial_state(*, attempt: int, at: str, provider: str) -> State:
    """The state before any report."""
    return State(status=Status.PENDING, attempt=attempt, at=at, provider=provider)


BOTTOM = State(status=Status.PENDING, attempt=0, at="", provider="")
"""The bottom of the join: any report with a status outranks it."""


def fold(reports: Iterable[Report], *, base: State) -> State:
    """``reports`` joined to ``base``.

    Associative, commutative and idempotent: every permutation, duplication and split of ``reports`` gives the same
    result. Reports without a status change nothing.
    """
    return reduce(_join, reports, base)


def _join(state: State, report: Report) -> State:
    if report.status is None:
        return state
    status, attempt, at, provider = _joined_status(state, report, report.status)
    ids, other_ids = _joined_ids(state, report)
    failure = _joined_failure(state, report)
    return State(
        status=status, attempt=attempt, at=at, provider=provider, ids=ids, other_ids=other_ids, failure=failure
    )


def _joined_status(state: State, report: Report, status: Status) -> tuple[Status, int, str, str]:
    """Status, attempt, time and provider: the higher order wins, then the earlier time."""
    known, reported, at = state.order, order(status, report.attempt), report.at
    if reported > known or (reported == known and (at, report.provider) < (state.at, state.provider)):
        return status, report.attempt, at, report.provider
    return state.status, state.attempt, state.at, state.provider


def _joined_ids(state: State, report: Report) -> tuple[Mapping[int, str], frozenset[tuple[int, str]]]:
    new, old = report.provider_message_id, state.ids.get(report.attempt)
    if new is None or new == old:
        return state.ids, state.other_ids
    kept = new if old is None else min(new, old)
    others = {(report.attempt, other) for other in (new, old) if other is not None and other != kept}
    return {**state.ids, report.attempt: kept}, state.other_ids | others


def _joined_failure(state: State, report: Report) -> RankedFailure | None:
    if report.failure is None or report.order is None or not report.is_failure:
        return state.failure
    known, reported = state.failure, RankedFailure(failure=report.failure, order=report.order)
    return known if known is not None and known.key >= reported.key else reported

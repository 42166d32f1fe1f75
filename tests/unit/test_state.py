from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from sms_tracker.domain.report import Report
from sms_tracker.domain.state import BOTTOM, RankedFailure, State, fold, initial_state
from sms_tracker.domain.status import Category, Failure, Reason, Status
from tests.factories import NOW, report

BASE = initial_state(attempt=1, at=NOW, provider="twilio")
EARLIER, LATER = "2026-01-31T11:59:00.000Z", "2026-01-31T12:01:00.000Z"
FIRST_ID, SECOND_ID, THIRD_ID = "SM" + "1" * 32, "SM" + "2" * 32, "SM" + "3" * 32


def failure(code: str | None = None, **values: Any) -> Failure:
    return Failure(**{"category": Category.TEMPORARY, "reason": Reason.UNREACHABLE, "code": code, **values})


def failed(code: str | None, status: Status = Status.FAILED, **values: Any) -> Report:
    return report(status, code=code, failure=failure(code), **values)


def in_any_order(*reports: Report) -> State:
    """The one state that every permutation of these, each given twice, makes of a new record."""
    states = [fold(2 * order, base=BASE) for order in permutations(reports)]
    assert all(state == states[0] for state in states)
    return states[0]


def test_a_new_record_is_pending_without_ids_or_failure_and_any_status_outranks_the_bottom() -> None:
    assert (BASE.status, BASE.attempt, BASE.at, BASE.provider) == (Status.PENDING, 1, NOW, "twilio")
    assert (BASE.order, BASE.provider_message_id, BASE.shown_failure) == (20, None, None)
    assert fold([], base=BASE) == BASE
    assert BOTTOM.order < min(report(status).order or 0 for status in Status)


def test_the_highest_status_is_the_messages_status() -> None:
    state = in_any_order(report(Status.ACCEPTED), report(Status.DELIVERED, received=LATER), report(Status.SENT))
    assert (state.status, state.at, state.order) == (Status.DELIVERED, LATER, 1221)


def test_a_later_attempt_outranks_a_failure_of_an_earlier_one() -> None:
    sent = report(Status.SENT, attempt=2, provider="messagebird", provider_message_id="b" * 32)
    state = in_any_order(failed("30003"), sent)

    assert (state.status, state.attempt, state.provider) == (Status.SENT, 2, "messagebird")
    assert state.provider_message_id == "b" * 32
    assert state.ids == {1: FIRST_ID, 2: "b" * 32}


def test_a_late_delivery_of_the_first_attempt_beats_the_second_attempt() -> None:
    delivered = report(Status.DELIVERED, attempt=1)
    state = in_any_order(delivered, failed("30003", attempt=2, provider_message_id=SECOND_ID))
    assert (state.status, state.attempt, state.provider_message_id) == (Status.DELIVERED, 1, FIRST_ID)


def test_of_equal_statuses_the_earlier_one_gives_the_time_and_at_one_time_the_name_the_provider() -> None:
    times = report(Status.SENT, occurred=LATER), report(Status.SENT, occurred=EARLIER), report()
    assert in_any_order(*times).at == EARLIER
    assert in_any_order(report(Status.SENT), report(Status.SENT, provider="messagebird")).provider == "messagebird"


def test_a_report_without_status_changes_neither_status_nor_ids_and_one_without_an_id_leaves_the_known_one() -> None:
    assert in_any_order(report(None, word="received"), report(None, word="strange", recognised=False)) == BASE
    state = in_any_order(report(Status.ACCEPTED), report(Status.SENT, provider_message_id=None))
    assert (state.ids, state.other_ids) == ({1: FIRST_ID}, frozenset())


def test_of_several_ids_under_one_attempt_the_smallest_stays_and_the_others_are_kept() -> None:
    ids = (SECOND_ID, THIRD_ID, FIRST_ID)
    state = in_any_order(*(report(Status.SENT, provider_message_id=known) for known in ids))
    assert state.ids == {1: FIRST_ID}
    assert state.other_ids == {(1, SECOND_ID), (1, THIRD_ID)}


@pytest.mark.parametrize(
    ("code", "above", "order"),
    [("30003", failed(None, Status.UNDELIVERED), 29), ("30008", failed("30003", Status.UNDELIVERED), 30)],
    ids=["one with a code before a higher one without", "of two with codes the higher ordered one"],
)
def test_of_two_failures_counts(code: str, above: Report, order: int) -> None:
    state = in_any_order(failed(code), above)
    assert state.status is Status.UNDELIVERED
    assert state.failure == RankedFailure(failure=failure("30003"), order=order)


def test_a_failure_is_shown_while_the_status_is_one_and_stays_behind_a_success() -> None:
    state = in_any_order(failed("30003"), report(Status.DELIVERED))

    assert in_any_order(failed("30003")).shown_failure == failure("30003")
    assert in_any_order(report(Status.FAILED, failure=None)).shown_failure is None
    assert (state.failure, state.shown_failure) == (RankedFailure(failure=failure("30003"), order=29), None)
    assert in_any_order(report(Status.SENT, failure=failure("30003"))).failure is None


@pytest.mark.parametrize(
    "values", [{"code": "30008"}, {"message": "text"}, {"category": Category.UNKNOWN}, {"reason": Reason.UNKNOWN}]
)
def test_failures_of_one_order_are_ordered_by_every_field(values: dict[str, Any]) -> None:
    one = report(Status.FAILED, failure=failure("30003"))
    other = report(Status.FAILED, failure=failure(**{"code": "30003", **values}))
    state = in_any_order(one, other)

    assert state.failure is not None
    assert state.failure.failure in (one.failure, other.failure)

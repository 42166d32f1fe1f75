from __future__ import annotations

from itertools import pairwise, product

import pytest

from sms_tracker.domain.status import MAX_ATTEMPT, Outcome, Status, order

ATTEMPTS = range(1, MAX_ATTEMPT + 1)
SUCCESSES = [Status.DELIVERED, Status.READ]
OTHERS = [status for status in Status if status not in SUCCESSES]


OUTCOMES = {
    Outcome.OPEN: ["pending", "scheduled", "accepted", "sending", "sent", "buffered"],
    Outcome.UNKNOWN: ["unknown"],
    Outcome.FAILURE: ["canceled", "expired", "failed", "undelivered"],
    Outcome.SUCCESS: ["delivered", "read"],
}


def test_ranks_and_outcomes_are_those_of_the_contract_and_all_but_the_open_ones_are_final() -> None:
    words = [word for each in OUTCOMES.values() for word in each]
    assert [(str(status), status.rank) for status in Status] == list(zip(words, range(len(words)), strict=True))
    for outcome, expected in OUTCOMES.items():
        assert [str(status) for status in Status if status.outcome is outcome] == expected
    assert [status for status in Status if not status.final] == OUTCOMES[Outcome.OPEN]


def test_order_is_the_formula_that_the_contract_states() -> None:
    assert order(Status.SENT, 3) == 20 * 3 + 4
    assert order(Status.UNDELIVERED, 19) == 20 * 19 + 10
    assert order(Status.DELIVERED, 2) == 1000 + 20 * 11 + 2
    assert order(Status.READ, 1) == 1000 + 20 * 12 + 1


def test_no_two_statuses_of_any_attempts_share_an_order() -> None:
    orders = {order(status, attempt) for status, attempt in product(Status, ATTEMPTS)}
    assert len(orders) == len(Status) * MAX_ATTEMPT


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_within_an_attempt_the_order_follows_the_rank(attempt: int) -> None:
    assert all(order(lower, attempt) < order(higher, attempt) for lower, higher in pairwise(Status))


@pytest.mark.parametrize("attempt", range(1, MAX_ATTEMPT))
def test_anything_of_a_later_attempt_outranks_what_is_no_success_before_it(attempt: int) -> None:
    assert max(order(status, attempt) for status in OTHERS) < min(order(status, attempt + 1) for status in Status)


def test_proof_of_delivery_beats_every_attempt() -> None:
    highest = max(order(status, attempt) for status, attempt in product(OTHERS, ATTEMPTS))
    assert all(order(status, 1) > highest for status in SUCCESSES)
    assert order(Status.READ, 1) > order(Status.DELIVERED, MAX_ATTEMPT)

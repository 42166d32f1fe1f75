"""What gathers in a batch: by its window, by its size, and how long each waits for it."""

from __future__ import annotations

from functools import partial
from operator import add

import pytest

from bench.batches import Arrival, arrivals, gathered

ALL_TO_ONE = [0] * 6
CAME = [Arrival(at, message) for at, message in ((0.0, 1), (1.0, 1), (4.0, 2), (5.0, 2), (6.0, 1), (20.0, 2))]


def test_a_batch_holds_what_comes_within_the_window_of_its_first() -> None:
    found = gathered(CAME, ALL_TO_ONE, 10, partial(add, 5.0))

    assert found.size == 6 / 3  # up to second 5, from 6 to 11, and the last
    assert found.spread == 4 / 2  # the first message's are in two batches, the second's in two


def test_each_waits_for_the_end_of_its_window() -> None:
    found = gathered(CAME, ALL_TO_ONE, 10, partial(add, 5.0))

    assert found.waited == pytest.approx((5 + 4 + 1 + 0 + 5 + 5) / 6)


def test_a_full_batch_waits_no_longer() -> None:
    found = gathered(CAME, ALL_TO_ONE, 2, partial(add, 5.0))

    assert found.size == 6 / 4
    assert found.waited == pytest.approx((1 + 0 + 1 + 0 + 5 + 5) / 6)


def test_readers_gather_for_themselves() -> None:
    found = gathered(CAME, [0, 1, 0, 1, 0, 1], 10, partial(add, 5.0))

    assert found.size == 6 / 4


def test_arrivals_are_as_many_a_second_as_asked_for_and_in_order() -> None:
    came = arrivals(10.0, (0.0, 1.0))

    assert [each.at for each in came] == sorted(each.at for each in came)
    assert len(came) / (came[-1].at - came[0].at) == pytest.approx(20, rel=0.1)

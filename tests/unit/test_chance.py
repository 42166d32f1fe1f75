"""Chance: a fraction, and never the same in two environments that were made alike."""

from __future__ import annotations

import random

from sms_tracker.chance import chance


def test_it_is_a_fraction_of_one() -> None:
    assert all(0 <= chance() < 1 for _ in range(1000))


def test_environments_that_are_alike_draw_different_numbers() -> None:
    drawn = []
    for _ in range(3):
        random.seed(1)  # as every copy of a snapshot is
        drawn.append([chance() for _ in range(3)])

    assert len({tuple(numbers) for numbers in drawn}) == 3

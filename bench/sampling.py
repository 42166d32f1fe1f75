"""Samples that are taken in turns (A, B, A, B …), so that what else the machine does falls on all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TypeVar

Name = TypeVar("Name")
Sample = TypeVar("Sample")
Progress = Callable[[str], None]

_FEW = 2


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, and the quartiles around it."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    if len(values) < _FEW:
        return Spread(values[0], values[0], values[0])
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high)


def in_turns(cases: Mapping[str, Callable[[], Sample]], *, rounds: int, progress: Progress) -> dict[str, list[Sample]]:
    """``rounds`` samples of each case, one of every case before the next of any."""
    taken: dict[str, list[Sample]] = {name: [] for name in cases}
    for number in range(rounds):
        for name, sample in cases.items():
            progress(f"round {number + 1} of {rounds}: {name}")
            taken[name].append(sample())
    return taken


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Of two medians."""
    return median(ours) / median(theirs)

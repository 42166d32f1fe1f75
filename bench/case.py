"""What a case is given and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.sampling import Progress
from bench.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured: fresh processes per cold case, rounds and calls a round of warm ones, messages counted."""

    samples: int
    rounds: int
    calls: int
    messages: int


FULL = Plan(samples=11, rounds=11, calls=50, messages=100)
QUICK = Plan(samples=3, rounds=3, calls=20, messages=40)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``figures`` are what other cases, the targets and the costs need: milliseconds, bytes, units, by their names."""

    tables: tuple[Table, ...]
    figures: Mapping[str, float] = field(default_factory=dict)


Case = Callable[[Plan, Progress], Outcome]
MS = 1000.0

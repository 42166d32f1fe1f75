"""Measured samples and figures: taken in turns, summarised, and kept in .build/bench."""

from __future__ import annotations

import json
import os
import platform
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import quantiles
from typing import TypeVar

from bench.code import BUILD
from bench.table import Table
from local.emulator import PYTHON

Sample = TypeVar("Sample")
Progress = Callable[[str], None]
MS = 1000.0
FIGURES = BUILD / "figures.json"
"""Every figure by name, each from the last run of its case."""
_FEW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Fresh processes for a cold case; rounds, and calls in a round, for a warm one."""

    samples: int
    rounds: int
    calls: int


FULL = Plan(samples=11, rounds=11, calls=50)
QUICK = Plan(samples=3, rounds=3, calls=20)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tables, and what targets and costs need by name: milliseconds, bytes, units."""

    tables: tuple[Table, ...]
    figures: Mapping[str, float] = field(default_factory=dict)


Case = Callable[[Plan, Progress], Outcome]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles."""

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
    """``rounds`` samples of each case, in turns (A, B, A, B …): other load on the machine affects all alike."""
    taken: dict[str, list[Sample]] = {name: [] for name in cases}
    for number in range(rounds):
        for name, sample in cases.items():
            progress(f"round {number + 1} of {rounds}: {name}")
            taken[name].append(sample())
    return taken


def machine() -> str:
    """The machine and the versions, without anything that identifies the machine."""
    versions = "import platform, boto3; print('Python', platform.python_version() + ', boto3', boto3.__version__)"
    found = subprocess.run([str(PYTHON), "-c", versions], capture_output=True, check=True, text=True).stdout.strip()
    load, today = os.getloadavg()[0], datetime.now(UTC).date()
    return f"{today}, {platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, {found}, {ssl.OPENSSL_VERSION}"


def known() -> dict[str, float]:
    """The figures of earlier runs."""
    return dict(json.loads(FIGURES.read_text())) if FIGURES.exists() else {}


def keep(figures: Mapping[str, float]) -> None:
    """Add to the figures, or replace older ones."""
    BUILD.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps({**known(), **figures}, indent=1, sort_keys=True))


def progress(line: str) -> None:
    """Print a line, on a terminal over the one before."""
    if sys.stderr.isatty():
        print(f"\r\033[K  {line}", end="", file=sys.stderr, flush=True)
    else:
        print(f"  {line}", file=sys.stderr, flush=True)

"""Measured samples and figures: taken in turns, shown in tables, kept in .build/bench."""

from __future__ import annotations

import json
import os
import platform
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import quantiles
from typing import TypeVar

from local.deploy import BUILD
from local.emulator import PYTHON

Sample = TypeVar("Sample")
Cell = str | float | int
Figures = Mapping[str, float]
"""Milliseconds, bytes, units and dollars by name."""
MS = 1000.0
FIGURES = BUILD / "bench" / "figures.json"
"""Every figure, from the last run of its case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Fresh processes of a cold case; rounds, and calls in a round, of a warm one."""

    samples: int
    rounds: int
    calls: int


FULL = Plan(samples=11, rounds=11, calls=50)
QUICK = Plan(samples=3, rounds=3, calls=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``rows`` are as wide as ``columns``: a name, then figures."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def text(self) -> str:
        """Aligned for a terminal: the first column to the left, the others to the right."""
        lines = [list(self.columns), *([shown(cell) for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        head, *body = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines
        ]
        rule = "-" * sum([*widths, 2 * (len(widths) - 1)])
        return "\n".join([self.title, "", head, rule, *body, *([self.note] if self.note else []), ""])


def shown(cell: Cell) -> str:
    """Three significant digits; whole numbers in full, thousands separated."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:  # noqa: PLR2004  # three digits before the point are enough
        return f"{cell:,.0f}"
    return f"{cell:.3g}" if abs(cell) < 1 else f"{cell:.2f}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case measured."""

    tables: tuple[Table, ...]
    figures: Figures


Case = Callable[[Plan], Outcome]


def spread(values: Sequence[float]) -> str:
    """Median and quartiles of at least two values."""
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def in_turns(cases: Mapping[str, Callable[[], Sample]], rounds: int) -> dict[str, list[Sample]]:
    """``rounds`` samples of each case, in turns (A, B, A, B …): other load on the machine affects all alike."""
    taken: dict[str, list[Sample]] = {name: [] for name in cases}
    for number in range(rounds):
        for name, sample in cases.items():
            progress(f"{name}, round {number + 1} of {rounds}")
            taken[name].append(sample())
    return taken


def machine() -> str:
    """The processor and the versions."""
    versions = "import platform, boto3; print('Python', platform.python_version() + ', boto3', boto3.__version__)"
    found = subprocess.run([str(PYTHON), "-c", versions], capture_output=True, check=True, text=True).stdout.strip()
    load, today = os.getloadavg()[0], datetime.now(UTC).date()
    return f"{today}, {platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, {found}, {ssl.OPENSSL_VERSION}"


def known() -> dict[str, float]:
    """The figures of earlier runs."""
    return dict(json.loads(FIGURES.read_text())) if FIGURES.exists() else {}


def keep(figures: Figures) -> None:
    """Add to the figures, or replace older ones."""
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps({**known(), **figures}, indent=1, sort_keys=True))


def progress(line: str) -> None:
    """Print a line, on a terminal over the previous one."""
    if sys.stderr.isatty():
        print(f"\r\033[K  {line}", end="", file=sys.stderr, flush=True)
    else:
        print(f"  {line}", file=sys.stderr, flush=True)

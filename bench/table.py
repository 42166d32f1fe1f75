"""A table of figures, aligned for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | float | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``rows`` are as wide as ``columns``: a name, then figures."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def text(self) -> str:
        """The first column to the left, the others to the right."""
        lines = [list(self.columns), *([shown(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        head, *body = ["  ".join(_pad(cell, widths, n) for n, cell in enumerate(line)).rstrip() for line in lines]
        rule = "-" * sum([*widths, 2 * (len(widths) - 1)])
        return "\n".join([self.title, "", head, rule, *body, *([self.note] if self.note else []), ""])


def _pad(cell: str, widths: Sequence[int], place: int) -> str:
    return cell.ljust(widths[place]) if place == 0 else cell.rjust(widths[place])


def shown(cell: Cell) -> str:
    """Three significant digits; whole numbers in full, thousands separated."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:  # noqa: PLR2004  # three digits before the point are enough
        return f"{cell:,.0f}"
    return f"{cell:.3g}" if abs(cell) < 1 else f"{cell:.2f}"

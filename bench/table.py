"""A table of figures: as text for the screen, as Markdown and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | float | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``rows`` are as wide as ``columns``: a name, then figures. ``note`` says how to read it."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def text(self) -> str:
        """Aligned for a terminal."""
        lines = self._cells()
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        head, *body = ["  ".join(_pad(cell, widths, n) for n, cell in enumerate(line)).rstrip() for line in lines]
        rule = "-" * sum([*widths, 2 * (len(widths) - 1)])
        return "\n".join([self.title, "", head, rule, *body, *([self.note] if self.note else []), ""])

    def markdown(self) -> str:
        """As GitHub reads it."""
        head, *body = (f"| {' | '.join(line)} |" for line in self._cells())
        rule = "|".join(["", "---", *["---:"] * (len(self.columns) - 1), ""])
        return "\n".join([f"### {self.title}", "", head, rule, *body, "", *([self.note, ""] if self.note else [])])

    def data(self) -> dict[str, object]:
        """For JSON: a row is a mapping from column to cell."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "note": self.note, "rows": rows}

    def _cells(self) -> list[list[str]]:
        return [list(self.columns), *([shown(cell) for cell in row] for row in self.rows)]


def _pad(cell: str, widths: Sequence[int], place: int) -> str:
    return cell.ljust(widths[place]) if place == 0 else cell.rjust(widths[place])


def shown(cell: Cell) -> str:
    """Three digits that mean something; whole numbers whole, with thousands apart."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:  # noqa: PLR2004  # from there on the point tells nothing
        return f"{cell:,.0f}"
    return f"{cell:.3g}" if abs(cell) < 1 else f"{cell:.2f}"

"""The demo's output: a table, redrawn on a terminal, and timelines."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


class Screen:
    """A table with a fixed label and a changing state in each row."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._width = max(map(len, labels))
        self._shown: list[str] | None = None

    def show(self, states: Sequence[str]) -> None:
        """Redraw the table on a terminal; elsewhere print only changed rows."""
        rows = [f"  {label:<{self._width}}  {state}" for label, state in zip(self._labels, states, strict=True)]
        if sys.stdout.isatty():
            up = f"\x1b[{len(rows)}A" if self._shown else ""
            print(up + "\n".join(f"\x1b[2K{row}" for row in rows), flush=True)
        else:
            for row in rows:
                if row not in (self._shown or []):
                    print(row, flush=True)
        self._shown = rows


def timeline(about: str, record: Mapping[str, Any]) -> str:
    """A message's reports as lines, each with the seconds since it was recorded."""
    start = datetime.fromisoformat(record["created_at"])
    lines = [f"\n{record['message_id']}  {record['provider']}: {about}", f"  {0:7.3f}s  recorded"]
    for report in record["reports"]:
        seconds = (datetime.fromisoformat(report["received_at"]) - start).total_seconds()
        code = f" {report['code']}" if report["code"] else ""
        text = f" ({report['message']})" if report["message"] else ""
        lines.append(f"  {seconds:7.3f}s  {report['source']:<8}  {report['provider_status']}{code}{text}")
    failure = record["failure"]
    why = f": {failure['reason']}, {failure['category']}" if failure else ""
    lines.append(f"  {'':8}  => {record['status']}{why}, version {record['version']}")
    return "\n".join(lines)

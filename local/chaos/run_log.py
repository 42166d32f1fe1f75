"""Log files of a run: injected faults and the functions' logs, to explain a finding."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from local.package import BUILD
from local.stack import Stack

FOLDER = BUILD / "logs-chaos"
_FUNCTIONS = ("send", "webhook", "processor", "publisher", "reconciler", "inbound")


class RunLog:
    """``faults.log`` during a run, and one file for each function at its end."""

    def __init__(self, folder: Path = FOLDER) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._faults = folder, folder / "faults.log"
        self._faults.write_text("")

    def note(self, text: str) -> None:
        """Append a line with the current time."""
        with self._faults.open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {text}\n")

    def save_function_logs(self, stack: Stack) -> None:
        """Write each function's log to its file."""
        for name in _FUNCTIONS:
            (self._folder / f"{name}.log").write_text("\n".join(stack.logs(name)))

"""What was done to the service, a line each, and what its functions wrote: how a difference came about."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from local.package import BUILD
from local.stack import Stack

FOLDER = BUILD / "logs-chaos"
_FUNCTIONS = ("send", "webhook", "processor", "publisher", "reconciler")


class Diary:
    """The file ``faults.log`` of one run, and one for each function at its end."""

    def __init__(self, folder: Path = FOLDER) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._faults = folder, folder / "faults.log"
        self._faults.write_text("")

    def note(self, text: str) -> None:
        """Write down what happened just now."""
        with self._faults.open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {text}\n")

    def keep(self, stack: Stack) -> None:
        """The functions' own logs."""
        for name in _FUNCTIONS:
            (self._folder / f"{name}.log").write_text("\n".join(stack.logs(name)))

"""Find and kill the functions' worker processes."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random

import psutil


class Workers:
    """The Lambda workers below one emulator process.

    ``killed`` counts kills by function. ``senders_killed`` are the times of random kills of ``send`` workers, without
    the message in work. ``note`` logs each kill.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._supervisor: psutil.Process | None = None
        self._note = note
        self.killed: Counter[str] = Counter()
        self.senders_killed: list[datetime] = []

    def below(self, supervisor: int) -> None:
        """Look for workers below the emulator's supervisor, a process id."""
        self._supervisor = psutil.Process(supervisor)

    def kill_by_port(self, port: int) -> str:
        """Kill the worker connected from local ``port``; returns its function's name, or an empty string."""
        for name, worker in self._found():
            if port in _ports(worker) and self._kill(name, worker):
                return name
        return ""

    def kill_any(self, random: Random) -> None:
        """Kill a random worker, each function with equal probability.

        Only workers with a connection: when one dies at its start, the emulator ends every worker of its function.
        """
        by_function: defaultdict[str, list[psutil.Process]] = defaultdict(list)
        for name, worker in self._found():
            if _ports(worker):
                by_function[name].append(worker)
        if by_function:
            name = random.choice(sorted(by_function))
            if self._kill(name, random.choice(by_function[name])) and name == "send":
                self.senders_killed.append(datetime.now(UTC))

    def _kill(self, name: str, worker: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
            self.killed[name] += 1
            self._note(f"killed {name} {worker.pid}")
            return True
        return False

    def _found(self) -> Iterator[tuple[str, psutil.Process]]:
        """Each worker with its function's name. The emulator is the supervisor's child, a worker its grandchild."""
        for emulator in self._supervisor.children() if self._supervisor else ():
            for worker in emulator.children():
                with contextlib.suppress(psutil.Error):  # ended, or owned by another user
                    if function := worker.environ().get("AWS_LAMBDA_FUNCTION_NAME"):
                        yield function.rpartition("-")[2], worker


def _ports(worker: psutil.Process) -> set[int]:
    """The local ports of its TCP connections; empty if it has ended."""
    with contextlib.suppress(psutil.Error):
        return {each.laddr.port for each in worker.net_connections("tcp") if each.laddr}
    return set()

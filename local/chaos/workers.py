"""The functions' worker processes, as the operating system sees them, and their sudden end."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random

import psutil


class Workers:
    """The Lambda workers below one emulator process.

    ``killed`` counts those that were ended, by function; ``senders_killed`` are the moments at which one of ``send``
    was, chosen at random: what it worked on nobody knows. Each is told to ``note``.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._supervisor: psutil.Process | None = None
        self._note = note
        self.killed: Counter[str] = Counter()
        self.senders_killed: list[datetime] = []

    def below(self, supervisor: int) -> None:
        """From now on the workers are what the emulator below ``supervisor`` started."""
        self._supervisor = psutil.Process(supervisor)

    def kill_speaker(self, port: int) -> str:
        """End the worker whose TCP connection leaves from local ``port``; its function's name, empty if none was."""
        for name, worker in self._found():
            if port in _ports(worker) and self._kill(name, worker):
                return name
        return ""

    def kill_any(self, random: Random) -> None:
        """End a worker, each function as likely as another.

        Only one that has spoken to AWS: where one dies as it starts, the emulator ends all others of its function.
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
        """Each with the name of its function: grandchildren of the supervisor, whose child is the emulator."""
        for emulator in self._supervisor.children() if self._supervisor else ():
            for worker in emulator.children():
                with contextlib.suppress(psutil.Error):  # gone, or not ours to look into
                    if function := worker.environ().get("AWS_LAMBDA_FUNCTION_NAME"):
                        yield function.rpartition("-")[2], worker


def _ports(worker: psutil.Process) -> set[int]:
    """Its own ports of the TCP connections that it has, none where it is gone."""
    with contextlib.suppress(psutil.Error):
        return {each.laddr.port for each in worker.net_connections("tcp") if each.laddr}
    return set()

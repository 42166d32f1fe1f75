"""The functions' worker processes, as an operating system sees them, and their sudden end. Linux only: it has /proc."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

_PROC = Path("/proc")


class Workers:
    """The Lambda workers below one emulator process.

    ``killed`` counts those that were ended, by function; ``senders_killed`` are the moments at which one of ``send``
    was, chosen at random: what it worked on nobody knows. Each is told to ``note``.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._supervisor: int | None = None
        self._note = note
        self.killed: Counter[str] = Counter()
        self.senders_killed: list[datetime] = []

    def below(self, supervisor: int) -> None:
        """From now on the workers are what the emulator below ``supervisor`` started."""
        self._supervisor = supervisor

    def kill_speaker(self, port: int) -> str:
        """End the worker whose TCP connection leaves from local ``port``; its function's name, empty if none was."""
        inode = _socket(port)
        for pid in self._pids():
            if inode and f"socket:[{inode}]" in _open_files(pid):
                return self._kill(pid)
        return ""

    def kill_any(self, random: Random) -> None:
        """End a worker, each function as likely as another.

        Only one that has spoken to AWS: where one dies as it starts, the emulator ends all others of its function.
        """
        by_function: defaultdict[str, list[int]] = defaultdict(list)
        for pid in self._pids():
            if (name := _function(pid)) and any(each.startswith("socket:") for each in _open_files(pid)):
                by_function[name].append(pid)
        if by_function:
            name = random.choice(sorted(by_function))
            if self._kill(random.choice(by_function[name])) == "send":
                self.senders_killed.append(datetime.now(UTC))

    def _kill(self, pid: int) -> str:
        if not (name := _function(pid)):
            return ""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed[name] += 1
            self._note(f"killed {name} {pid}")
            return name
        return ""

    def _pids(self) -> list[int]:
        """Grandchildren of the supervisor: its child is the emulator."""
        if self._supervisor is None:
            return []
        return [worker for emulator in _children(self._supervisor) for worker in _children(emulator)]


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for folder in _PROC.iterdir():
        with contextlib.suppress(OSError, ValueError):
            # proc(5), stat: what follows the command's name in parentheses is its state and its parent's id.
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(folder.name))
    return found


def _function(pid: int) -> str:
    """The Lambda function that a process runs, empty if it runs none."""
    with contextlib.suppress(OSError):
        for variable in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
            name, _, value = variable.partition(b"=")
            if name == b"AWS_LAMBDA_FUNCTION_NAME":
                return value.decode().rpartition("-")[2]
    return ""


def _open_files(pid: int) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for descriptor in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found


def _socket(port: int) -> str:
    """The inode of the IPv4 socket whose own port it is; the fields are those of proc(5), net/tcp."""
    with contextlib.suppress(OSError):
        for line in (_PROC / "net" / "tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
                return fields[9]
    return ""

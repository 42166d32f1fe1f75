"""Child processes that end with this program, and the error and exit codes of the local stack's commands."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TEMPORARY = Path(tempfile.gettempdir())  # at import: the first call writes a probe file, which Ctrl-C would leave
LOCALHOST = "127.0.0.1"
_SUPERVISE = Path(__file__).with_name("supervise.py")
_POLL_SECONDS = 0.02

Progress = Callable[[str], None]


class StackError(Exception):
    """The local stack cannot start or continue; the message is for the person who started it."""


def run_command(run: Callable[[], int], *errors: type[Exception]) -> int:
    """The exit code of ``run``: 1 after a ``StackError`` or one of ``errors``, 130 after Ctrl-C or SIGTERM.

    In both cases one line is printed on standard error.
    """
    for end in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores SIGINT
        signal.signal(end, signal.default_int_handler)
    expected: tuple[type[Exception], ...] = (StackError, *errors)
    try:
        return run()
    except expected as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130


_PORTS = range(20_000, 32_768)
"""Below the ports that Linux and macOS give to connections: none of those takes one before its server listens."""


def free_port() -> int:
    """A currently unused port, chosen by chance: stacks that start at once choose different ones."""
    while True:
        port = secrets.choice(_PORTS)
        with suppress(StackError), listen(port):
            return port


def listen(port: int) -> socket.socket:
    """A socket that listens on ``port`` of the loopback; raises ``StackError`` if the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOCALHOST, port))
        listener.listen(256)
    except (OSError, OverflowError) as reason:
        listener.close()
        raise StackError(f"cannot listen on {LOCALHOST}:{port} ({reason}); choose another port with PORT=…") from reason
    return listener


class Process:
    """A supervised command. It ends with ``stop`` or with this program, even if this program is killed."""

    def __init__(self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        """Start the command in a new folder, which is also its TMPDIR; its output goes to ``log``.

        The supervisor creates and removes the folder, so that an interruption leaves none behind.
        """
        self.name = name
        self.workdir = _TEMPORARY / f"sms-tracker-{secrets.token_hex(8)}"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)  # another stack may still write to the old file
        self._log = log.open("w+b")
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", str(_SUPERVISE), str(self.workdir), *command],
            env={**env, "TMPDIR": str(self.workdir)},
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a terminal's Ctrl-C reaches only this program
        )

    @property
    def pid(self) -> int:
        """The supervisor's process id; the command is its child."""
        return self._supervisor.pid

    @property
    def alive(self) -> bool:
        return self._supervisor.poll() is None

    def tail(self, lines: int = 12) -> str:
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), 65536, max(0, size - 65536)).decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def check(self) -> None:
        """Raise ``StackError`` with the last lines of output if the command has ended."""
        if not self.alive:
            raise StackError(
                f"{self.name} ended with code {self._supervisor.returncode}; its last lines:\n{self.tail()}"
            )

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 30) -> None:
        """Return once ``ready()``; raise ``StackError`` if the command ends or ``seconds`` pass before."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} was not ready within {seconds:g} s; its last lines:\n{self.tail()}")
            time.sleep(_POLL_SECONDS)  # the programs have no notification

    def stop(self) -> None:
        """End the command and its children, and wait for their end. Idempotent."""
        if self._supervisor.stdin:
            self._supervisor.stdin.close()
        try:
            self._supervisor.wait(timeout=10)
        finally:
            self._supervisor.kill()
            self._log.close()


def listening(port: int) -> bool:
    """Whether something accepts connections on ``port``."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOCALHOST, port)) == 0

"""One function in a process of its own, as Lambda starts it: cold once, then warm until it is closed."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.emulator import PYTHON

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


@cache
def runtime() -> str:
    """Where boto3 is found: last on the path, and compiled, as Lambda's own copy is."""
    command = [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    folder = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", "-j", "0", folder], capture_output=True, check=True)
    return folder


class Failed(Exception):
    """A function did not start, or raised; the message is its traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """What a sandbox is started with; ``path`` is where it finds its modules, its own folder first."""

    name: str
    path: tuple[Path, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one step took in seconds; ``modules`` are all that are imported by then."""

    cpu: float
    wall: float
    modules: int
    answer: Any = None


class Sandbox:
    """A context manager; ``init`` is what importing the function took."""

    init: Spent

    def __init__(self, function: Function, *, bare: bool = False) -> None:
        """With ``bare`` its process imports next to nothing of its own, so that modules can be counted."""
        self._function = function
        self._options = ["--bare"] if bare else []

    def __enter__(self) -> Self:
        reader, writer = os.pipe()
        # To a file, so that a full pipe never makes a function wait; what it logs is counted there.
        self._log = tempfile.TemporaryFile()
        path = [*map(str, self._function.path), runtime()]
        self._process = subprocess.Popen(
            # Without site-packages' own start-up, user settings and the writing of .pyc files.
            [PYTHON, "-I", "-S", "-B", str(_BOOTSTRAP), str(writer), *self._options],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env={**self._function.environment, "BENCH_PATH": json.dumps(path)},
            pass_fds=[writer],
            text=True,
        )
        os.close(writer)
        self._answers = os.fdopen(reader, encoding="utf-8")
        try:
            self.init = self._answer()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        finally:
            self._process.kill()
            self._answers.close()
            self._log.close()

    def call(self, event: Mapping[str, Any], *, calls: int = 1) -> Spent:
        """Invoke it ``calls`` times with the same event; ``answer`` is the last one's."""
        assert self._process.stdin is not None  # noqa: S101  # said for the type checker
        self._process.stdin.write(json.dumps({"event": event, "calls": calls}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    @property
    def logged(self) -> str:
        """All that it wrote so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode()

    def _answer(self) -> Spent:
        line = self._answers.readline()
        if not line:
            raise Failed(f"{self._function.name} ended: {self.logged[-2000:]}")
        told = json.loads(line)
        if "error" in told:
            raise Failed(f"{self._function.name}: {told['error']}")
        return Spent(cpu=told["cpu"], wall=told["wall"], modules=told["modules"], answer=told.get("answer"))

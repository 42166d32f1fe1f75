"""A function in its own process, started as Lambda starts it: one cold start, then warm calls."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from local.emulator import PYTHON

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


@cache
def runtime() -> str:
    """The folder with boto3, compiled; it is last on the path, as in Lambda's runtime."""
    command = [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    folder = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", "-j", "0", folder], capture_output=True, check=True)
    return folder


class Failed(Exception):
    """A function failed to start or raised; the message is its traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """``path`` are the folders of its modules, its own folder first."""

    name: str
    path: tuple[Path, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """CPU seconds of all threads, the number of imported modules, the handler's last answer."""

    cpu: float
    modules: int
    answer: Any = None


class Sandbox(ExitStack):
    """A context manager; ``init`` is the import of the function."""

    init: Step

    def __init__(self, function: Function, *, bare: bool = False) -> None:
        """``bare`` keeps the process's own imports minimal, to count the function's modules."""
        super().__init__()
        self._function = function
        self._options = ["--bare"] if bare else []

    def __enter__(self) -> Self:
        with ExitStack() as failing:
            failing.push(self)
            self._start()
            self.init = self._answer()
            failing.pop_all()
        return self

    def _start(self) -> None:
        reader, writer = os.pipe()
        self._answers = self.enter_context(os.fdopen(reader, encoding="utf-8"))
        self._log = self.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # a full pipe would block the function
        path = [*map(str, self._function.path), runtime()]
        self._process = subprocess.Popen(
            # -I -S -B: no user settings, no site-packages, no writing of .pyc files
            [PYTHON, "-I", "-S", "-B", str(_BOOTSTRAP), str(writer), *self._options],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env={**self._function.environment, "BENCH_PATH": json.dumps(path)},
            pass_fds=[writer],
            text=True,
        )
        self.enter_context(self._process)  # closes the input and waits
        os.close(writer)

    def call(self, event: Mapping[str, Any], *, calls: int = 1) -> Step:
        """Invoke the function ``calls`` times with the same event."""
        assert self._process.stdin is not None  # noqa: S101  # for the type checker
        self._process.stdin.write(json.dumps({"event": event, "calls": calls}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    @property
    def logged(self) -> str:
        """The output so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode()

    def _answer(self) -> Step:
        line = self._answers.readline()
        step = json.loads(line) if line else {"error": f"ended: {self.logged[-2000:]}"}
        if "error" in step:
            raise Failed(f"{self._function.name}: {step['error']}")
        return Step(**step)

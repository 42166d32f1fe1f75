"""Which worker the chaos suite ends: below real processes, with a socket or without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from local.chaos.workers import Workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc")

_STARTING = "print('up', flush=True); input()"
_SPEAKING = f"import socket; kept = socket.socket(); {_STARTING}"
_SUPERVISOR = """
import os, subprocess, sys
for name, code in zip(sys.argv[1::2], sys.argv[2::2]):
    environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": f"sms-tracker-{name}"} if name else None
    started = subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=0, stdout=subprocess.PIPE)
    started.stdout.readline()
print("up", flush=True)
input()
"""


@contextmanager
def emulator(*workers: tuple[str, str]) -> Iterator[Workers]:
    """One with these workers below it, by their functions' names; what was noted is ``noted``."""
    arguments = [argument for worker in workers for argument in worker]
    inner = [sys.executable, "-c", _SUPERVISOR, *arguments]
    outer = f"import subprocess; raise SystemExit(subprocess.call({inner!r}))"
    running = subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdin is not None
    assert running.stdout is not None
    with running:
        assert running.stdout.readline() == b"up\n"
        found = Workers(lambda _: None)
        found.below(running.pid)
        yield found
        running.stdin.close()  # all of them read from it, and end


def test_a_worker_that_starts_is_spared_for_the_emulator_would_end_all_others_with_it() -> None:
    with emulator(("send", _STARTING), ("webhook", _SPEAKING), ("", _SPEAKING)) as workers:
        for _ in range(3):
            workers.kill_any(Random(1))

    assert workers.killed == {"webhook": 1}
    assert workers.senders_killed == []


def test_the_moment_is_kept_at_which_a_worker_of_send_ends() -> None:
    with emulator(("send", _SPEAKING)) as workers:
        workers.kill_any(Random(1))

    assert workers.killed == {"send": 1}
    assert len(workers.senders_killed) == 1

"""Which worker the chaos suite ends: below real processes, with a connection or without."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from local.chaos.workers import Workers

_STARTING = "print('up', flush=True); input()"
_SPEAKING = f"import socket; kept = socket.create_connection(('127.0.0.1', {{port}})); {_STARTING}"
_EMULATOR = """
import os, subprocess, sys
for name, code in zip(sys.argv[1::2], sys.argv[2::2]):
    environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": f"sms-tracker-{name}"} if name else None
    started = subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=0, stdout=subprocess.PIPE)
    started.stdout.readline()
print("up", flush=True)
input()
"""


@dataclass
class Emulator:
    """One with workers below it, and their connections, in the order in which they were made."""

    workers: Workers
    connections: list[socket.socket]
    noted: list[str]

    def port(self, number: int) -> int:
        """The local port of a worker's connection."""
        port: int = self.connections[number].getpeername()[1]
        return port

    def ended(self, number: int) -> bool:
        """Wait until the worker of a connection is gone: a signal is only sent when ``kill`` returns."""
        return self.connections[number].recv(1) == b""


@contextmanager
def emulator(*workers: tuple[str, str]) -> Iterator[Emulator]:
    """Workers by their functions' names, each with what it does."""
    with socket.create_server(("127.0.0.1", 0)) as aws:
        arguments = [each.format(port=aws.getsockname()[1]) for worker in workers for each in worker]
        inner = [sys.executable, "-c", _EMULATOR, *arguments]
        supervisor = f"import subprocess; raise SystemExit(subprocess.call({inner!r}))"
        running = subprocess.Popen([sys.executable, "-c", supervisor], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert running.stdin is not None
        assert running.stdout is not None
        with running:
            assert running.stdout.readline() == b"up\n"
            speaking = sum(code == _SPEAKING for _, code in workers)
            connections = [aws.accept()[0] for _ in range(speaking)]
            noted: list[str] = []
            found = Workers(noted.append)
            found.below(running.pid)
            yield Emulator(found, connections, noted)
            running.stdin.close()  # all of them read from it, and end
        for connection in connections:
            connection.close()


def test_a_worker_that_starts_is_spared_for_the_emulator_would_end_all_others_with_it() -> None:
    with emulator(("send", _STARTING), ("webhook", _SPEAKING), ("", _SPEAKING)) as started:
        started.workers.kill_any(Random(1))
        assert started.ended(0)
        started.workers.kill_any(Random(1))

    assert started.workers.killed == {"webhook": 1}
    assert started.workers.senders_killed == []


def test_the_moment_is_kept_at_which_a_worker_of_send_ends() -> None:
    with emulator(("send", _SPEAKING)) as started:
        started.workers.kill_any(Random(1))

    assert started.workers.killed == {"send": 1}
    assert len(started.workers.senders_killed) == 1


def test_of_several_the_one_is_ended_that_speaks_from_a_port() -> None:
    with emulator(("webhook", _SPEAKING), ("send", _SPEAKING), ("processor", _SPEAKING)) as started:
        port = started.port(1)
        first = started.workers.kill_by_port(port)
        assert started.ended(1)
        again = started.workers.kill_by_port(port)

    assert (first, again) == ("send", "")
    assert started.workers.killed == {"send": 1}
    assert [line.rpartition(" ")[0] for line in started.noted] == ["killed send"]
    assert started.workers.senders_killed == [], "what it worked on is known"


def test_without_an_emulator_nobody_is_ended() -> None:
    workers = Workers(lambda _: None)
    workers.kill_any(Random(1))

    assert workers.kill_by_port(1) == ""
    assert workers.killed == {}

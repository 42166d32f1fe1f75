"""Real concurrency: eight processes write the same reports to the same messages over HTTP, and nothing is lost.

Two judges: the emulator, and dynalite, another implementation of DynamoDB. dynalite needs node and npm; without them
its test is skipped.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import emulator
from local.process import LOCALHOST, Process, free_port
from sms_tracker.domain.state import fold
from tests import tables
from tests.e2e import npm
from tests.e2e.concurrent_writers import MESSAGES, REPORTS, WRITERS, Database, run_writers
from tests.factories import record

_DYNALITE = "dynalite@3.2.2"


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def database(process: Process, port: int, *, returns_old: bool) -> Database:
    deadline = time.monotonic() + 30
    while not answers(port):
        process.check()
        assert time.monotonic() < deadline, process.tail()
        time.sleep(0.05)
    endpoint = f"http://{LOCALHOST}:{port}"
    return Database(endpoint, tables.create(tables.client(endpoint), "MessagesTable", "messages"), returns_old)


@pytest.fixture
def emulated(tmp_path: Path) -> Iterator[Database]:
    port = free_port()
    process = emulator.start(port, auth=False, log=tmp_path / "emulator.log")
    try:
        yield database(process, port, returns_old=True)
    finally:
        process.stop()


@pytest.fixture
def dynalite(tmp_path: Path) -> Iterator[Database]:
    port = free_port()
    # Its own command line cannot be told to listen on the loopback alone.
    program = "const [dir, port, host] = process.argv.slice(1); require(dir)({createTableMs: 0}).listen(+port, host)"
    command = [npm.node(), "-e", program, str(installed() / "dynalite"), str(port), LOCALHOST]
    process = Process("dynalite", command, env={"PATH": os.environ["PATH"]}, log=tmp_path / "dynalite.log")
    try:
        yield database(process, port, returns_old=False)
    finally:
        process.stop()


def installed() -> Path:
    """The folder with dynalite; skips where node or npm is missing, or npm cannot install it."""
    try:
        return npm.packages(_DYNALITE)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm could not install {_DYNALITE}: {type(error).__name__}")


def check(database: Database) -> None:
    decided = run_writers(database, range(WRITERS))
    store, first = database.store(), record().state
    for message_id in MESSAGES:
        found = store.get(message_id)
        assert found is not None
        assert found.state == fold(REPORTS, base=first)
        assert {*found.reports} == {each.fingerprint for each in REPORTS}
        assert found.version == 1 + decided[message_id, "applied"], "every applied write is one version, and no more"
        assert decided[message_id, "applied"] + decided[message_id, "noted"] == len(REPORTS)


def test_eight_processes_on_the_emulator_lose_no_update_and_no_version(emulated: Database) -> None:
    check(emulated)


def test_eight_processes_on_dynalite_lose_no_update_and_no_version(dynalite: Database) -> None:
    check(dynalite)

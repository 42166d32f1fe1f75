"""Real concurrency: eight processes write the same reports to the same messages over HTTP, and nothing is lost.

Two judges: the emulator, and dynalite, another implementation of DynamoDB. dynalite needs node and npm; without them
its test is skipped.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.process import LOCALHOST, Process, free_port
from sms_tracker.domain.state import fold
from tests import tables
from tests.e2e import npm
from tests.e2e.concurrent_writers import MESSAGES, REPORTS, WRITERS, Database, run_writers
from tests.factories import record

_DYNALITE = "dynalite@3.2.2"


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{LOCALHOST}:{port}", timeout=5, trust_env=False).status_code > 0
    except httpx.HTTPError:
        return False


def database(endpoint: str, *, returns_old: bool) -> Database:
    return Database(endpoint, tables.create(tables.client(endpoint), "MessagesTable", "messages"), returns_old)


@pytest.fixture
def dynalite(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    # Its own command line cannot be told to listen on the loopback alone.
    program = "const [dir, port, host] = process.argv.slice(1); require(dir)({createTableMs: 0}).listen(+port, host)"
    command = [npm.node(), "-e", program, str(installed() / "dynalite"), str(port), LOCALHOST]
    process = Process("dynalite", command, env={"PATH": os.environ["PATH"]}, log=tmp_path / "dynalite.log")
    try:
        process.wait_until(lambda: answers(port))
        yield f"http://{LOCALHOST}:{port}"
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


def test_eight_processes_on_the_emulator_lose_no_update_and_no_version(emulated: str) -> None:
    check(database(emulated, returns_old=True))


def test_eight_processes_on_dynalite_lose_no_update_and_no_version(dynalite: str) -> None:
    check(database(dynalite, returns_old=False))

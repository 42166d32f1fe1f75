"""`make run` as a process: what it prints works when pasted, and however it ends, nothing is left running."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.process import LOCALHOST, ROOT, free_port, listening
from tests.e2e import curl, watch

DOCUMENT = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
_READY = "Ctrl-C ends it."
_SECONDS = 60


def command(tmp: Path, settings: Mapping[str, str]) -> subprocess.Popen[str]:
    """`python -m local.run`, whose every descendant can be told by its TMPDIR."""
    return subprocess.Popen(
        [sys.executable, "-m", "local.run"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/layers/core:{ROOT}", "TMPDIR": str(tmp), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def started(tmp: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    with command(tmp, {"PORT": str(port)}) as process:
        try:
            yield process
        finally:
            process.kill()


def printed(process: subprocess.Popen[str], until: str) -> list[str]:
    """The lines up to and with the one that has ``until`` in it."""
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if until in line:
            return lines
    raise AssertionError(f"it ended without {until!r}: {lines}, {process.stderr and process.stderr.read()}")


def running(tmp: Path) -> list[str]:
    """Every process that was started by the command or its children: each has its TMPDIR from it."""
    listed = subprocess.run(["ps", "axeww"], capture_output=True, text=True, errors="replace", check=True).stdout
    return [line for line in listed.splitlines() if f"TMPDIR={tmp}" in line]


def assert_gone(tmp: Path, ports: list[int]) -> None:
    watch.eventually(lambda: not running(tmp), "processes are left", seconds=30)
    watch.eventually(lambda: not list(tmp.iterdir()), "files are left", seconds=30)
    assert not any(listening(port) for port in ports)


def test_what_it_prints_can_be_pasted_and_ctrl_c_ends_it_all(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port) as process:
        lines = printed(process, _READY)
        about = dict(zip(lines[1:], lines, strict=False))
        examples = [line for line in lines if line.startswith("curl ")]
        answers = {about[line]: curl.run(line) for line in examples}
        ports = [port, *(int(each) for each in re.findall(r"127\.0\.0\.1:(\d+)/_ledger", "\n".join(lines)))]
        assert len(running(tmp_path)) > 3
        assert all(listening(each) for each in ports)

        process.send_signal(signal.SIGINT)
        code = process.wait(_SECONDS)

    statuses = {comment: answer.status_code for comment, answer in answers.items()}
    assert exported(lines) == exported(DOCUMENT.splitlines())
    (unsigned,) = [comment for comment in statuses if "without a signature" in comment]
    assert statuses.pop(unsigned) == 403
    assert len(statuses) > 5
    assert {200, 202, 204} == set(statuses.values())
    assert code == 0
    assert_gone(tmp_path, ports)


def exported(lines: list[str]) -> list[str]:
    """The variables that the examples of docs/testing.md use."""
    line = next(line for line in lines if line.startswith("export URL="))
    return re.findall(r"(\w+)=", line)


def test_killed_outright_it_takes_everything_with_it(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port) as process:
        printed(process, "ready at")
        process.kill()
        process.wait(_SECONDS)

        assert_gone(tmp_path, [port])


@pytest.mark.parametrize(
    ("when", "how"), [("starting the AWS emulator", signal.SIGINT), ("deploying the template", signal.SIGTERM)]
)
def test_told_to_end_while_it_starts_it_leaves_nothing(when: str, how: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port) as process:
        printed(process, when)
        process.send_signal(how)
        assert process.wait(_SECONDS) == 130
        assert process.stderr
        assert "Traceback" not in process.stderr.read()

        assert_gone(tmp_path, [port])


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"PORT": "http"}, "error: PORT must be a number"),
        ({"PORT": "99999"}, "error: cannot listen on 127.0.0.1:99999"),
        ({"PROVIDERS": "pigeon"}, "error: PROVIDERS must be simulated or live"),
        ({"PROVIDERS": "live"}, "error: PROVIDERS=live needs PUBLIC_BASE_URL and an account in .env"),
        ({"PUBLIC_BASE_URL": "https://my_tunnel.example"}, "error: PUBLIC_BASE_URL must not have an underscore"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_one_clear_line(settings: dict[str, str], line: str, tmp_path: Path) -> None:
    assert_refused(settings, line, tmp_path)


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((LOCALHOST, 0))
        other.listen()
        port = other.getsockname()[1]
        assert_refused({"PORT": str(port)}, f"error: cannot listen on 127.0.0.1:{port}", tmp_path)


def assert_refused(settings: dict[str, str], line: str, tmp: Path) -> None:
    with command(tmp, settings) as process:
        output, errors = process.communicate(timeout=_SECONDS)

    assert process.returncode == 1
    assert output == ""
    assert errors.startswith(line)
    assert errors.count("\n") == 1
    assert running(tmp) == []

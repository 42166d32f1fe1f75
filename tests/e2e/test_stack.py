"""The local stack itself: its door, one clear line for what is wrong, nothing left at its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from local.process import LOCALHOST, ROOT, Process, StackError
from local.stack import Stack
from local.template import Template
from tests.e2e import clients, watch
from tests.e2e.provider import Simulator


def test_nothing_but_the_api_can_be_reached_through_its_port(stack: Stack) -> None:
    with clients.with_key(stack, None) as visitor:
        assert visitor.get("/health").json()["status"] == "ok"
        assert visitor.get("/_ministack/health").status_code == 404
        assert visitor.post("/_ministack/reset").status_code == 404
        scan = visitor.post("/", headers={"x-amz-target": "DynamoDB_20120810.ListTables"}, content=b"{}")
        assert scan.status_code == 404
        hosted = visitor.get("/_ministack/health", headers={"host": "s3.localhost"})
        assert hosted.status_code == 404


def test_a_second_request_behind_the_first_does_not_slip_past_the_api(stack: Stack) -> None:
    port = int(stack.api_url.rsplit(":", 1)[1])
    with socket.create_connection((LOCALHOST, port), timeout=clients.TIMEOUT) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET /_ministack/health HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"services" not in answer


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", b"400"),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_request_for_a_path_is_refused_at_the_door(
    stack: Stack, request_bytes: bytes, status: bytes
) -> None:
    port = int(stack.api_url.rsplit(":", 1)[1])
    with socket.create_connection((LOCALHOST, port), timeout=clients.TIMEOUT) as connection:
        connection.sendall(request_bytes)
        assert connection.recv(65536).split(b" ")[1] == status


def test_a_paused_consumers_messages_wait_and_are_handed_over(
    stack: Stack, api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    with stack.paused("processor"):
        sent = api.post("/messages", json={"to": "+31612345678", "body": "Hello"}).json()
        simulators["twilio"].idle()
        waiting = api.get(f"/messages/{sent['message_id']}").json()

    assert waiting["status"] == "accepted"
    assert watch.final(api, sent["message_id"])["status"] == "delivered"


def test_a_taken_port_is_named_before_anything_is_started() -> None:
    with socket.socket() as other:
        other.bind((LOCALHOST, 0))
        other.listen()
        port = other.getsockname()[1]
        lines: list[str] = []

        with (
            pytest.raises(StackError, match=f"cannot listen on 127.0.0.1:{port}"),
            Stack(port=port, progress=lines.append),
        ):
            pass

    assert lines == []


def test_a_failed_deployment_names_the_resource_and_its_reason(tmp_path: Path) -> None:
    def with_endless_visibility(template: Template) -> Template:
        template["Resources"]["ReportsQueue"]["Properties"]["VisibilityTimeout"] = 10**6
        return template

    said = r"the deployment failed: ReportsQueue \(AWS::SQS::Queue\): .*VisibilityTimeout"
    with pytest.raises(StackError, match=said), Stack(transform=with_endless_visibility, log_dir=tmp_path):
        pass


def test_an_emulator_that_dies_is_reported_with_its_last_words(tmp_path: Path) -> None:
    process = Process("the emulator", [sys.executable, "-c", "exit('no such module')"], env={}, log=tmp_path / "log")

    with pytest.raises(StackError, match="the emulator ended with code 1; its last lines:\nno such module"):
        process.wait_until(lambda: False)
    process.stop()


_FAMILY = """
import subprocess, sys, time
from pathlib import Path
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)  # {mark}"])
Path("started").touch()
time.sleep(600)  # {mark}
"""

_ASKER = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from local.process import Process
process = Process("the family", [sys.executable, "-c", sys.argv[1]], env={}, log=Path(sys.argv[2]))
process.wait_until((process.workdir / "started").exists)
print(process.workdir, flush=True)
sys.stdin.read()
"""


def _running(mark: str) -> list[int]:
    return [each.pid for each in psutil.process_iter(["cmdline"]) if mark in " ".join(each.info["cmdline"] or ())]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_program_that_started_it(how: signal.Signals, tmp_path: Path) -> None:
    mark = f"family-{os.getpid()}-{how.name}"
    asker = subprocess.Popen(
        [sys.executable, "-c", _ASKER, _FAMILY.replace("{mark}", mark), str(tmp_path / "log")],
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert asker.stdin
    assert asker.stdout
    with asker.stdin, asker.stdout:
        workdir = Path(asker.stdout.readline().strip())
        assert len(_running(mark)) >= 2

        asker.send_signal(how)
        asker.wait(timeout=30)

        watch.eventually(lambda: not _running(mark), "processes are left")
        watch.eventually(lambda: not workdir.exists(), "files are left")

"""The process that holds the simulators: how it starts, ends, and what it never imports."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from threading import Thread

import httpx
import pytest

from tests.integration.simulators.running import FROM, TO, Simulator, client, post, process, ready


def test_it_ends_when_its_parents_pipe_closes() -> None:
    with process() as running:
        ready(running)
        assert running.stdin
        running.stdin.close()

        assert running.wait(timeout=10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_whatever_is_pending_or_hangs(number: signal.Signals) -> None:
    with process("--pace", "1000") as running, client(ready(running)["twilio"]) as http:
        simulator = Simulator(http)
        post(simulator, {"To": TO, "From": FROM, "Body": "pending"})
        hanging = Thread(target=hang, args=(simulator,))
        hanging.start()
        http.get("/_control/seen", params={"posts": 2}).raise_for_status()
        running.send_signal(number)

        assert running.wait(timeout=5) == 0
        hanging.join()
        assert running.stderr
        assert running.stderr.read() == ""


def hang(simulator: Simulator) -> None:
    with client(simulator.url) as http, suppress(httpx.TransportError):
        post(Simulator(http), {"To": "+31612345607", "From": FROM, "Body": "hangs"})


def test_a_taken_port_is_one_clear_line() -> None:
    with process() as first:
        port = ready(first)["ports"]["twilio"]
        with process("--twilio-port", str(port)) as second:
            _, errors = second.communicate(timeout=10)

    assert second.returncode == 1
    assert errors == f"simulators: port {port} on 127.0.0.1 cannot be used: Address already in use\n"


def test_they_share_no_code_with_the_service() -> None:
    check = "import sys, local.simulators.__main__; print([name for name in sys.modules if 'sms_tracker' in name])"

    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"

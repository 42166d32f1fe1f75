"""The programs that `make run` prints: the providers' official SDKs, pointed at the simulators."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx
import pytest

from local import simulators
from local.simulators import bird, messagebird, twilio

WITH_SDK = [name for name in simulators.names() if simulators.load(name).sdk]


def test_each_provider_with_a_python_sdk_has_a_program() -> None:
    assert {twilio.SIMULATOR.title, messagebird.SIMULATOR.title, bird.SIMULATOR.title} <= {
        simulators.load(name).title for name in WITH_SDK
    }


@pytest.mark.parametrize("name", WITH_SDK)
def test_the_printed_program_sends_to_the_simulator(name: str, urls: dict[str, Any]) -> None:
    sdk = simulators.load(name).sdk
    assert sdk

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", sdk(urls[name])], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    ledger = httpx.get(f"{urls[name]}/_ledger", trust_env=False).json()
    httpx.delete(f"{urls[name]}/_ledger", trust_env=False).raise_for_status()
    assert done.stdout.strip() in str(ledger)

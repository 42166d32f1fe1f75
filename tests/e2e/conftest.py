"""One local stack for all end-to-end tests; with xdist one for each worker.

The functions' IAM policies are enforced; AUTH=false disables that, to find out whether a policy causes a failure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from local import emulator
from local.process import LOCALHOST, free_port
from local.stack import NAME, Stack
from tests.e2e import browser as chromium
from tests.e2e import clients, provider, watch
from tests.e2e.browser import Visit
from tests.e2e.provider import Simulator, number

LIMITED = "limited"
LIMITS = {"daily_cap": 1_000_000, "range": {"day": 1_000_000}, "clients": {LIMITED: {"client": {"day": 30}}}}
"""Every message of these tests is counted; one client reaches a limit."""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(auth=os.environ.get("AUTH") != "false") as running:
        running.clients.ssm.put_parameter(Name=f"/{NAME}/limits", Value=json.dumps(LIMITS), Type="String")
        yield running


@pytest.fixture(scope="session")
def api_key(stack: Stack) -> str:
    key = stack.create_key("e2e", {"send", "read"})
    stack.warm_up(key)
    return key


@pytest.fixture(scope="session")
def api(stack: Stack, api_key: str) -> Iterator[httpx.Client]:
    with clients.with_key(stack, api_key) as client:
        yield client


@pytest.fixture
def emulated(tmp_path: Path) -> Iterator[str]:
    """The address of an emulator with nothing in it."""
    port = free_port()
    process = emulator.start(port, auth=False, log=tmp_path / "emulator.log")
    try:
        process.wait_until(lambda: emulator.ready(port))
        yield f"http://{LOCALHOST}:{port}"
    finally:
        process.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.started() as running:
        yield running


@pytest.fixture(scope="module")
def simulators(stack: Stack) -> Iterator[dict[str, Simulator]]:
    yield from provider.simulators_of(stack)


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Iterator[Visit]:
    with chromium.visit(browser, stack.api_url) as arrived:
        yield arrived


@pytest.fixture(scope="module")
def sent(api: httpx.Client) -> dict[str, dict[str, Any]]:
    """The final records of a delivered, an undelivered and a corrected message."""
    wanted = {"delivered": ("00", "twilio"), "undelivered": ("01", "twilio"), "corrected": ("18", "messagebird")}
    made = {name: chromium.send(api, number(digits), by) for name, (digits, by) in wanted.items()}
    return {name: watch.final(api, message_id) for name, message_id in made.items()}

"""The simulators, started once and left unspoilt by every test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from local.simulators.bird import Settings
from tests.bird_sdk import bird as bird_package
from tests.integration.simulators.running import (
    BIRD,
    Received,
    Receiver,
    Simulator,
    bird_client,
    client,
    process,
    ready,
    twilio_sdk,
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            url = f"http://{headers['host']}{self.path}"
            self.send_response(kept.take(Received(self.command, url, headers, body)))
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815 - the names http.server calls

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def urls() -> Iterator[dict[str, Any]]:
    with process("--pace", "0.001", "--retry-pause", "0.001") as running:
        yield ready(running)


@contextmanager
def account(urls: dict[str, Any], name: str) -> Iterator[Simulator]:
    """A provider's simulator, left as it was found."""
    with client(urls[name]) as http:
        before = http.get("/_control/settings").json()
        yield Simulator(http)
        http.put("/_control/settings", json=before).raise_for_status()
        http.delete("/_control/scenario").raise_for_status()
        http.delete("/_ledger").raise_for_status()
        if name == "bird":
            Simulator(http).forget_endpoints(Settings().api_key)


@pytest.fixture
def twilio(urls: dict[str, Any]) -> Iterator[Simulator]:
    with account(urls, "twilio") as simulator:
        yield simulator


@pytest.fixture
def bird(urls: dict[str, Any]) -> Iterator[Simulator]:
    with account(urls, "messagebird") as simulator:
        yield simulator


@pytest.fixture
def platform(urls: dict[str, Any]) -> Iterator[Simulator]:
    """Bird's simulator; ``bird`` is MessageBird's."""
    with account(urls, "bird") as simulator:
        yield simulator


@pytest.fixture
def messages(twilio: Simulator) -> Iterator[Any]:
    with twilio_sdk(twilio) as sdk:
        yield sdk


@pytest.fixture
def bird_sdk(bird: Simulator) -> Any:
    return bird_client(bird, BIRD.access_key)


@pytest.fixture
def sdk(platform: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Bird's own SDK as a client of its simulator."""
    monkeypatch.setenv("BIRD_CLIENT_ENRICHMENT", "0")
    with httpx.Client(trust_env=False, verify=False, timeout=20) as http:
        yield bird_package.Bird(api_key=Settings().api_key, base_url=platform.url, http_client=http, max_retries=0)

"""Clients generated from the API's description: they send, read and list, and every problem has its type."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from local.stack import Stack
from ops.openapi.__main__ import FOLDER
from tests.e2e import npm

DESCRIPTION = FOLDER / "openapi.json"
TYPESCRIPT = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3")
PROBLEMS = {
    400: ("invalid-request", ["to"]),
    409: ("in-progress", []),
    422: ("refused-by-provider", []),
    502: ("account-refused", []),
}
"""The name of the problem of each status here, and its wrong fields."""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModuleType]:
    """Imports a module of the package that openapi-python-client makes."""
    folder = tmp_path_factory.mktemp("python")
    (folder / "config.yaml").write_text("post_hooks: []\n")
    command = [
        *(str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--fail-on-warning"),
        *("--path", str(DESCRIPTION), "--config", str(folder / "config.yaml")),
        *("--meta", "none", "--output-path", str(folder / "generated_client")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    return lambda name: importlib.import_module(f"generated_client.{name}")


@pytest.fixture
def client(generated: Callable[[str], ModuleType], stack: Stack) -> Callable[[str], Any]:
    """A generated client with a key."""
    options = {"base_url": stack.api_url, "timeout": httpx.Timeout(35), "httpx_args": {"trust_env": False}}
    return lambda key: generated("client").AuthenticatedClient(token=key, **options)


def test_a_generated_python_client_sends_reads_lists_and_gets_typed_problems(
    generated: Callable[[str], ModuleType], client: Callable[[str], Any], api_key: str
) -> None:
    models, shop = generated("models"), client(api_key)
    calls = {name: generated(f"api.messages.{name}") for name in ("send_message", "get_message", "list_messages")}

    def send(to: str, key: str) -> Any:
        body = models.SendRequest(to=to, body="Your parcel is here", reference="python")
        return calls["send_message"].sync_detailed(client=shop, body=body, idempotency_key=f"python-{key}")

    sent = send("+31612345600", "taken").parsed
    assert isinstance(sent, models.AcceptedMessage)
    assert isinstance(calls["get_message"].sync(sent.message_id, client=shop), models.Message)
    statuses = [models.Status.ACCEPTED, models.Status.SENT, models.Status.DELIVERED]
    page = calls["list_messages"].sync(client=shop, reference="python", status=statuses)
    assert sent.message_id in [message.message_id for message in page.messages]

    assert send("+31612345612", "unknown").status_code == 202  # its outcome is unknown, so the key stays in progress
    numbers = {400: "somebody", 409: "+31612345612", 422: "+31612345609", 502: "+31612345623"}
    for status, to in numbers.items():
        answer = send(to, "unknown" if status == 409 else str(status))
        name, fields = PROBLEMS[status]
        assert isinstance(answer.parsed, models.Problem), answer
        assert (answer.status_code, answer.parsed.status) == (status, status)
        assert answer.parsed.type_ == f"urn:sms-tracker:problem:{name}"
        assert [wrong.field for wrong in answer.parsed.errors or []] == fields


def test_a_generated_python_client_tells_our_problems_from_the_gateways_errors(
    generated: Callable[[str], ModuleType], client: Callable[[str], Any], stack: Stack
) -> None:
    # Found in openapi-generators/openapi-python-client#1248
    models, listing = generated("models"), generated("api.messages.list_messages")
    sending = stack.create_key("sends", {"send"})

    ours, gateways = (listing.sync_detailed(client=client(key)) for key in (sending, "smst_guessed"))

    assert (ours.status_code, gateways.status_code) == (403, 403)
    assert isinstance(ours.parsed, models.Problem)
    assert isinstance(gateways.parsed, models.GatewayError)


@pytest.mark.timeout(180)
def test_a_generated_typescript_client_compiles_and_gets_the_same(stack: Stack, api_key: str, tmp_path: Path) -> None:
    node, modules = npm.node(), npm.packages(*TYPESCRIPT)
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(Path(__file__).with_name("client.ts"), tmp_path)

    def run(*command: str) -> str:
        environment = {"PATH": os.environ["PATH"], "URL": stack.api_url, "KEY": api_key}
        done = subprocess.run(
            [node, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("node_modules/openapi-typescript/bin/cli.js", str(DESCRIPTION), "--output", "schema.d.ts")
    run("node_modules/typescript/lib/tsc.js", "--strict", "--target", "es2022", "--module", "nodenext", "client.ts")
    received = json.loads(run("client.js"))

    assert received == {
        "sent": 202,
        "read": True,
        "listed": True,
        "401": {"message": "Unauthorized"},
        "404": ["urn:sms-tracker:problem:no-such-message", []],
        **{str(status): [f"urn:sms-tracker:problem:{name}", fields] for status, (name, fields) in PROBLEMS.items()},
    }

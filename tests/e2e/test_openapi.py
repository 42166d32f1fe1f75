"""The API's description against the running service: schemathesis asks everything that it allows, and what it does not.

By hand, with the addresses of `make run`:
    API_KEY=$KEY schemathesis --config-file tests/e2e/schemathesis.toml run $URL/openapi.json
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from local.process import ROOT
from local.stack import Stack
from ops.openapi.__main__ import FOLDER
from ops.openapi.document import document
from ops.openapi.operations import OPERATIONS
from tests.e2e import clients, curl

CONFIG = Path(__file__).with_name("schemathesis.toml")
CURLS = [operation.curl for operation in OPERATIONS if operation.curl]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What schemathesis said; ``code`` is 0 where it found nothing."""

    code: int
    said: str


@pytest.fixture(scope="module")
def ask(stack: Stack, api_key: str) -> Callable[..., Run]:
    def run(described: str, *options: str) -> Run:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", described]
        done = subprocess.run(
            [*command, "--no-color", "--url", stack.api_url, *options],
            env={**os.environ, "API_KEY": api_key, "PYTHONPATH": f"{ROOT}/layers/core:{ROOT}", "NO_PROXY": "*"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Run(code=done.returncode, said=done.stdout + done.stderr)

    return run


@pytest.mark.timeout(330)
def test_schemathesis_finds_nothing(ask: Callable[..., Run]) -> None:
    run = ask(str(FOLDER / "openapi.json"))  # from its address it would not ask for the document itself

    assert run.code == 0, run.said
    described = sum(len(methods) for methods in document()["paths"].values())
    assert f"{described} selected / {described} total" in re.sub(r"\s+", " ", run.said)
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert phase in run.said


@pytest.mark.timeout(330)
def test_schemathesis_would_find_an_answer_that_is_not_as_described(ask: Callable[..., Run], tmp_path: Path) -> None:
    described = document()
    described["components"]["schemas"]["Message"]["properties"]["segments"] = {"type": "string"}
    wrong = tmp_path / "openapi.json"
    wrong.write_text(json.dumps(described))

    run = ask(str(wrong), "--phases", "stateful", "--max-examples", "5")

    assert run.code == 1
    assert "Response violates schema" in run.said


@pytest.mark.parametrize("line", CURLS)
def test_an_example_of_the_reference_runs_as_it_stands(line: str, stack: Stack, api_key: str) -> None:
    key = stack.create_key("e2e", {"admin", "read", "send"}) if "/opt-outs" in line else api_key  # it lists no senders
    answer = curl.run(line, {"URL": stack.api_url, "KEY": key})

    expected = {404} if "0b0e9f0a-53cf" in line else {200, 202}  # the examples' message is in no table
    assert answer.status_code in expected, answer.text


def test_the_description_is_served_as_it_was_made(api: httpx.Client) -> None:
    answer = api.get("/openapi.json")

    assert answer.json() == document()
    assert api.get("/openapi.json", headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_the_reference_is_served_under_a_policy_that_lets_nothing_run(stack: Stack) -> None:
    with clients.with_key(stack, None) as visitor:
        answer, style = visitor.get("/docs"), visitor.get("/page/docs.css")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert style.headers["content-type"] == "text/css; charset=utf-8"

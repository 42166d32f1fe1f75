"""`make load` on the local stack: the report of a short run, and its data file for other tools."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import httpx
import pytest

from local.process import ROOT
from local.stack import Stack


def run(stack: Stack, module: str, *options: str) -> subprocess.CompletedProcess[str]:
    key = stack.create_key("load", {"send", "read"})
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/layers/core:{ROOT}", "URL": stack.api_url, "KEY": key}
    return subprocess.run(
        [sys.executable, "-m", module, *options], env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.timeout(240)
def test_every_report_that_is_accepted_under_load_arrives(stack: Stack) -> None:
    done = run(stack, "bench.load", "--duration", "5", "--users", "2")

    assert done.returncode == 0, done.stdout + done.stderr
    said = re.search(r"(\d+) messages accepted, (\d+) reports accepted, (\d+) of them in the table", done.stdout)
    assert said
    messages, reports, arrived = map(int, said.groups())
    assert 0 < messages < reports == arrived


def test_requests_from_a_data_file_are_accepted(stack: Stack) -> None:
    made = run(stack, "bench.load", "--print", "2")

    assert made.returncode == 0, made.stderr
    answers = [
        httpx.request(one["method"], one["url"], headers=one["headers"], content=one["body"], timeout=60).status_code
        for one in json.loads(made.stdout)
    ]
    assert sorted(answers) == [200] * 3 + [204] * 3

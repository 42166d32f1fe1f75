"""The operator's command, as a person runs it, against the deployed stack."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from local.clients import REGION, ROOT_KEY
from local.process import ROOT
from local.stack import Stack


def repair(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make repair ARGS=…` without make, with nothing but a region, an address and credentials."""
    settings = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "layers/core:.",
        "AWS_ENDPOINT_URL": stack.clients.dynamodb.meta.endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
    }
    command = [sys.executable, "-m", "ops.repair", *arguments]
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("command", [["stuck"], ["rebuild"], ["republish"], ["redrive", "unmatched"]])
def test_a_dry_run_finds_the_stack_and_changes_nothing(stack: Stack, command: list[str]) -> None:
    done = repair(stack, *command)

    assert done.returncode == 0, done.stderr
    assert command == ["stuck"] or "nothing was changed" in done.stderr


def test_a_stack_that_is_not_there_is_one_line(stack: Stack) -> None:
    done = repair(stack, "stuck", "--stack", "no-such-stack")

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1

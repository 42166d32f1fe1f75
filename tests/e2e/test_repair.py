"""The operator's command, as a person runs it, against the deployed stack."""

from __future__ import annotations

import pytest

from local.stack import Stack
from tests.e2e import command


@pytest.mark.parametrize("arguments", [["stuck"], ["rebuild"], ["republish"], ["redrive", "unmatched"]])
def test_a_dry_run_finds_the_stack_and_changes_nothing(stack: Stack, arguments: list[str]) -> None:
    done = command.run(stack, "ops.repair", *arguments)

    assert done.returncode == 0, done.stderr
    assert arguments == ["stuck"] or "nothing was changed" in done.stderr


def test_a_stack_that_is_not_there_is_one_line(stack: Stack) -> None:
    done = command.run(stack, "ops.repair", "stuck", "--stack", "no-such-stack")

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1

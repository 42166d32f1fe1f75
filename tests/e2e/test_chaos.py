"""The short form of `make chaos`, on a stack of its own: everything goes wrong at once, and all books agree."""

from __future__ import annotations

import pytest

from local.chaos.__main__ import report
from local.chaos.checks import findings
from local.chaos.deployment import SHORT
from local.chaos.run import run

_MESSAGES = 60


@pytest.mark.timeout(300)
def test_nothing_is_lost_doubled_or_wrong_while_everything_goes_wrong() -> None:
    outcome = run(_MESSAGES, seed=1, scale=SHORT, progress=print)

    found = findings(outcome.evidence)

    assert found == [], report(outcome, found)
    assert all(sum(counts.values()) for counts in outcome.injected.values()), "something was not injected at all"

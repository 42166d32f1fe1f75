"""What every test run shares: no deadline for an example, and at its end how many tests of each kind passed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("shared machine", deadline=None)  # a slow moment is no failure: each test has its time-out
settings.load_profile("shared machine")

KINDS = ("unit", "contract", "integration", "e2e")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count by the folder that a test lives in."""
    passed = Counter(Path(report.nodeid).parts[1] for report in terminalreporter.stats.get("passed", []))
    terminalreporter.write_line(", ".join(f"{passed[kind]} {kind}" for kind in KINDS))

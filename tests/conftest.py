"""Settings of every test run: no Hypothesis deadline, the tests that count for coverage, a summary by kind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("shared machine", deadline=None)  # slowness is no failure: each test has a time-out
settings.load_profile("shared machine")

KINDS = ("unit", "contract", "integration", "e2e")
COVERING = ("unit", "contract")
"""Their tests reach every branch of domain and providers; tracing the others would only halve their speed."""
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(_HERE).parts[0] not in COVERING:
            item.add_marker(pytest.mark.no_cover)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count passed tests by folder."""
    passed = Counter(Path(report.nodeid).parts[1] for report in terminalreporter.stats.get("passed", []))
    terminalreporter.write_line(", ".join(f"{passed[kind]} {kind}" for kind in KINDS))

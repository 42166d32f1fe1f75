"""What every test run shares: no deadline for an example, who counts for coverage, how many of each kind passed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("shared machine", deadline=None)  # a slow moment is no failure: each test has its time-out
settings.load_profile("shared machine")

KINDS = ("unit", "contract", "integration", "e2e")
COVERING = ("unit", "contract")
"""Their tests reach every branch of domain and providers; tracing the others would only make them half as fast."""
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(_HERE).parts[0] not in COVERING:
            item.add_marker(pytest.mark.no_cover)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count by the folder that a test lives in."""
    passed = Counter(Path(report.nodeid).parts[1] for report in terminalreporter.stats.get("passed", []))
    terminalreporter.write_line(", ".join(f"{passed[kind]} {kind}" for kind in KINDS))

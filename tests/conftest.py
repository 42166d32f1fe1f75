"""Settings of every test run: no Hypothesis deadline, the tests that count for coverage, a summary by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from coverage import Coverage
from hypothesis import settings

settings.register_profile("shared machine", deadline=None)  # slowness is no failure: each test has a time-out
settings.load_profile("shared machine")

KINDS = ("unit", "contract", "integration", "e2e")
COVERING = ("unit", "contract")
"""Their tests reach every branch of domain and providers; tracing the others would only halve their speed."""
_HERE = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Pause coverage for the tests that do not count, and for their fixtures: ``no_cover`` leaves those traced."""
    coverage = Coverage.current()
    if coverage is None or item.path.relative_to(_HERE).parts[0] in COVERING:
        return (yield)
    coverage.stop()
    try:
        return (yield)
    finally:
        coverage.start()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count passed tests by folder."""
    passed = Counter(Path(report.nodeid).parts[1] for report in terminalreporter.stats.get("passed", []))
    terminalreporter.write_line(", ".join(f"{passed[kind]} {kind}" for kind in KINDS))

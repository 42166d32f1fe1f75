"""The messages that have the reconciler write every gauge, and the names that the gauges have in the bill."""

from __future__ import annotations

import json

import pytest

from bench.rest import STEPS, fill, name, written
from tests.cloud import AWS, Cloud, cold_start
from tests.unit.template_stack import environment


@pytest.fixture
def logged(cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:  # noqa: ARG001
    """What the reconciler logs of the filled table, in a stack with every alarm and the dashboard."""
    for key in ("POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME", "UNREAD_METRICS"):
        monkeypatch.setenv(key, environment("reconciler", Alarms="all", Dashboard="on")[key])
    monkeypatch.setenv("RUN_SECONDS", "300")
    fill(AWS.dynamodb, "messages")
    handler = cold_start("reconciler")
    for asked in STEPS.values():
        handler(asked, object())
    return capsys.readouterr().out.splitlines()


def test_the_filled_table_has_the_reconciler_write_every_metric_that_a_default_stack_leaves_out(
    logged: list[str],
) -> None:
    names = {name(metric) for metric in written(logged)}
    unread = {*environment("reconciler")["UNREAD_METRICS"].split(",")}

    assert names == {*unread, "ReconcilerRuns"}
    assert json.loads(logged[0])["decision"] == "started"

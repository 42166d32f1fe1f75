"""The alarms and the dashboard: each leads to somebody, names its runbook, and watches what is really measured."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cloudwatch import Metric, watched
from tests.unit import documents
from tests.unit.template_stack import ROOT, stack

OPERATIONS = ROOT / "docs" / "operations.md"
NAMESPACE = "SmsTracker/stack"
ALARMS = stack().of("AWS::CloudWatch::Alarm")
WATCHED = sorted({metric for each in ALARMS.values() for metric in watched(each.properties)}, key=str)
each_alarm = pytest.mark.parametrize("name", sorted(ALARMS))


def measured() -> dict[str, tuple[str, str | None]]:
    """Service and further dimension of every metric in the runbook's list."""
    text = OPERATIONS.read_text()
    section = text[text.index("## Metrics") : text.index("Live figures count")]
    found: dict[str, tuple[str, str | None]] = {}
    for names, service, dimension in re.findall(r"^- ((?:`\w+`,?\s+)+)\((\w+)(?:, `(\w+)`)?\):", section, re.MULTILINE):
        found |= dict.fromkeys(re.findall(r"\w+", names), (service, dimension or None))
    return found


def emitted() -> set[str]:
    """Every name that the functions count or measure under, but for those made of a word."""
    sources = [path.read_text() for path in ROOT.glob("functions/*/app.py")]
    return {name for source in sources for name in re.findall(r'"([A-Z][a-z]+(?:[A-Z][a-z]+)*)"', source)}


@each_alarm
def test_an_alarm_tells_people_when_it_begins_and_when_it_is_over(name: str) -> None:
    properties = ALARMS[name].properties

    assert properties["AlarmActions"] == properties["OKActions"] == ["AlertsTopic"]
    assert properties["AlarmName"].startswith("stack-")  # the topic's policy takes no other


@each_alarm
def test_an_alarm_names_a_section_that_the_runbook_has(name: str) -> None:
    anchor = ALARMS[name].properties["AlarmDescription"].rpartition("docs/operations.md#")[2]

    assert anchor in documents.anchors(OPERATIONS)
    assert anchor in {ALARMS[name].properties["AlarmName"].removeprefix("stack-"), "exceptions"}


@pytest.mark.parametrize("metric", [each for each in WATCHED if each.namespace == NAMESPACE])
def test_an_alarm_on_a_metric_of_ours_watches_one_that_is_measured(metric: Metric) -> None:
    assert metric.dimensions == {("service", measured()[metric.name][0])}


def test_the_runbook_lists_what_the_functions_measure() -> None:
    assert emitted() - {"Records", "Seconds", "Percent", "None"} <= measured().keys()


def test_each_function_s_exceptions_and_each_queue_for_what_failed_have_an_alarm() -> None:
    seen = {(metric.name, value) for metric in WATCHED for _, value in metric.dimensions}
    functions = {("Errors", name) for name in stack().of("AWS::Lambda::Function")}
    queues = {"ReportsDlq", "PublishFailedQueue", "FailuresDlq", "FailureRuleDlq"}

    assert functions <= seen
    assert {("ApproximateNumberOfMessagesVisible", f"{name}.QueueName") for name in queues} <= seen


def test_a_stack_can_do_without_alarms() -> None:
    kinds = {resource.type for resource in stack(Alarms="false").resources.values()}

    assert not kinds & {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"}


def test_the_dashboard_shows_every_alarm_and_only_what_is_measured() -> None:
    board: dict[str, Any] = json.loads(stack().only("AWS::CloudWatch::Dashboard").properties["DashboardBody"])
    alarms, *graphs = board["widgets"]
    ours = [row for graph in graphs for row in graph["properties"]["metrics"] if row[0] == NAMESPACE]

    named = {arn.rpartition(":")[2] for arn in alarms["properties"]["alarms"]}
    assert named == {alarm.properties["AlarmName"] for alarm in ALARMS.values()}
    for _, metric, *rest in ours:
        shown = dict(zip(*[iter(each for each in rest if isinstance(each, str))] * 2, strict=True))
        service, further = measured()[metric]
        assert (shown.pop("service"), set(shown) <= {further}) == (service, True), metric


def test_the_picture_of_the_dashboard_is_of_this_dashboard() -> None:
    from local.dashboard import TARGET, body, draw  # noqa: PLC0415 - reads the template as the local stack does
    from local.template import load  # noqa: PLC0415

    assert TARGET.read_text("utf-8") == draw(body(load(ROOT / "template.yaml")))

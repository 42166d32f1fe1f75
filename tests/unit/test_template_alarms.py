"""The alarms and the dashboard: each leads to somebody, names its runbook, and watches what is really measured."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest

from tests.cloudwatch import Metric, shown, watched
from tests.unit import documents
from tests.unit.template_stack import ROOT, Resource, environment, stack

OPERATIONS = ROOT / "docs" / "operations.md"
NAMESPACE = "SmsTracker/stack"
EVERYTHING = stack(Alarms="all", Dashboard="on", GradualDeployment="true")
ALARMS = EVERYTHING.of("AWS::CloudWatch::Alarm")
ESSENTIAL = {
    *("reports-dlq", "inbound-dlq", "failures-dlq", "failure-rule-dlq", "publish-failed", "reports-failing"),
    *("webhook-unavailable", "send-errors", "account-refused", "signatures-refused", "reconciler-silent"),
    *("exceptions", "endpoint-down", "limits-exceeded"),
}
WATCHED = sorted({metric for each in ALARMS.values() for metric in watched(each.properties)}, key=str)
each_alarm = pytest.mark.parametrize("name", sorted(ALARMS))


def measured() -> dict[str, tuple[set[str], str | None]]:
    """Services and further dimension of every metric in the runbook's list."""
    text = OPERATIONS.read_text()
    section = text[text.index("## Metrics") : text.index("Live figures count")]
    found: dict[str, tuple[set[str], str | None]] = {}
    entry = r"^- ((?:`\w+`,?\s+)+)\((\w+(?: and \w+)*)(?:, `(\w+)`)?\):"
    for names, services, dimension in re.findall(entry, section, re.MULTILINE):
        found |= dict.fromkeys(re.findall(r"\w+", names), (set(services.split(" and ")), dimension or None))
    return found


def emitted() -> set[str]:
    """Every name that the code counts or measures under: as a call's first argument, or in a table ``_METRICS``."""
    found = set()
    for path in (*ROOT.glob("functions/*/app.py"), *ROOT.glob("layers/core/sms_tracker/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr="count" | "measure"), args=[ast.Constant(value=str(name)), *_]):
                    found.add(name)
                case ast.Assign(targets=[ast.Name(id="_METRICS")], value=ast.Dict(values=names)):
                    found |= {str(name.value) for name in names if isinstance(name, ast.Constant)}
    return {name for name in found if name[0].isupper()}  # str.count has one argument too


@each_alarm
def test_an_alarm_tells_people_when_it_begins_and_ends_and_names_a_section_of_the_runbook(name: str) -> None:
    properties = ALARMS[name].properties
    anchor = properties["AlarmDescription"].rpartition("docs/operations.md#")[2]

    assert properties["AlarmActions"] == properties["OKActions"] == ["AlertsTopic"]
    assert properties["AlarmName"].startswith("stack-")  # the topic's policy takes no other
    assert anchor in documents.anchors(OPERATIONS)
    assert anchor in {alarm_name(ALARMS[name]), "exceptions"}


@pytest.mark.parametrize("metric", [each for each in WATCHED if each.namespace == NAMESPACE])
def test_an_alarm_on_a_metric_of_ours_watches_one_that_is_measured(metric: Metric) -> None:
    services, _ = measured()[metric.name]
    assert metric.dimensions in [{("service", service)} for service in services]


def test_what_the_functions_measure_is_in_the_runbook_and_read_by_an_alarm_or_the_dashboard() -> None:
    metrics = {metric.name for metric in {*WATCHED, *shown(EVERYTHING)} if metric.namespace == NAMESPACE}
    assert emitted() == measured().keys() == metrics


def read(**parameters: str) -> set[str]:
    """The metrics of ours that a deployment's alarms and dashboard read, a second dimension before the name."""
    deployed = stack(**parameters)
    metrics = {each for alarm in deployed.of("AWS::CloudWatch::Alarm").values() for each in watched(alarm.properties)}
    if deployed.of("AWS::CloudWatch::Dashboard"):
        metrics |= shown(deployed)
    names = {metric: [name for name, _ in metric.dimensions if name != "service"] for metric in metrics}
    return {".".join((*further, each.name)) for each, further in names.items() if each.namespace == NAMESPACE}


def unread(**parameters: str) -> set[str]:
    """The metrics that the functions of a deployment do not write."""
    given = [environment(name, **parameters) for name in ("send", "webhook", "processor", "publisher", "reconciler")]
    return {name for each in given for name in each["UNREAD_METRICS"].split(",") if name}


@pytest.mark.parametrize("choice", ["none", "essential", "all"])
@pytest.mark.parametrize("dashboard", ["off", "on"])
def test_a_metric_that_an_alarm_or_the_dashboard_reads_is_written(choice: str, dashboard: str) -> None:
    chosen = {"Alarms": choice, "Dashboard": dashboard}
    assert unread(**chosen) & read(**chosen) == set()
    assert unread() <= read(Alarms="all", Dashboard="on")


def test_a_metric_with_values_in_every_hour_is_written_only_where_something_reads_it() -> None:
    rare = {
        *("ReportToEvent",),  # only in hours with events
        *("ReportsDead", "ReportsFailed", "ReportsForeign", "ReportsStale", "ReportsTest", "ReportsUnmatched"),
        *("ReportsUnrecognised", "SecondProviderIds", "ProviderRetries", "SendsRefused", "SendsOptedOut"),
        *("SendsOverLimit", "RepliesHeard", "OptOutsAsked", "OptOutsSuspected", "RepliesDead"),
    }

    assert unread() == read(Alarms="all", Dashboard="on") - read() - rare
    assert unread(Alarms="all", Dashboard="on") == set()


def test_reports_that_are_counted_and_not_stored_are_counted_without_a_dashboard_too() -> None:
    assert "provider.ReportsReceived" in unread()
    assert "provider.ReportsReceived" not in unread(Preset="volume")


def test_no_layer_or_function_writes_metrics_by_another_way() -> None:
    sources = [path.read_text() for path in (*ROOT.glob("functions/*/*.py"), *ROOT.glob("layers/core/**/*.py"))]
    assert not any("add_metric" in source or "put_metric_data" in source for source in sources)


def test_each_function_s_exceptions_and_each_queue_for_what_failed_have_an_alarm() -> None:
    seen = {(metric.name, value) for metric in WATCHED for _, value in metric.dimensions}
    functions = {("Errors", name) for name in stack().of("AWS::Lambda::Function")}
    queues = {"ReportsDlq", "InboundDlq", "PublishFailedQueue", "FailuresDlq", "FailureRuleDlq"}

    assert functions <= seen
    assert {("ApproximateNumberOfMessagesVisible", f"{name}.QueueName") for name in queues} <= seen


def test_an_alarm_says_nothing_that_is_not_in_the_template() -> None:
    # A notification has the alarm's name, description, metrics and dimensions, and numbers that were measured.
    people = {"AlertEmail": "jane@example.com", "TwilioFrom": "+15551234567", "MessageBirdOriginator": "Jane"}
    personal = stack(Alarms="all", GradualDeployment="true", **people).of("AWS::CloudWatch::Alarm")

    assert {name: each.properties for name, each in personal.items()} == {
        name: each.properties for name, each in ALARMS.items()
    }
    dimensions = {dimension for metric in WATCHED for dimension, _ in metric.dimensions}
    assert dimensions <= {"service", "QueueName", "FunctionName", "ScheduleGroup"}


def alarm_name(alarm: Resource) -> str:
    return str(alarm.properties["AlarmName"]).removeprefix("stack-")


def alarms(**parameters: str) -> set[str]:
    return {alarm_name(each) for each in stack(**parameters).of("AWS::CloudWatch::Alarm").values()}


def test_the_essential_alarms_are_there_unless_a_parameter_wants_all_or_none() -> None:
    assert alarms() == alarms(Alarms="essential") == ESSENTIAL
    assert alarms(Alarms="all") > ESSENTIAL
    assert alarms(GradualDeployment="true") == {*ESSENTIAL, "send-exceptions"}  # the alarm that rolls it back
    assert alarms(Alarms="none") == alarms(GradualDeployment="true", Alarms="none") == set()


def test_a_stack_that_was_deployed_with_an_older_value_keeps_what_it_meant() -> None:
    # `sam deploy` gives a stack's earlier value again where none is given.
    assert alarms(Alarms="true") == alarms(Alarms="all")
    assert alarms(Alarms="false") == alarms(Alarms="none")
    assert unread(Alarms="true") == unread(Alarms="all") < unread()


def test_the_essential_alarms_are_billed_for_at_most_twenty_three_metrics() -> None:
    essential = stack().of("AWS::CloudWatch::Alarm").values()
    assert sum(len(watched(each.properties)) for each in essential) <= 23


def board(**parameters: str) -> list[dict[str, Any]]:
    body = stack(Dashboard="on", **parameters).only("AWS::CloudWatch::Dashboard").properties["DashboardBody"]
    widgets: list[dict[str, Any]] = json.loads(body)["widgets"]
    return widgets


@pytest.mark.parametrize("choice", ["essential", "all"])
def test_the_dashboard_shows_every_alarm_that_there_is(choice: str) -> None:
    shown_alarms = board(Alarms=choice)[0]["properties"]["alarms"]
    assert {arn.rpartition("stack-")[2] for arn in shown_alarms} == alarms(Alarms=choice)


def test_there_is_a_dashboard_only_where_a_parameter_says_so_of_metrics_alone_without_alarms() -> None:
    assert not stack().of("AWS::CloudWatch::Dashboard")
    assert "DashboardUrl" in stack(Dashboard="on").outputs
    assert {widget["type"] for widget in board(Alarms="none")} == {"metric"}


def test_the_dashboard_shows_only_what_is_measured() -> None:
    for metric in shown(EVERYTHING):
        if metric.namespace == NAMESPACE:
            dimensions = dict(metric.dimensions)
            services, further = measured()[metric.name]
            assert dimensions.pop("service") in services, metric
            assert set(dimensions) <= {further}, metric


def test_the_picture_of_the_dashboard_is_of_this_dashboard() -> None:
    from local.dashboard import TARGET, body, draw  # noqa: PLC0415 - reads the template as the local stack does
    from local.template import load  # noqa: PLC0415

    assert TARGET.read_text("utf-8") == draw(body(load(ROOT / "template.yaml")))

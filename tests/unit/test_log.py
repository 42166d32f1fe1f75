"""One line an invocation: metrics as CloudWatch reads them and Powertools names them, and nothing private."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from sms_tracker import __version__
from sms_tracker.config import DigestConfig
from sms_tracker.domain.errors import Unavailable
from sms_tracker.log import Line, Log, Unhandled, redacted

ENVIRONMENT = {"POWERTOOLS_SERVICE_NAME": "webhook", "POWERTOOLS_METRICS_NAMESPACE": "SmsTracker"}
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a handler and read the lines that it wrote."""

    def run(handler: Any, log: Log, *, context: object = None, times: int = 1) -> list[dict[str, Any]]:
        invoke = log.invocation(handler)
        for _ in range(times):
            invoke({}, context)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def log(**changed: str) -> Log:
    return Log({**ENVIRONMENT, **changed}, now=lambda: 1_769_860_800.1, fraction=lambda: 0.3)


def queued(_: object, line: Line) -> None:
    line.dimensions["provider"] = "twilio"
    line.count("ReportsReceived")
    line.put(decision="queued", message_id="m", error=None, warnings=())


def emf(dimensions: list[list[str]], **units: str) -> dict[str, object]:
    """Metrics as CloudWatch reads them: "Specification: CloudWatch embedded metric format"."""
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": "SmsTracker", "Dimensions": dimensions, "Metrics": metrics}
    return {"Timestamp": 1_769_860_800_100, "CloudWatchMetrics": [directive]}


def test_one_line_tells_what_happened_and_counts_it(told: Any) -> None:
    (line,) = told(queued, log(), context=SimpleNamespace(aws_request_id="request"))

    assert line == {
        "timestamp": "2026-01-31T12:00:00.100Z",
        "level": "INFO",
        "decision": "queued",
        "message_id": "m",
        "function_request_id": "request",
        "cold_start": True,
        "_aws": emf([["service", "provider"]], ReportsReceived="Count"),
        "provider": "twilio",
        "ReportsReceived": 1,
        "service": "webhook",
    }


def test_the_metrics_are_those_that_powertools_would_write(told: Any, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics(namespace="SmsTracker", service="webhook")
    metrics.add_dimension(name="provider", value="twilio")
    metrics.add_metric(name="ReportsReceived", unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()
    theirs = json.loads(capsys.readouterr().out)
    (ours,) = told(queued, log())

    (their_directive,), (our_directive,) = (each["_aws"]["CloudWatchMetrics"] for each in (theirs, ours))
    assert our_directive["Namespace"] == their_directive["Namespace"]
    assert our_directive["Metrics"] == their_directive["Metrics"]
    assert [{*names} for names in our_directive["Dimensions"]] == [{*names} for names in their_directive["Dimensions"]]
    assert [ours[name] for name in ("service", "provider")] == [theirs[name] for name in ("service", "provider")]
    assert [float(ours["ReportsReceived"])] == theirs["ReportsReceived"]


def test_what_is_measured_has_its_unit_and_may_be_many_values(told: Any) -> None:
    def handler(_: object, line: Line) -> None:
        line.measure("Waited", [1.5, 2.5], "Seconds")
        line.measure("Share", 0.0, "Percent")
        line.measure("Untold", None, "Percent")
        line.measure("Empty", [], "Seconds")

    (line,) = told(handler, log())

    assert line["_aws"] == emf([["service"]], Waited="Seconds", Share="Percent")
    assert (line["Waited"], line["Share"]) == ([1.5, 2.5], 0.0)


def test_metrics_apart_are_a_line_of_their_own_with_their_own_dimensions(told: Any) -> None:
    def handler(_: object, line: Line) -> None:
        line.put(decision="counted")
        line.with_dimensions(outcome="success").count("Outcomes", 2)
        line.with_dimensions(outcome="failure")

    line, apart = told(handler, log())

    assert (line["decision"], "_aws" in line) == ("counted", False)
    assert (apart["outcome"], apart["Outcomes"], apart["service"]) == ("success", 2, "webhook")
    assert apart["_aws"] == emf([["service", "outcome"]], Outcomes="Count")


def test_a_metric_that_nothing_reads_is_a_field_of_the_line_and_costs_nothing(told: Any) -> None:
    (line,) = told(queued, log(UNREAD_METRICS="ReportAge,provider.ReportsReceived"))

    assert (line["decision"], line["ReportsReceived"], "_aws" in line) == ("queued", 1, False)
    assert told(queued, log(POWERTOOLS_LOG_LEVEL="WARNING", UNREAD_METRICS="provider.ReportsReceived")) == []


def test_a_metric_is_unread_under_the_dimension_that_is_named(told: Any) -> None:
    def handler(_: object, line: Line) -> None:
        line.measure("ReceiptShare", [80.0, 90.0], "Percent")
        line.measure("TrackingBurn", [1.0], "None")
        line.with_dimensions(provider="twilio").measure("ReceiptShare", 80.0, "Percent")

    (line,) = told(handler, log(UNREAD_METRICS="provider.ReceiptShare,TrackingBurn"))

    assert line["_aws"] == emf([["service"]], ReceiptShare="Percent")


def test_counts_add_up_and_none_of_a_thing_is_no_metric(told: Any) -> None:
    def handler(_: object, line: Line) -> None:
        for name, count in (("A", 2), ("A", 1), ("B", 5), ("C", 0)):
            line.count(name, count)

    (line,) = told(handler, log())

    assert (line["A"], line["B"], "C" in line) == (3, 5, False)
    assert line["_aws"] == emf([["service"]], A="Count", B="Count")
    (line,) = told(lambda _, line: line.count("A", 0), log())
    assert "_aws" not in line


def test_a_line_tells_of_no_other_invocations_failed_calls(told: Any) -> None:
    quiet, invocations = log(POWERTOOLS_LOG_LEVEL="WARNING"), iter((1, 2))

    def handler(_: object, line: Line) -> None:
        if next(invocations) == 1:  # which is told of at no level of this log
            quiet.failed("GetItem", attempt=1, code="500", status=500, again=True)
        else:
            line.level = "ERROR"

    (line,) = told(handler, quiet, times=2)

    assert (line["level"], "failed_calls" in line) == ("ERROR", False)


def test_only_the_first_invocation_is_a_cold_start(told: Any) -> None:
    assert [line.get("cold_start") for line in told(queued, log(), times=3)] == [True, None, None]


@pytest.mark.parametrize("least", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_the_start_is_told_where_information_is(least: str, capsys: pytest.CaptureFixture[str]) -> None:
    log(POWERTOOLS_LOG_LEVEL=least).started(DigestConfig(alerts_topic_arn="arn:of:a:topic"))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {"level": "INFO", "decision": "started", "version": __version__, "settings": ["ALERTS_TOPIC_ARN"]}
    line = {"timestamp": "2026-01-31T12:00:00.100Z", **told, "service": "webhook"}
    assert lines == ([line] if least in {"DEBUG", "INFO"} else [])


@pytest.mark.parametrize(("trace", "named"), [(TRACE, "1-5759e988-bd862e3fe1be46a994272793"), (TRACE[:-1] + "0", None)])
def test_a_trace_is_named_where_there_is_one_to_follow(told: Any, trace: str, named: str | None) -> None:
    (line,) = told(queued, log(_X_AMZN_TRACE_ID=trace))

    assert line.get("xray_trace_id") == named


def test_below_its_level_a_line_only_counts(told: Any) -> None:
    (line,) = told(queued, log(POWERTOOLS_LOG_LEVEL="WARNING"))

    assert line.keys() == {"timestamp", "_aws", "provider", "ReportsReceived", "service"}


@pytest.mark.parametrize(
    ("level", "rate", "written"),
    [
        *[("DEBUG", "", True), ("unknown", "", True), ("ERROR", "", False), ("error", "", False)],
        *[("ERROR", "0.31", True), ("ERROR", "0.3", False), ("ERROR", "0", False)],
    ],
)
def test_below_its_level_a_line_is_written_where_sampled(told: Any, level: str, rate: str, *, written: bool) -> None:
    sampled = {"POWERTOOLS_LOGGER_SAMPLE_RATE": rate} if rate else {}
    lines = told(lambda _, line: line.put(decision="read"), log(POWERTOOLS_LOG_LEVEL=level, **sampled))

    assert [line["decision"] for line in lines] == ["read"] * written


def test_an_error_of_ours_is_told_and_raised_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(_: object, line: Line) -> None:
        line.count("ReportsFailed")
        line.put(decision="unavailable")
        raise Unavailable("GetItem: ThrottlingException")

    with pytest.raises(Unavailable):
        log().invocation(handler)({}, None)

    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["decision"], line["error"]) == ("ERROR", "unavailable", "GetItem: ThrottlingException")
    assert line["ReportsFailed"] == 1


def test_what_nobody_expected_is_told_with_its_place_not_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(_: object, __: Line) -> None:
        raise ValueError("no number: '+31612345678', 0031612345678")

    with pytest.raises(Unhandled) as caught:
        log().invocation(handler)({}, None)

    told = capsys.readouterr().out
    line = json.loads(told)
    assert (line["level"], line["decision"], line["exception"]) == ("ERROR", "failed", "ValueError")
    assert line["error"] == "no number: …, …"
    assert line["stack"][-1].endswith(" handler")
    assert "test_log.py:" in line["stack"][-1]
    assert "612345678" not in told
    assert (str(caught.value), caught.value.__cause__, caught.value.__suppress_context__) == ("ValueError", None, True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing to hide", "nothing to hide"),
        ("invalid literal for int(): 'Your code is 1234'", "invalid literal for int(): …"),
        ("a \"quoted\" and a 'quoted' word", "a … and a … word"),
        *[("it's 31612345678", "it's …"), ("99 of 999", "99 of 999"), ("x" * 300, "x" * 200), ("'a\nb'", "…")],
    ],
)
def test_a_foreign_message_is_shown_without_what_it_quotes(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_what_json_does_not_know_is_told_as_text(told: Any) -> None:
    (line,) = told(lambda _, line: line.put(decision=ValueError, words={"a"}), log())

    assert line["decision"] == "<class 'ValueError'>"

"""CloudWatch as documented: metrics from log lines, alarm states, and SQS metrics."""

from __future__ import annotations

import ast
import json
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.template_stack import Stack

Dimensions = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric as CloudWatch distinguishes them: by namespace, name and every dimension's value."""

    namespace: str
    name: str
    dimensions: Dimensions


Period = Mapping[Metric, Sequence[float]]
"""The values measured in one period."""

_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "Average": lambda values: sum(values) / len(values),
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
_MISSING = {"breaching": True, "notBreaching": False}
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Div: operator.truediv,
}
_MORE = 2
"""Periods that an alarm reads beyond those it evaluates: "Configuring how CloudWatch alarms treat missing data"."""
_OUT_OF_AGE = 3
"""Receives after which a message no longer counts for its queue's age."""
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_KNOWN = {
    *("AlarmName", "AlarmDescription", "AlarmActions", "OKActions", "Namespace", "MetricName", "Dimensions"),
    *("Statistic", "ExtendedStatistic", "Period", "EvaluationPeriods", "DatapointsToAlarm"),
    *("ComparisonOperator", "Threshold", "TreatMissingData", "Metrics"),
}


def level(line: Mapping[str, Any]) -> str:
    """The level by which Lambda filters a JSON line: INFO if its time is not RFC 3339 ("Log-level filtering")."""
    timed = _RFC_3339.fullmatch(str(line.get("timestamp")))
    return str(line.get("level", "INFO")) if timed else "INFO"


def measured(lines: Sequence[Mapping[str, Any]]) -> dict[Metric, list[float]]:
    """The metrics in these log lines, by the specification of the embedded metric format."""
    found: dict[Metric, list[float]] = {}
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric, values in _of(directive, line):
                found.setdefault(metric, []).extend(values)
    return found


def _of(directive: Mapping[str, Any], line: Mapping[str, Any]) -> Iterator[tuple[Metric, list[float]]]:
    for names in directive["Dimensions"]:
        dimensions = frozenset((name, line[name]) for name in names)
        for each in directive["Metrics"]:
            value = line[each["Name"]]
            metric = Metric(namespace=directive["Namespace"], name=each["Name"], dimensions=dimensions)
            yield metric, value if isinstance(value, list) else [value]


def watched(alarm: Mapping[str, Any]) -> list[Metric]:
    """The metrics of an alarm or of its expression."""
    return [_metric(each["MetricStat"]["Metric"]) for each in _read(alarm)] or [_metric(alarm)]


def shown(deployed: Stack) -> set[Metric]:
    """The metrics of the dashboard."""
    board = json.loads(deployed.only("AWS::CloudWatch::Dashboard").properties["DashboardBody"])
    rows = [row for widget in board["widgets"] for row in widget["properties"].get("metrics", [])]
    return {_row(*(each for each in row if isinstance(each, str))) for row in rows}


def _row(namespace: str, name: str, *dimensions: str) -> Metric:
    named = frozenset(zip(dimensions[::2], dimensions[1::2], strict=True))
    return Metric(namespace=namespace, name=name, dimensions=named)


def period_of(alarm: Mapping[str, Any]) -> int:
    """The length of the alarm's periods in seconds."""
    (seconds,) = {each["MetricStat"]["Period"] for each in _read(alarm)} or {alarm["Period"]}
    return int(seconds)


def in_alarm(alarm: Mapping[str, Any], periods: Sequence[Period]) -> bool:
    """Whether the alarm is in ALARM after these periods.

    It evaluates the last ``EvaluationPeriods`` with data. TreatMissingData applies to missing ones.
    """
    assert alarm.keys() <= _KNOWN, alarm.keys() - _KNOWN
    wanted: int = alarm["EvaluationPeriods"]
    assert len(periods) >= wanted
    points = [point for each in periods[-wanted - _MORE :] if (point := _point(alarm, each)) is not None][-wanted:]
    compare = _COMPARISONS[alarm["ComparisonOperator"]]
    breaching = sum(compare(point, alarm["Threshold"]) for point in points)
    breaching += (wanted - len(points)) * _MISSING[alarm["TreatMissingData"]]
    return breaching >= int(alarm.get("DatapointsToAlarm", wanted))


def _read(alarm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in alarm.get("Metrics", []) if "MetricStat" in each]


def _metric(named: Mapping[str, Any]) -> Metric:
    dimensions = frozenset((each["Name"], each["Value"]) for each in named["Dimensions"])
    return Metric(namespace=named["Namespace"], name=named["MetricName"], dimensions=dimensions)


def _point(alarm: Mapping[str, Any], period: Period) -> float | None:
    """The value of one period that the alarm compares; None for missing data."""
    if "Metrics" not in alarm:
        return _statistic(alarm.get("ExtendedStatistic") or alarm["Statistic"], period.get(_metric(alarm), []))
    (returned,) = (each for each in alarm["Metrics"] if each.get("ReturnData", True))
    series = {
        each["Id"]: _statistic(each["MetricStat"]["Stat"], period.get(_metric(each["MetricStat"]["Metric"]), []))
        for each in _read(alarm)
    }
    return _calculated(ast.parse(returned["Expression"], mode="eval").body, series)


def _statistic(name: str, values: Sequence[float]) -> float | None:
    if not values:
        return None
    return _STATISTICS[name](values) if name in _STATISTICS else _percentile(values, float(name.removeprefix("p")))


def _calculated(node: ast.expr, series: Mapping[str, float | None]) -> float | None:
    """By "Using math expressions with CloudWatch metrics": missing data and x / 0 give no value."""
    match node:
        case ast.Name(id=name):
            return series[name]
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.Constant(value=number)]):
            value = _calculated(filled, series)
            return float(str(number)) if value is None else value
        case ast.Call(func=ast.Name(id="SUM"), args=[ast.Call(func=ast.Name(id="METRICS"))]):
            known = [value for value in series.values() if value is not None]  # a sum leaves missing ones out
            return sum(known) if known else None
        case ast.BinOp(left=left, op=sign, right=right):
            one, other = _calculated(left, series), _calculated(right, series)
            if one is None or other is None or (isinstance(sign, ast.Div) and other == 0):
                return None
            return _OPERATORS[type(sign)](one, other)
    raise AssertionError(f"unsupported expression: {ast.unparse(node)}")


def _percentile(values: Sequence[float], share: float) -> float:
    """The percentile by rank."""
    return sorted(values)[math.ceil(len(values) * share / 100) - 1]


@dataclass
class Message:
    """One message of a queue; times are seconds."""

    body: str
    sent: float
    receives: int = 0
    hidden_until: float = 0.0


@dataclass
class Queue:
    """A standard queue with the caller's clock, and its SQS metrics.

    A message received three times or more no longer counts for ApproximateAgeOfOldestMessage ("Available CloudWatch
    metrics for Amazon SQS"). The depth, visible and in flight, counts all.
    """

    visibility: float
    messages: list[Message] = field(default_factory=list)

    def send(self, body: str, *, at: float) -> None:
        self.messages.append(Message(body, at))

    def receive(self, *, at: float) -> list[Message]:
        """Receive every visible message, which hides it."""
        taken = [message for message in self.messages if message.hidden_until <= at]
        for message in taken:
            message.receives += 1
            message.hidden_until = at + self.visibility
        return taken

    def delete(self, message: Message) -> None:
        self.messages.remove(message)

    def measured(self, *, at: float) -> dict[str, float]:
        visible = sum(message.hidden_until <= at for message in self.messages)
        ages = [at - message.sent for message in self.messages if message.receives < _OUT_OF_AGE]
        age = {"ApproximateAgeOfOldestMessage": max(ages)} if ages else {}
        return {
            "ApproximateNumberOfMessagesVisible": visible,
            "ApproximateNumberOfMessagesNotVisible": len(self.messages) - visible,
            **age,
        }

"""CloudWatch as its documentation describes it: metrics read out of log lines, and what an alarm makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Dimensions = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric as CloudWatch tells them apart: by every dimension, and every value of one."""

    namespace: str
    name: str
    dimensions: Dimensions


Period = Mapping[Metric, Sequence[float]]
"""What was measured within one period."""

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
_KNOWN = {
    *("AlarmName", "AlarmDescription", "AlarmActions", "OKActions", "Namespace", "MetricName", "Dimensions"),
    *("Statistic", "ExtendedStatistic", "Period", "EvaluationPeriods", "DatapointsToAlarm"),
    *("ComparisonOperator", "Threshold", "TreatMissingData"),
}


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


def watched(alarm: Mapping[str, Any]) -> Metric:
    """The metric that an alarm is about."""
    dimensions = frozenset((each["Name"], each["Value"]) for each in alarm["Dimensions"])
    return Metric(namespace=alarm["Namespace"], name=alarm["MetricName"], dimensions=dimensions)


def speaks(alarm: Mapping[str, Any], periods: Sequence[Period]) -> bool:
    """Whether the alarm is in ALARM after these periods; it looks at its last ``EvaluationPeriods``."""
    assert alarm.keys() <= _KNOWN, alarm.keys() - _KNOWN
    looked_at = periods[-alarm["EvaluationPeriods"] :]
    assert len(looked_at) == alarm["EvaluationPeriods"]
    breaching = sum(_breaches(alarm, period.get(watched(alarm), [])) for period in looked_at)
    return breaching >= int(alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]))


def _breaches(alarm: Mapping[str, Any], values: Sequence[float]) -> bool:
    if not values:
        return _MISSING[alarm["TreatMissingData"]]
    if "ExtendedStatistic" in alarm:
        value = _percentile(values, float(alarm["ExtendedStatistic"].removeprefix("p")))
    else:
        value = _STATISTICS[alarm["Statistic"]](values)
    return _COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"])


def _percentile(values: Sequence[float], share: float) -> float:
    """By rank: the least value that so many percent of all do not exceed."""
    return sorted(values)[math.ceil(len(values) * share / 100) - 1]

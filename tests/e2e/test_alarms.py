"""Every alarm of the deployed stack, provoked: CloudWatch's state follows what is measured, there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from local.stack import NAME, Stack


def measure(cloudwatch: Any, alarm: dict[str, Any], value: float) -> str:
    """The alarm's state after every period that it looks at had ``value``."""
    now = datetime.now(UTC)
    moments = [now - timedelta(seconds=alarm["Period"] * number) for number in range(alarm["EvaluationPeriods"])]
    data = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": value}
    cloudwatch.put_metric_data(
        Namespace=alarm["Namespace"], MetricData=[{**data, "Timestamp": moment} for moment in moments]
    )
    (seen,) = cloudwatch.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
    return str(seen["StateValue"])


def test_each_alarm_speaks_when_its_measure_is_beyond_its_threshold(stack: Stack) -> None:
    cloudwatch, silent = stack.clients.cloudwatch, []
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"{NAME}-", MaxRecords=100)["MetricAlarms"]  # some thirty
    for alarm in alarms:
        above = alarm["ComparisonOperator"].startswith("GreaterThan")
        if measure(cloudwatch, alarm, alarm["Threshold"] + (1 if above else -1)) != "ALARM":
            silent.append(alarm["AlarmName"])

    assert alarms
    assert silent == []

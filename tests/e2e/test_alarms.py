"""Every alarm of the deployed stack, provoked: CloudWatch's state follows what is measured, there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from local.clients import REGION, ROOT_KEY
from local.stack import NAME, Stack


@pytest.fixture(scope="module")
def cloudwatch(stack: Stack) -> Any:
    return boto3.client(
        "cloudwatch",
        endpoint_url=stack.clients.dynamodb.meta.endpoint_url,
        region_name=REGION,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
    )


@pytest.fixture(scope="module")
def alarms(cloudwatch: Any) -> list[dict[str, Any]]:
    """One page holds them all: a stack has some thirty."""
    found: list[dict[str, Any]] = cloudwatch.describe_alarms(AlarmNamePrefix=f"{NAME}-", MaxRecords=100)["MetricAlarms"]
    assert found
    return found


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


def test_each_alarm_speaks_when_its_measure_is_beyond_its_threshold(
    cloudwatch: Any, alarms: list[dict[str, Any]]
) -> None:
    silent = []
    for alarm in alarms:
        above = alarm["ComparisonOperator"].startswith("GreaterThan")
        if measure(cloudwatch, alarm, alarm["Threshold"] + (1 if above else -1)) != "ALARM":
            silent.append(alarm["AlarmName"])

    assert silent == []

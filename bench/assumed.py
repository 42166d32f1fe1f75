"""What a bill is reckoned for: the load and the times that are assumed, and what the template sets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sms_tracker.domain.hourly_stats import ages
from tests.unit.template_stack import Stack, source, stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is assumed: how many messages come in how many ``hours`` of a month, and how long everything takes.

    ``cold`` is the share of invocations that start an environment; ``pace`` the CPU seconds of Lambda's arm64 for one
    measured here; ``aws_ms`` and ``provider_ms`` what one call of AWS and of a provider is waited for; ``count_ms``
    what the statistics take for a message each time that they read it.
    """

    messages: float = 1_000_000
    hours: float = 200.0
    callbacks: int = 3
    failed: float = 0.01
    cold: float = 0.005
    pace: float = 1.0
    aws_ms: float = 6.0
    provider_ms: float = 250.0
    environments: int = 10
    count_ms: float = 0.5

    @property
    def seconds(self) -> float:
        return self.hours * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the template sets and a bill shows, and how AWS reads queues and streams.

    A queue is read by five pollers until it is busy. A stream has a shard for each partition of its table, and a new
    table on demand begins with four, for the 4,000 write units a second that it is promised.
    """

    retention_months: float
    log_months: float
    archive_months: float
    alarms: int
    dashboards: int
    runs_a_month: float
    counted: float
    access_log_bytes: int
    pollers: int
    shards: int


def settings() -> Settings:
    """From the template, its parameters at their defaults."""
    deployed = stack()
    access = deployed.only("AWS::ApiGatewayV2::Stage").properties["AccessLogSettings"]["Format"]
    return Settings(
        retention_months=_number("RetentionDays") / 30,
        log_months=_number("LogRetentionDays") / 30,
        archive_months=_number("ArchiveDays") / 30,
        alarms=sum(_watched(each.properties) for each in deployed.of("AWS::CloudWatch::Alarm").values()),
        dashboards=len(deployed.of("AWS::CloudWatch::Dashboard")),
        runs_a_month=_runs(deployed),
        counted=readings(_minutes(source()["Parameters"]["StatisticsSchedule"]["Default"])),
        access_log_bytes=len(re.sub(r"\$context\.[A-Za-z.]+", "x" * 14, access)),
        pollers=5,
        shards=4,
    )


def _watched(alarm: Mapping[str, Any]) -> int:
    """An alarm is billed for every metric that it reads."""
    return max(1, sum("MetricStat" in each for each in alarm.get("Metrics", [])))


def _number(parameter: str) -> float:
    return float(source()["Parameters"][parameter]["Default"])


def _runs(deployed: Stack) -> float:
    schedules = deployed.of("AWS::Scheduler::Schedule").values()
    return sum(30 * 24 * 60 / _minutes(str(each.properties["ScheduleExpression"])) for each in schedules)


def _minutes(schedule: str) -> float:
    (found,) = re.findall(r"rate\((\d+) minute", schedule)
    return float(found)


def readings(minutes: float) -> float:
    """How often statistics of every so many minutes read a message: at its hour's stages, and until the first."""
    stages = ages(timedelta(seconds=_number("UnknownAfterSeconds")))
    until_first = timedelta(minutes=30) + stages[0]  # on average it is half an hour old at the end of its hour
    return len(stages) + until_first / timedelta(minutes=minutes)

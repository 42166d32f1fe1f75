"""What a bill depends on: a load, and the settings that the template has with some parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bench.sandbox import FUNCTIONS
from sms_tracker.domain.hourly_stats import counting_stages
from tests.unit.template_stack import Stack, environment, stack

PRESETS = ("default", "volume")


def assumed(default: float, unit: str, *, least: float = 0, most: float = 1e12) -> Any:
    """A field that `make cost` has as an option."""
    return field(default=default, metadata={"unit": unit, "least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Assumptions about load and waiting, each with its unit and bounds."""

    messages: float = assumed(1e6, "messages a month")
    hours: float = assumed(200.0, "hours of the month in which messages arrive", least=0.01, most=744)
    callbacks: int = assumed(3, "status reports a message")
    failed: float = assumed(0.01, "share of messages that fail, 0 to 1", most=1)
    longer: float = assumed(64.0, "bytes of an item beyond the counted one: a long reference and client name")
    cold: float = assumed(0.005, "share of invocations that start an environment, 0 to 1", most=1)
    pace: float = assumed(1.0, "CPU seconds on Lambda's arm64 for one CPU second here", least=0.01)
    aws_ms: float = assumed(6.0, "milliseconds of waiting for an AWS call")
    provider_ms: float = assumed(250.0, "milliseconds of waiting for a provider's call")
    environments: int = assumed(10, "environments that read the secrets")
    count_ms: float = assumed(0.5, "CPU milliseconds of the statistics for one read of a message")

    @property
    def seconds(self) -> float:
        return self.hours * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a deployment.

    ``changes`` are a message's changes that pass the stream's filter, ``unstored`` its reports that are verified but
    not queued, ``runs`` the reconciler's runs a month by step, ``counted`` the statistics' reads of a message,
    ``log`` each function's key of ``LOGS``, ``unread`` the metrics that are not written, ``events_ok`` and
    ``events_failed`` the events of a message that arrives or fails.
    """

    memory: Mapping[str, int]
    batch: int
    window: float
    stream_batch: int
    stream_window: float
    retention_months: float
    log_months: float
    archive_months: float
    alarms: int
    dashboards: int
    runs: Mapping[str, float]
    counted: float
    access_log_bytes: int
    log: Mapping[str, str]
    changes: float = 1
    unstored: float = 0
    recovery: bool = True
    platform_lines: bool = True
    unread: frozenset[str] = frozenset()
    providers: int = 2
    keys: int = 0
    table_keys: int = 0
    events_ok: float = 0
    events_failed: float = 1


def settings(preset: str = "default", **parameters: str) -> Settings:
    """The template's settings with a preset and further parameters, or values of its mapping ``Presets``."""
    deployed = stack(Preset=preset, **parameters)
    variables = {each: environment(each, Preset=preset, **parameters) for each in FUNCTIONS}
    reports, stream = (_mapping(deployed, source) for source in ("ReportsQueue", "MessagesTable"))
    minutes = _schedules(deployed)
    return Settings(
        memory={name: int(deployed.properties(f"{name.title()}Function")["MemorySize"]) for name in FUNCTIONS},
        batch=int(reports["BatchSize"]),
        window=float(reports.get("MaximumBatchingWindowInSeconds", 0)),
        stream_batch=int(stream["BatchSize"]),
        stream_window=float(stream.get("MaximumBatchingWindowInSeconds", 0)),
        retention_months=float(variables["send"]["RETENTION_DAYS"]) / 30,
        log_months=float(deployed.properties("SendLogs")["RetentionInDays"]) / 30,
        archive_months=sum(float(each["RetentionDays"]) for each in _all(deployed, "AWS::Events::Archive")) / 30,
        alarms=sum(
            max(1, sum("MetricStat" in metric for metric in each.get("Metrics", [])))
            for each in _all(deployed, "AWS::CloudWatch::Alarm")
        ),
        dashboards=len(_all(deployed, "AWS::CloudWatch::Dashboard")),
        runs={step: 30 * 24 * 60 / each for step, each in minutes.items()},
        counted=_readings(minutes.get("statistics"), variables["reconciler"]),
        access_log_bytes=_access_log(deployed),
        unstored=float(variables["webhook"].get("QUEUE_SENDING") == "false"),
        recovery=deployed.properties("MessagesTable")["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        platform_lines=deployed.properties("SendFunction")["LoggingConfig"].get("SystemLogLevel") != "WARN",
        log={each: _log(known) for each, known in variables.items()},
        unread=frozenset(name for each in variables.values() for name in each.get("UNREAD_METRICS", "").split(",")),
        providers=len(variables["send"]["PROVIDERS"].split(",")),
        keys=len(_all(deployed, "AWS::KMS::Key")),
        table_keys=sum("SSESpecification" in each for each in _all(deployed, "AWS::DynamoDB::Table")),
    )


def _all(deployed: Stack, kind: str) -> list[Mapping[str, Any]]:
    """The properties of every resource of one type."""
    return [each.properties for each in deployed.of(kind).values()]


def _mapping(deployed: Stack, source: str) -> Mapping[str, Any]:
    """The properties of a function's event source mapping."""
    mapped = _all(deployed, "AWS::Lambda::EventSourceMapping")
    return next(each for each in mapped if str(each["EventSourceArn"]).startswith(f"{source}."))


def _log(variables: Mapping[str, str]) -> str:
    """The lines that a function writes, a key of ``bench.counted.LOGS``."""
    least = "INFO" if variables["POWERTOOLS_LOG_LEVEL"] in {"DEBUG", "INFO"} else "WARNING"
    return least if variables.get("UNREAD_METRICS") else f"{least}, dashboard"


def _schedules(deployed: Stack) -> dict[str, float]:
    """Minutes between two runs, by the reconciler's step."""
    found: dict[str, float] = {}
    for each in _all(deployed, "AWS::Scheduler::Schedule"):
        if each.get("State") != "DISABLED":
            step = "statistics" if "statistics" in str(each["Target"].get("Input")) else "reconcile"
            found[step] = float(re.findall(r"rate\((\d+) minute", each["ScheduleExpression"])[0])
    return found


def _access_log(deployed: Stack) -> int:
    """Bytes of a request's line; 0 without an access log."""
    declared = deployed.only("AWS::ApiGatewayV2::Stage").properties.get("AccessLogSettings", {})
    return len(re.sub(r"\$context\.[A-Za-z.]+", "x" * 14, declared.get("Format", "")))


def _readings(minutes: float | None, reconciler: Mapping[str, str]) -> float:
    """Reads of a message by statistics that run at this interval: one a stage, plus each run before the first stage."""
    if minutes is None:
        return 0
    stages = counting_stages(timedelta(seconds=float(reconciler["UNKNOWN_AFTER_SECONDS"])))
    until_first = timedelta(minutes=30) + stages[0]  # a message's mean age at the end of its hour is 30 minutes
    return len(stages) + until_first / timedelta(minutes=minutes)

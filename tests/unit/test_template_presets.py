"""The presets: what a parameter that is left empty means, and that one that is set means what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from samcli.cli.types import CfnParameterOverridesType

from tests.unit.template_stack import environment, source, stack

PRESETS: Mapping[str, Mapping[str, str]] = source()["Mappings"]["Presets"]
PARAMETERS: Mapping[str, Mapping[str, Any]] = source()["Parameters"]
EMPTY = sorted(name for name in PRESETS["default"] if name in PARAMETERS)
OTHER = {"LogLevel": "ERROR", "RetentionDays": "400"}
"""A value of each parameter that differs from a preset's."""
EDITED = {
    **dict.fromkeys(("SendMemory", "ReportMemory"), "1024"),
    **dict.fromkeys(("AccessLog", "QueueSending"), "false"),
    "LambdaLogLines": "failures",
    "KeepRawReports": "true",
    "ProcessorBatchWindow": "3",
    "PublisherBatchWindow": "7",
    "StatisticsSchedule": "rate(2 minutes)",
}
"""A value of each setting that has no parameter."""


def effective(**parameters: str) -> dict[str, str]:
    """What the stack does, by the parameter that decides it."""
    deployed = stack(**parameters)
    mappings = [each.properties for each in deployed.of("AWS::Lambda::EventSourceMapping").values()]
    (reports,) = [each for each in mappings if each["EventSourceArn"] == "ReportsQueue.Arn"]
    (changes,) = [each for each in mappings if "FilterCriteria" in each]
    send = deployed.properties("SendFunction")
    retention = {environment(name, **parameters)["RETENTION_DAYS"] for name in ("send", "reconciler")}
    raw = {environment(name, **parameters)["KEEP_RAW_REPORTS"] for name in ("send", "processor", "reconciler")}
    (levels,) = {environment(name, **parameters)["POWERTOOLS_LOG_LEVEL"] for name in ("send", "digest")}
    return {
        "LogLevel": levels,
        "LambdaLogLines": "failures" if send["LoggingConfig"]["LogFormat"] == "JSON" else "all",
        "AccessLog": str("AccessLogs" in deployed.resources).lower(),
        "SendMemory": str(send["MemorySize"]),
        "ReportMemory": str(deployed.properties("ProcessorFunction")["MemorySize"]),
        "QueueSending": environment("webhook", **parameters)["QUEUE_SENDING"],
        "RetentionDays": ",".join(retention),
        "KeepRawReports": ",".join(raw),
        "ProcessorBatchWindow": str(reports["MaximumBatchingWindowInSeconds"]),
        "PublisherBatchWindow": str(changes["MaximumBatchingWindowInSeconds"]),
        "StatisticsSchedule": deployed.properties("ReconcilerFunctionStatistics")["ScheduleExpression"],
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_an_empty_parameter_means_what_the_preset_says(preset: str) -> None:
    assert effective(Preset=preset) == PRESETS[preset]
    assert [name for name in EMPTY if PARAMETERS[name]["Default"] != ""] == []


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", EMPTY)
def test_a_parameter_that_is_set_overrides_the_preset_and_nothing_else(name: str, preset: str) -> None:
    for value in (OTHER[name], *(each[name] for each in PRESETS.values())):
        assert effective(Preset=preset, **{name: value}) == {**PRESETS[preset], name: value}


@pytest.mark.parametrize("name", sorted(EDITED))
def test_a_setting_without_a_parameter_is_changed_in_the_mapping_alone(name: str) -> None:
    assert {*EMPTY, *EDITED} == PRESETS["default"].keys()
    assert effective(**{name: EDITED[name]}) == {**PRESETS["default"], name: EDITED[name]}


def test_the_presets_decide_the_same_things() -> None:
    assert {tuple(each) for each in PRESETS.values()} == {tuple(PRESETS["default"])}
    assert set(PARAMETERS["Preset"]["AllowedValues"]) == set(PRESETS)


@pytest.mark.parametrize("name", EMPTY)
def test_sam_can_set_a_parameter_back_to_empty(name: str) -> None:
    # `sam deploy` gives a stack's earlier value again where none is given, so that empty must be something to give.
    assert CfnParameterOverridesType().convert((f'{name}=""',), None, None) == {name: ""}


BEFORE = {"LogLevel": "INFO", "RetentionDays": "90"}
"""The defaults of the template before there were presets, which such a stack still has."""


@pytest.mark.parametrize("preset", PRESETS)
def test_an_upgrade_keeps_what_the_stack_was_deployed_with(preset: str) -> None:
    assert effective(Preset=preset, Alarms="true", **BEFORE) == {**PRESETS[preset], **BEFORE}

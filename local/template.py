"""Read the template, and adapt it to the emulator's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from samcli.yamlhelper import yaml_parse

from local.process import StackError

Template = dict[str, Any]

_MISSING_TYPES = {"AWS::Logs::QueryDefinition", "AWS::SMSVOICE::ConfigurationSet"}
_ALARM = "AWS::CloudWatch::Alarm"
"""The emulator also lacks alarms with an expression over several ``Metrics``."""
_ABSENT = re.compile(r'\{"S":(\[\{"exists":false\}\])\}')
"""AWS's form of a missing text in a stream's filter; the emulator's form has no type."""
_UNSCOPED = {"ssm:GetParameters"}
"""Actions that the emulator allows only with the resource ``*``."""


def load(path: Path) -> Template:
    """The template with short tags (``!Ref``) as full functions."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise StackError(f"cannot read the template: {reason}") from reason


def parse(text: str) -> Template:
    """As ``load``, from text; raises ``StackError`` with the position of an error."""
    try:
        return dict(yaml_parse(text))
    except yaml.YAMLError as reason:
        raise StackError(f"cannot read the template: {reason}") from reason


def supported(template: Template) -> Template:
    """The template without resources that the emulator lacks, with filters in its form."""
    kept = {
        name: each
        for name, each in template["Resources"].items()
        if each["Type"] not in _MISSING_TYPES and not (each["Type"] == _ALARM and "Metrics" in each["Properties"])
    }
    criteria = kept["PublisherFunction"]["Properties"]["Events"]["Changes"]["Properties"]["FilterCriteria"]
    criteria["Filters"] = [
        {"Pattern": pattern} for each in criteria["Filters"] for pattern in _patterns(each["Pattern"])
    ]
    return {**template, "Resources": kept}


def set_schedule(template: Template, name: str, **properties: str) -> None:
    """Change properties of one of the reconciler's schedules, ``Schedule`` or ``Statistics``."""
    template["Resources"]["ReconcilerFunction"]["Properties"]["Events"][name]["Properties"].update(properties)


def _patterns(pattern: Any) -> Iterator[Any]:
    """A filter's pattern in the emulator's form: each alternative of ``$or`` by itself."""
    if isinstance(pattern, str):
        yield _ABSENT.sub(r"\1", pattern)
    else:
        text, variables = pattern["Fn::Sub"]
        whole = json.loads(text)
        yield from ({"Fn::Sub": [json.dumps(each), variables]} for each in whole.get("$or", [whole]))


def set_variables(template: Template, function: str, **variables: str) -> None:
    """Change variables of a function, named as its folder, that no parameter sets."""
    template["Resources"][f"{function.title()}Function"]["Properties"]["Environment"]["Variables"].update(variables)


def widen_resources(template: Template) -> None:
    """Let statements about ``_UNSCOPED`` actions apply to ``*``; actions without a statement stay denied."""
    for statement in _statements(template["Resources"]):
        actions = statement["Action"]
        if _UNSCOPED.issuperset([actions] if isinstance(actions, str) else actions):
            statement["Resource"] = "*"


def _statements(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "Action" in value and "Resource" in value:
            yield value
        for part in value.values():
            yield from _statements(part)
    elif isinstance(value, list):
        for part in value:
            yield from _statements(part)

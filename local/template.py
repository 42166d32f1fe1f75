"""Read the template, and adapt it to the emulator's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from local.process import StackError

Template = dict[str, Any]

_BARE = {"Ref", "Condition"}
_UNKNOWN = {"AWS::Logs::QueryDefinition", "AWS::SMSVOICE::ConfigurationSet"}
_ALARM = "AWS::CloudWatch::Alarm"
"""The emulator lacks alarms with an expression over several ``Metrics`` too."""
_ABSENT = re.compile(r'\{"S":(\[\{"exists":false\}\])\}')
"""How AWS's filters of streams name a missing text. The emulator looks for its name instead."""
_BLIND = {"ssm:GetParameters"}
"""Actions that the emulator authorizes only for ``*``, so that a statement about a named resource denies them."""


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short tags."""


def _function(loader: _Loader, name: str, node: yaml.Node) -> Template:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # the third kind of node
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in _BARE else f"Fn::{name}": value}


def _text(loader: _Loader, node: yaml.Node) -> str:
    """Keep 2010-09-09 as text, not as a date."""
    return str(loader.construct_scalar(node)) if isinstance(node, yaml.ScalarNode) else ""


_Loader.add_multi_constructor("!", _function)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)


def load(path: Path) -> Template:
    """The template with short tags (``!Ref``) as full functions."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise StackError(f"cannot read the template: {reason}") from reason


def parse(text: str) -> Template:
    """As ``load``, from text; raises ``StackError`` with the position of an error."""
    try:
        template: Template = yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.YAMLError as reason:
        raise StackError(f"cannot read the template: {reason}") from reason
    return template


def known(template: Template) -> Template:
    """The template without resources that the emulator lacks, and with filters that it reads."""
    kept = {
        name: each
        for name, each in template["Resources"].items()
        if each["Type"] not in _UNKNOWN and not (each["Type"] == _ALARM and "Metrics" in each["Properties"])
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
    """A filter's pattern as the emulator reads it: each alternative of ``$or`` by itself."""
    if isinstance(pattern, str):
        yield _ABSENT.sub(r"\1", pattern)
    else:
        text, variables = pattern["Fn::Sub"]
        whole = json.loads(text)
        yield from ({"Fn::Sub": [json.dumps(each), variables]} for each in whole.get("$or", [whole]))


def set_variables(template: Template, function: str, **variables: str) -> None:
    """Change variables of a function, named as its folder, that no parameter sets."""
    template["Resources"][f"{function.title()}Function"]["Properties"]["Environment"]["Variables"].update(variables)


def widen(template: Template) -> None:
    """Let statements about ``_BLIND`` actions apply to ``*``; actions without a statement stay denied."""
    for statement in _statements(template["Resources"]):
        actions = statement["Action"]
        if _BLIND.issuperset([actions] if isinstance(actions, str) else actions):
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

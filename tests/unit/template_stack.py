"""The template as CloudFormation would act on it: SAM expanded, conditions decided, intrinsic functions resolved.

A name stands for what only exists once deployed: ``MessagesTable`` for a Ref, ``MessagesTable.Arn`` for a GetAtt.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from boto3.session import Session
from samcli.cli.types import CfnParameterOverridesType
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).parents[2]
CONSUMERS = ROOT / "examples" / "consumers"
PSEUDO = {
    "AWS::StackName": "stack",
    "AWS::Region": "region",
    "AWS::AccountId": "account",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
NEEDED = {"AllowedCountries": "*"}
"""Values of the parameters without a default."""
_NOTHING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource that the stack would hold."""

    name: str
    type: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What a deployment with some parameters consists of."""

    resources: Mapping[str, Resource]
    outputs: Mapping[str, Any]

    def of(self, kind: str) -> dict[str, Resource]:
        """The resources of one type, by logical id."""
        return {name: resource for name, resource in self.resources.items() if resource.type == kind}

    def only(self, kind: str) -> Resource:
        """The one resource of that type."""
        (resource,) = self.of(kind).values()
        return resource

    def properties(self, name: str) -> Mapping[str, Any]:
        return self.resources[name].properties


@cache
def source() -> Mapping[str, Any]:
    """The template as written, its short tags as the functions they stand for."""
    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return template


@cache
def stack(**parameters: str) -> Stack:
    """The stack deployed with these parameters, the others at their defaults.

    A name that only the mapping ``Presets`` has is a value edited there, for every preset.
    """
    # The one parameter by which SAM, and not CloudFormation, decides what there is.
    return _deployed(expanded(gradual=parameters.get("GradualDeployment", "false")), parameters)


@cache
def consumer(name: str, **parameters: str) -> Stack:
    """A stack of examples/consumers, deployed with these parameters."""
    return _deployed(_expand(yaml_parse((CONSUMERS / f"{name}.yaml").read_text()), {}), parameters)


def _deployed(template: Mapping[str, Any], parameters: Mapping[str, str]) -> Stack:
    declared_parameters = template.get("Parameters", {})
    defaults = _defaults(declared_parameters)
    edited = {name: value for name, value in parameters.items() if name not in declared_parameters}
    presets = {name: {**each, **edited} for name, each in template.get("Mappings", {}).get("Presets", {}).items()}
    unknown = set(edited) - set(template.get("Mappings", {}).get("Presets", {}).get("default", ()))
    assert not unknown, f"no such parameters: {unknown}"
    mappings = {**template.get("Mappings", {}), "Presets": presets}
    resolver = _Resolver({**PSEUDO, **defaults, **parameters}, {**template, "Mappings": mappings})
    resources = {
        name: Resource(
            name=name,
            type=declared["Type"],
            properties=resolver.value(declared.get("Properties", {})),
            attributes=declared,
        )
        for name, declared in template["Resources"].items()
        if resolver.holds(declared.get("Condition"))
    }
    return Stack(resources=resources, outputs=resolver.value(template.get("Outputs", {})))


def _defaults(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: declared.get("Default", NEEDED.get(name)) for name, declared in parameters.items()}


def refusals(**parameters: str) -> list[str]:
    """What the template's rules say to a deployment with these parameters."""
    defaults = _defaults(source()["Parameters"])
    resolver = _Resolver({**PSEUDO, **defaults, **parameters}, source())
    return [
        each["AssertDescription"]
        for rule in source()["Rules"].values()
        if "RuleCondition" not in rule or resolver.decide(rule["RuleCondition"])
        for each in rule["Assertions"]
        if not resolver.decide(each["Assert"])
    ]


def environment(function: str, **parameters: str) -> dict[str, str]:
    """The variables of a function, named as its folder is."""
    variables = stack(**parameters).properties(f"{function.title()}Function")["Environment"]["Variables"]
    return {key: str(value) for key, value in variables.items()}


@cache
def samconfig() -> Mapping[str, Any]:
    """samconfig.toml: what each ``--config-env`` deploys."""
    return tomllib.loads((ROOT / "samconfig.toml").read_text())


def overrides(config_env: str) -> dict[str, str]:
    """The template's parameters that a ``--config-env`` sets."""
    pairs = samconfig()[config_env]["deploy"]["parameters"].get("parameter_overrides", [])
    read: dict[str, str] = CfnParameterOverridesType().convert(tuple(pairs), None, None)
    return read


@cache
def expanded(*, gradual: str) -> dict[str, Any]:
    return _expand(source(), {"GradualDeployment": gradual})


def _expand(written: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    template = deepcopy(dict(written))
    for declared in template["Resources"].values():
        for code in ("CodeUri", "ContentUri"):
            if code in declared["Properties"]:  # as `sam package` leaves it: the transform takes no local folders
                declared["Properties"][code] = f"s3://artifacts/{declared['Properties'][code]}"
    translator = Translator(None, Parser(), boto_session=Session(region_name="eu-west-1"))
    expanded: dict[str, Any] = translator.translate(
        template, parameter_values=dict(parameters), get_managed_policy_map=dict
    )
    return expanded


class _Resolver:
    """Knows the parameters' values and decides conditions by them."""

    def __init__(self, values: Mapping[str, Any], template: Mapping[str, Any]) -> None:
        self._values = values
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self._mappings: Mapping[str, Any] = template.get("Mappings", {})

    def holds(self, name: str | None) -> bool:
        return name is None or self.decide(self._conditions[name])

    def decide(self, condition: Mapping[str, Any]) -> bool:
        ((function, argument),) = condition.items()
        match function:
            case "Condition":
                return self.holds(argument)
            case "Fn::Not":
                return not self.decide(argument[0])
            case "Fn::And":
                return all(self.decide(part) for part in argument)
            case "Fn::Or":
                return any(self.decide(part) for part in argument)
            case "Fn::Equals":
                left, right = (str(self.value(side)) for side in argument)
                return left == right
        raise AssertionError(f"the tests do not know the condition {function}")

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [value for value in map(self.value, node) if value is not _NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return self._ref(argument)
            if function == "Fn::GetAtt":
                return argument if isinstance(argument, str) else ".".join(argument)
            if function.startswith("Fn::"):
                return self._call(function, argument)
        return {key: value for key, item in node.items() if (value := self.value(item)) is not _NOTHING}

    def _ref(self, name: str) -> Any:
        return _NOTHING if name == "AWS::NoValue" else self._values.get(name, name)

    def _call(self, function: str, argument: Any) -> Any:  # one for each function
        match function:
            case "Fn::If":
                name, yes, no = argument
                return self.value(yes if self.holds(name) else no)
            case "Fn::Sub":
                text, local = argument if isinstance(argument, list) else (argument, {})
                names = self.value(local)
                return re.sub(r"\$\{([^!}]+)\}", lambda found: str(names.get(found[1], self._ref(found[1]))), text)
            case "Fn::FindInMap":
                name, first, second = self.value(argument)
                return self._mappings[name][first][second]
            case "Fn::Join":
                separator, parts = argument
                return separator.join(map(str, self.value(parts)))
            case "Fn::ImportValue":
                return f"import {self.value(argument)}"
            case "Fn::Split":
                separator, text = argument
                return str(self.value(text)).split(separator)
        raise AssertionError(f"the tests do not know {function}")

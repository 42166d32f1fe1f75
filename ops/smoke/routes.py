"""The routes of the API, read from template.yaml, so that new ones are checked too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse

from ops.smoke.check import NOBODY

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
WEBHOOKS = "/webhooks/{provider}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route; ``guarded`` routes need a key."""

    method: str
    path: str
    guarded: bool

    @property
    def scope(self) -> str:
        """The scope that a key needs: read for GET, send for others."""
        return "read" if self.method == "GET" else "send"

    @property
    def example(self) -> str:
        """A matching path without an existing object."""
        return re.sub(r"\{[^}]+\}", NOBODY, self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def routes(text: str) -> tuple[Route, ...]:
    """Every route that the functions of a template declare."""
    resources = yaml_parse(text)["Resources"].values()
    functions = (each["Properties"] for each in resources if each["Type"] == "AWS::Serverless::Function")
    return tuple(route for properties in functions for route in _of(properties.get("Events", {})))


def _of(events: dict[str, Any]) -> Iterator[Route]:
    for event in events.values():
        if event["Type"] == "HttpApi":
            properties = event["Properties"]
            guarded = properties.get("Auth", {}).get("Authorizer") != "NONE"
            yield Route(method=properties["Method"].upper(), path=properties["Path"], guarded=guarded)

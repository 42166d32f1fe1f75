"""The code as it is shipped: functions, layers and baselines, packaged for this machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local.package import BUILD as PACKAGES
from local.package import packaged
from local.process import ROOT, Progress
from local.template import load

BUILD = PACKAGES / "bench"


@dataclass(frozen=True, slots=True)
class Code:
    """Packages as scripts/package.py makes them."""

    progress: Progress

    def of(self, function: str) -> tuple[Path, ...]:
        """A function's own folder and its layers, in the order in which Lambda looks for modules."""
        return (self.package(f"functions/{function}"), *map(self.package, layers_of(function)))

    def baseline(self, name: str) -> tuple[Path, ...]:
        """A baseline's own folder, what it shares with the others, and every layer."""
        baselines = self.package("bench/baseline")
        return (baselines / name, baselines, *map(self.package, layer_folders()))

    def package(self, folder: str) -> Path:
        """One package, made once for its content; ``folder`` as the template names it."""
        return packaged(ROOT / folder, self.progress)


@cache
def _template() -> dict[str, Any]:
    return load(ROOT / "template.yaml")


def _properties(resource: str) -> dict[str, Any]:
    properties: dict[str, Any] = _template()["Resources"][resource]["Properties"]
    return properties


@cache
def layer_folders() -> tuple[str, ...]:
    """Every layer's folder, as the template names it."""
    resources = _template()["Resources"].items()
    layers = (name for name, each in resources if each["Type"] == "AWS::Serverless::LayerVersion")
    return tuple(str(_properties(name)["ContentUri"]) for name in layers)


@cache
def layers_of(function: str) -> tuple[str, ...]:
    """The folders of a function's layers: the template's, for all functions and for this one."""
    declared = [_template()["Globals"]["Function"], _properties(f"{function.title()}Function")]
    names = [layer["Ref"] for each in declared for layer in each.get("Layers", [])]
    return tuple(str(_properties(name)["ContentUri"]) for name in names)


def functions() -> tuple[str, ...]:
    """Every function, named as its folder is."""
    return tuple(sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))

"""The code as it is shipped: each layer and function in a folder of its own, compiled or not, ready to be started."""

from __future__ import annotations

import compileall
import hashlib
import os
import py_compile
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from local.process import ROOT
from local.template import load

BUILD = ROOT / ".build" / "bench"
BASELINE = ROOT / "bench" / "baseline"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:==|\s|$)")
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True, slots=True)
class Code:
    """Where the built code lies; ``compiled`` ones hold unchecked-hash .pyc files, the others none at all."""

    folder: Path
    compiled: bool

    def of(self, function: str) -> tuple[Path, ...]:
        """A function's own folder and its layers, in the order in which Lambda looks for modules."""
        return (self.folder / "functions" / function, *(self.layer(name) for name in layers_of(function)))

    def layer(self, folder: str) -> Path:
        """One layer's modules; ``folder`` as the template names it."""
        return self.folder / folder

    def baseline(self, name: str) -> tuple[Path, ...]:
        """A baseline's own folder, what it shares with the others, and what it imports."""
        shipped = [self.layer(name) for name in layer_folders()]
        return (self.folder / "baseline" / name, self.folder / "baseline", *shipped, self.folder / "baseline-needs")


@cache
def _resources() -> dict[str, dict[str, object]]:
    template = load(ROOT / "template.yaml")
    resources: dict[str, dict[str, object]] = template["Resources"]
    resources["Globals"] = {"Type": "Globals", "Properties": template["Globals"]["Function"]}
    return resources


@cache
def layer_folders() -> tuple[str, ...]:
    """Every layer's folder, as the template names it."""
    layers = (name for name, each in _resources().items() if each["Type"] == "AWS::Serverless::LayerVersion")
    return tuple(map(_folder, layers))


def _folder(layer: str) -> str:
    return str(_properties(layer)["ContentUri"])


def _properties(name: str) -> dict[str, object]:
    properties = _resources()[name]["Properties"]
    return properties if isinstance(properties, dict) else {}


@cache
def layers_of(function: str) -> tuple[str, ...]:
    """The folders of a function's layers: the template's, for all functions and for this one, the last one first."""
    named: list[str] = []
    for source in ("Globals", f"{function.title()}Function"):
        layers = _properties(source).get("Layers", [])
        named += [each["Ref"] for each in layers if isinstance(each, dict)] if isinstance(layers, list) else []
    return tuple(_folder(name) for name in reversed(named))


def functions() -> tuple[str, ...]:
    """Every function, named as its folder is."""
    return tuple(sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))


def build(*, compiled: bool) -> Code:
    """Copy what is shipped, as it is now; what others wrote is taken from this environment and built once."""
    code = Code(BUILD / ("compiled" if compiled else "plain"), compiled)
    shutil.rmtree(code.folder, ignore_errors=True)
    _copy(ROOT / "functions", code.folder / "functions", compiled=compiled)
    _copy(BASELINE, code.folder / "baseline", compiled=compiled)
    for name in layer_folders():
        _copy(ROOT / name, code.folder / name, compiled=compiled)
        if (ROOT / name / "requirements.txt").exists():
            _add(ROOT / name / "requirements.txt", code.folder / name, compiled=compiled)
    _add(BASELINE / "requirements.txt", code.folder / "baseline-needs", compiled=compiled)
    return code


def _copy(source: Path, target: Path, *, compiled: bool) -> None:
    shutil.copytree(source, target, ignore=_IGNORED)
    if compiled:
        _compile(target)


def _compile(folder: Path) -> None:
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, invalidation_mode=mode, workers=1)


def _add(requirements: Path, target: Path, *, compiled: bool) -> None:
    """Put the pinned packages into ``target`` as hard links to a copy that is built once for its content."""
    names = [found[1] for line in requirements.read_text().splitlines() if (found := _PIN.match(line))]
    kept = _packages(tuple(names), compiled=compiled)
    shutil.copytree(kept, target, copy_function=os.link, dirs_exist_ok=True)


def _packages(names: tuple[str, ...], *, compiled: bool) -> Path:
    told = [f"{name}=={distribution(name).version}" for name in names] + [sys.version, str(compiled)]
    kept = BUILD / f"packages-{hashlib.sha256(repr(told).encode()).hexdigest()[:16]}"
    if not kept.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=BUILD))
        for source, relative in _files(names):
            (scratch / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, scratch / relative)
        if compiled:
            _compile(scratch)
        scratch.rename(kept)
    return kept


def _files(names: tuple[str, ...]) -> Iterator[tuple[Path, Path]]:
    """Every file of these distributions as installed here, its place relative to site-packages."""
    for name in names:
        for file in distribution(name).files or ():
            relative = Path(*file.parts)
            if ".." not in relative.parts and "__pycache__" not in relative.parts:
                yield Path(str(file.locate())), relative

"""A provider is its two folders: no other file of the product names one, but those that CONTRIBUTING states."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from local import simulators
from sms_tracker import providers
from tests.unit.documents import ROOT
from tests.unit.template_stack import source

pytestmark = pytest.mark.no_cover  # other tests cover what it uses

PLACEHOLDER = "acme"
PRODUCT = ("layers", "functions", "ops", "local", "scripts", "bench/load")
FOLDERS = ("layers/core/sms_tracker/providers", "local/simulators")
EXCEPTED = {"template.yaml", "samconfig.toml", ".env.example", "pyproject.toml", "requirements-dev.in"}
"""The provider's part of the stack, the operator's samples, and official SDKs as oracles."""
SETTINGS = (*EXCEPTED, "Makefile")
each_provider = pytest.mark.parametrize("provider", providers.names())


MARKS = {"aws": r"""sms-voice|pinpoint|["']aws["']|\baws=|\|aws\)|secrets/aws|aws(sender|(send|receive)policy)"""}
"""What names a provider, where its name names something else as well."""


def is_named(provider: str, text: str) -> bool:
    """Whether a text has the provider's name; ``messagebird`` does not name ``bird``."""
    return re.search(MARKS.get(provider, rf"(?<![a-z]){provider}"), text.lower()) is not None


def steps() -> list[str]:
    """The text of each step."""
    chapter = (ROOT / "CONTRIBUTING.md").read_text().split("## Add a provider")[1].split("\n## ")[0]
    return re.findall(r"^\d\. .*?(?=^\d\. |^\n|\Z)", chapter, flags=re.MULTILINE | re.DOTALL)


def named_paths() -> set[str]:
    """What the steps name as files or folders."""
    spans = re.findall(r"`([^`\n]+)`", "".join(steps()))
    return {span for span in spans if "/" in span or (ROOT / span).is_file()}


@cache
def without_comments(path: Path) -> str:
    """What a file does: no comment, no docstring."""
    text = path.read_text()
    if path.suffix != ".py":
        return text if path.name == ".env.example" else re.sub(r"(^|\s)#.*", "", text)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value = ast.Constant(None)
    return ast.unparse(tree)


def product_files() -> list[Path]:
    """Every file that is shipped or run, beside tests and documentation."""
    sources = [path for folder in PRODUCT for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".in"}]
    return sources + [ROOT / name for name in SETTINGS]


def test_there_are_five_steps_and_the_first_names_the_modules_of_an_adapter() -> None:
    assert len(steps()) == 5
    assert [name for name in providers.CONTRACT if f"`{name}.py`" not in steps()[0]] == []
    assert named_paths() >= EXCEPTED, "the steps name every file beside the folders that names a provider"


@each_provider
def test_each_named_file_exists_for_a_provider_that_is_here(provider: str) -> None:
    paths = {path.replace(PLACEHOLDER, provider) for path in named_paths()}

    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


@each_provider
def test_no_other_file_names_a_provider(provider: str) -> None:
    folders = tuple(ROOT / folder / name for folder in FOLDERS for name in providers.names())
    shared = [path for path in product_files() if not any(path.is_relative_to(folder) for folder in folders)]

    knowing = {str(path.relative_to(ROOT)) for path in shared if is_named(provider, without_comments(path))}

    assert knowing - EXCEPTED == set()


@each_provider
def test_the_steps_name_every_place_in_the_template(provider: str) -> None:
    simulated, places = simulators.load(provider), {**source()["Parameters"], **source()["Resources"]}
    own = {name for name in places if name.startswith(simulated.title)}
    shared = {name for name, body in places.items() if is_named(provider, str(body)) and name not in own}
    verification = set(simulated.signing.absent) if simulated.signing else set()

    assert [name for name in shared if f"`{name}`" not in steps()[3]] == []
    assert own & source()["Parameters"].keys() == {*simulated.parameters} | verification
    assert own <= source()["Parameters"].keys() or not providers.load(provider).WEBHOOK


def test_no_adapter_may_know_another() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (independence,) = [contract for contract in contracts if contract["type"] == "independence"]

    assert independence["modules"] == ["sms_tracker.providers.*"]

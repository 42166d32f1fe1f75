"""The documentation names only what is there: files, headings, make targets, outputs, variables."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from local import simulators
from local.run import sender_variables
from ops.accounts import ENTRIES
from ops.smoke.sending import TEST_ENTRIES
from tests.unit import documents
from tests.unit.documents import ROOT
from tests.unit.template_stack import source

MAKE = re.compile(r"\bmake ([a-z][a-z0-9-]*)")
NOT_KEPT = {".env", "env.json"}
"""What a reader makes."""
NO_PATHS = {"aws/ssm"}
"""What looks like a path and is none: a KMS alias."""
each_document = pytest.mark.parametrize("document", documents.documents(), ids=lambda path: str(path.relative_to(ROOT)))


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    wanted = [(path, anchor) for path, anchor in documents.links(document)]

    assert [each for each in wanted if not each[0].exists()] == []
    assert [each for each in wanted if each[1] and each[1] not in documents.anchors(each[0])] == []


@each_document
def test_named_paths_exist(document: Path) -> None:
    named = {path for path in documents.paths(document) if "acme" not in path} - NOT_KEPT - NO_PATHS

    assert sorted(path for path in named if not documents.exists(path, document)) == []


@each_document
def test_named_make_targets_and_outputs_of_the_stack_exist(document: Path) -> None:
    code = [*documents.code(document)]

    assert {target for each in code for target in MAKE.findall(each)} <= documents.make_targets()
    assert {name for each in code for name in re.findall(r"\b(?:out|arn) ([A-Z]\w+)", each)} <= source()[
        "Outputs"
    ].keys()


def test_the_project_is_searched_for_documents_and_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "adr"
    linked = {path for path, _ in documents.links(folder / "README.md") if path.parent == folder}

    assert {ROOT / "README.md", folder / "README.md"} <= set(documents.documents())
    assert linked == {path for path in folder.glob("*.md") if path.name != "README.md"}


def test_every_public_make_target_is_in_the_development_guide() -> None:
    public = re.findall(r"^([a-z][a-z0-9 -]*):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)

    guide = {target for code in documents.code(ROOT / "docs" / "development.md") for target in MAKE.findall(code)}

    assert {name for line in public for name in line.split()} - {"help"} <= guide


def test_the_example_environment_has_exactly_the_variables_that_are_read() -> None:
    example = (ROOT / ".env.example").read_text()
    tree = ast.parse((ROOT / "local" / "run.py").read_text())
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    read = {word for word in words if re.fullmatch("[A-Z][A-Z_]{3,}", word)} - {"ENABLED"}  # a value, not a variable

    listed = re.findall(r"^#?([A-Z_]+)=", example, flags=re.MULTILINE)

    live = [name for name in simulators.names() if ENTRIES[name]]
    accounts = [*ENTRIES.values(), *TEST_ENTRIES.values(), *map(sender_variables, live)]
    assert sorted(listed) == sorted(read | {name for entries in accounts for name in entries.values()})


def test_the_configuration_page_says_which_variable_becomes_which_entry() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()

    documented = {
        (provider, variable.removeprefix(f"{provider}_".upper()).lower(), variable)
        for provider, listed in re.findall(r"^- `([a-z]+)`: ((?:`[A-Z_]+`,?\s*)+)$", page, re.MULTILINE)
        for variable in re.findall(r"[A-Z_]+", listed)
    }

    assert documented == {
        (provider, entry, variable) for provider, entries in ENTRIES.items() for entry, variable in entries.items()
    }


def test_pre_commit_runs_every_check_and_nothing_else() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    (checks,) = re.findall(r"^check: ([a-z -]+?) *##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)

    assert [hook["entry"] for hook in hooks] == [f"make {check}" for check in checks.split()]
    assert {hook["language"] for hook in hooks} == {"system"}


def test_ci_runs_the_script_that_a_developer_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]

    assert [step["run"] for step in steps if "run" in step] == [".ci/run", "make build"]
    assert all(re.search(r"@v\d+(\.\d+)*$", step["uses"]) for step in steps if "uses" in step)

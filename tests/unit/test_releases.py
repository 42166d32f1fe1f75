"""Releases are tags: the pipeline deploys one, and the documented upgrade and rollback take one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.unit.documents import ROOT

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml.example").read_text())
(ROLLBACK,) = re.findall(r"^## Rolling back\n\n```bash\n(.*?)```", OPERATIONS, flags=re.MULTILINE | re.DOTALL)


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """An operator's clone of a repository with two releases, with values filled in but not committed."""
    origin, clone = tmp_path / "origin", tmp_path / "sms-tracker"
    origin.mkdir()
    git(origin, "init", "--quiet", "--initial-branch=main")
    for version in ("v0.1.0", "v0.2.0"):
        for name in ("template.yaml", "samconfig.toml"):
            (origin / name).write_text(f"{name} of {version}\n")
        git(origin, "add", ".")
        git(origin, "commit", "--quiet", "-m", version)
        git(origin, "tag", "-a", version, "-m", version)
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    (clone / "samconfig.toml").write_text("filled in\n")
    return clone


def test_a_rollback_takes_the_tag_and_keeps_what_was_filled_in(clone: Path) -> None:
    lines = [line for line in ROLLBACK.splitlines() if not line.startswith("make ")]

    subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=clone, check=True, capture_output=True)

    back = clone.parent / "sms-tracker-back"
    assert (back / "template.yaml").read_text() == "template.yaml of v0.1.0\n"
    assert (back / "samconfig.toml").read_text() == "filled in\n"
    assert (clone / "template.yaml").read_text() == "template.yaml of v0.2.0\n"


def test_a_rollback_takes_a_released_version_and_deploys_as_the_first_deployment_did() -> None:
    released = re.findall(r"^## \[(\d\S+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bv(\d+\.\d+\.\d+)\b", ROLLBACK)) <= set(released)
    assert 'make build && make deploy ARGS="--config-env prod"' in ROLLBACK


def test_the_pipeline_deploys_tags_by_oidc_with_the_commands_of_a_developer() -> None:
    (job,) = WORKFLOW["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]

    assert WORKFLOW[True]["push"] == {"tags": ["v*"]}  # YAML reads `on` as true
    assert WORKFLOW["permissions"] == {"contents": "read", "id-token": "write"}
    assert commands[-2:] == ["make build", 'make deploy ARGS="--config-env prod"']
    assert not re.search(r"secrets\.|AKIA|access-key", str(WORKFLOW))
    # The role trusts the environment that the pipeline runs in.
    assert f":environment:{job['environment']}" in (ROOT / "docs" / "deploy.md").read_text()

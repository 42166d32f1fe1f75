"""docs/terraform-cdk.md: its parameters and outputs exist, and what CDK includes is plain CloudFormation."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.template_stack import ROOT, source

PAGE = (ROOT / "docs" / "terraform-cdk.md").read_text()


def test_the_parameters_and_outputs_of_the_samples_exist() -> None:
    terraform, cdk = (re.search(r"parameters(?: = |: )\{(.*?)\}", part, re.DOTALL) for part in PAGE.split("## CDK"))
    assert terraform
    assert cdk

    for sample in (terraform[1], cdk[1]):
        named = re.findall(r"(\w+)\s*[=:] ", sample)
        assert {"Environment", "Providers"} <= set(named) <= source()["Parameters"].keys()
    assert set(re.findall(r'outputs\["(\w+)"\]', PAGE)) <= source()["Outputs"].keys()


@pytest.mark.parametrize(("arguments", "gradual"), [([], False), (["GradualDeployment=true"], True)])
def test_the_expanded_template_needs_no_transform(arguments: list[str], gradual: bool, tmp_path: Path) -> None:  # noqa: FBT001
    packaged = tmp_path / "packaged.yaml"
    text = (ROOT / "template.yaml").read_text()
    packaged.write_text(re.sub(r"(CodeUri|ContentUri): .*", r"\1: s3://artifacts/code.zip", text))

    command = [sys.executable, str(ROOT / "scripts" / "expand.py"), str(packaged), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    expanded = json.loads(done.stdout)
    types = {each["Type"] for each in expanded["Resources"].values()}
    assert "Transform" not in expanded
    assert not any(kind.startswith("AWS::Serverless") for kind in types)
    assert ("AWS::CodeDeploy::DeploymentGroup" in types) == gradual
    assert set(expanded["Parameters"]) == set(source()["Parameters"])
    assert re.findall(r'"Ref": "(\w+\.\w+)"', done.stdout) == []

"""`make local-env`: the file that `sam local invoke --env-vars` takes, from a deployed stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ops.local_env import main
from ops.stack import Stack
from tests.configs import VARIABLES
from tests.unit.template_stack import environment, source


class Deployed(Stack):
    """A stack with the variables that the template gives its functions."""

    def variables(self, function: str) -> Mapping[str, str]:
        return {**environment(function), "STACK": self.name}


def test_each_function_has_its_variables_under_its_name_in_the_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    file = tmp_path / "env.json"

    code = main(["--stack", "sms-tracker-dev", "--output", str(file)], Deployed)

    written = json.loads(file.read_text())
    assert code == 0
    assert written.keys() == {f"{name.title()}Function" for name in VARIABLES}
    assert written.keys() <= source()["Resources"].keys()
    assert written["QueryFunction"] == {**environment("query"), "STACK": "sms-tracker-dev"}
    assert "no secrets" in capsys.readouterr().out

"""What `sam deploy` takes from samconfig.toml, read by SAM itself."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from samcli.commands.deploy import command

from tests.unit.template_stack import ROOT, overrides, source

pytestmark = pytest.mark.no_cover  # other tests cover what it uses

TO_FILL_IN = ["Providers", "DefaultProvider", "TwilioFrom", "MessageBirdOriginator", "AllowedCountries", "AlertEmail"]
SIGNATURE = inspect.signature(command.do_cli)


def options(*arguments: str) -> dict[str, Any]:
    """The options of `sam deploy` with these arguments, by the names of SAM's own function."""
    passed: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(command, "do_cli", lambda *given: passed.update(SIGNATURE.bind(*given).arguments))
        patch.setenv("SAM_CLI_TELEMETRY", "0")
        done = CliRunner().invoke(command.cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return passed


def test_production_is_deployed_by_one_command_that_asks_nothing_and_takes_a_value_with_spaces_whole(
    tmp_path: Path,
) -> None:
    # Without the double quotes SAM would read `My`.
    text, filled = (ROOT / "samconfig.toml").read_text(), tmp_path / "samconfig.toml"
    filled.write_text(text.replace('MessageBirdOriginator=""', 'MessageBirdOriginator="My Shop"'))

    read = options("--config-file", str(filled), "--config-env", "prod")

    assert (read["stack_name"], read["guided"], read["confirm_changeset"]) == ("sms-tracker-prod", False, False)
    assert read["resolve_s3"] is True
    expected = {"Environment": "prod", "MessageBirdOriginator": "My Shop"}
    assert read["parameter_overrides"].items() >= expected.items()


def test_the_six_values_to_fill_in_stand_first_and_only_the_countries_must_be() -> None:
    text = (ROOT / "samconfig.toml").read_text()
    marked = text.split("# Fill in these six")[1].split("# Usual in production")[0]
    assert re.findall(r"^    '(\w+)=\"", marked, re.MULTILINE) == TO_FILL_IN
    for name in TO_FILL_IN:
        declared = source()["Parameters"][name]
        value = overrides("prod")[name]
        assert value in declared.get("AllowedValues", [value])
        assert bool(re.fullmatch(declared.get("AllowedPattern", ".*"), value)) is (name != "AllowedCountries")
    assert overrides("dev")["AllowedCountries"] == overrides("prod")["AllowedCountries"] == ""


def test_an_override_on_the_command_line_replaces_the_list_and_loses_the_environment() -> None:
    read = options("--config-env", "prod", "--parameter-overrides", "Alarms=all")
    assert read["parameter_overrides"] == {"Alarms": "all"}

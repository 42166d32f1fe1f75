"""Every operator's command uses one region, prints it first, and refuses two."""

# Found in aws/aws-sam-cli#2230, #2433, boto/boto3#2560, fwdcloudsec/granted#457

from __future__ import annotations

import os
from pathlib import Path

import pytest
from botocore.exceptions import ProfileNotFound

from ops import deploy, region

SAMCONFIG = """
version = 0.1
[default.deploy.parameters]
stack_name = "sms-tracker"
region = "us-east-1"
[prod.global.parameters]
stack_name = "sms-tracker-prod"
region = "eu-central-1"
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "")  # what a command sets is undone after the test
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setattr(region, "SAMCONFIG", tmp_path / "samconfig.toml")
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-3\n")


def guided(tmp_path: Path) -> None:
    """What `sam deploy --guided` leaves."""
    (tmp_path / "samconfig.toml").write_text(SAMCONFIG)


def used(stack: str = "sms-tracker") -> str:
    """The region that a command uses for the stack."""
    region.use(stack)
    return os.environ["AWS_DEFAULT_REGION"]


@pytest.mark.parametrize(
    ("variables", "source"),
    [
        ({"AWS_REGION": "eu-west-3"}, "AWS_REGION"),
        ({"AWS_DEFAULT_REGION": "eu-west-3"}, "AWS_DEFAULT_REGION"),
        ({"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-3"}, "AWS_REGION"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-3"}, "AWS_DEFAULT_REGION"),
        ({"AWS_PROFILE": "work"}, "the profile"),
        ({"AWS_PROFILE": "work", "AWS_REGION": "eu-north-1"}, "AWS_REGION"),
    ],
)
def test_either_variable_or_else_the_profile_names_the_region_and_it_is_printed(
    variables: dict[str, str], source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    expected = variables.get("AWS_REGION") or "eu-west-3"

    assert used() == expected
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"stack sms-tracker, region {expected} ({source})\n")


@pytest.mark.parametrize(
    ("variables", "error", "told"),
    [
        (
            {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"},
            ValueError,
            "AWS_REGION is eu-west-1, AWS_DEFAULT_REGION is us-east-1",
        ),
        ({}, LookupError, "export AWS_DEFAULT_REGION"),
        ({"AWS_PROFILE": "misspelt"}, ProfileNotFound, "misspelt"),
        *(
            ({"AWS_REGION": wrong}, ValueError, r"AWS_REGION is .*, not an AWS region")
            for wrong in ("eu-west", "eu-west1", "eu-west-1a", "EU-WEST-1", "Ireland", "eu-west-1\r", "-")
        ),
    ],
)
def test_two_regions_none_and_what_is_none_are_refused(
    variables: dict[str, str], error: type[Exception], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error, match=told):
        region.use("sms-tracker")


@pytest.mark.parametrize("variables", [{"AWS_REGION": "eu-west-3"}, {"AWS_PROFILE": "work"}])
def test_another_region_than_the_stack_was_deployed_to_is_refused(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    guided(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ValueError, match=r"regions differ: .* is eu-west-3, samconfig.toml is us-east-1"):
        region.use("sms-tracker")


@pytest.mark.parametrize(("stack", "named"), [("sms-tracker", "us-east-1"), ("sms-tracker-prod", "eu-central-1")])
def test_where_nothing_else_does_samconfig_names_the_region_of_each_stack_but_not_an_emulators(
    stack: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guided(tmp_path)

    assert used(stack) == named
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "")
    assert used(stack) == "eu-west-3"


def test_a_samconfig_that_is_no_toml_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text("[default\n")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    with pytest.raises(ValueError, match=r"samconfig.toml cannot be read: .*line 1"):
        region.use("sms-tracker")


@pytest.mark.parametrize("name", ["eu-west-1", "us-gov-west-1", "cn-north-1", "mx-central-1", "eusc-de-east-1"])
def test_regions_of_every_partition_are_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", name)
    assert used() == name


class Sam:
    """What SAM is started with, and the region it would take: it reads ``AWS_DEFAULT_REGION`` alone."""

    def __init__(self) -> None:
        self.started: list[tuple[str, list[str], str]] = []

    def __call__(self, path: str, arguments: list[str]) -> None:
        self.started.append((path, arguments, os.environ["AWS_DEFAULT_REGION"]))


def test_sam_deploys_into_the_region_of_the_other_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text('[default.global.parameters]\nstack_name = "sms-tracker"\n')
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    sam = Sam()

    code = deploy.main(["--guided", "--parameter-overrides", "Alarms=false"], sam)

    given = ["sam", "deploy", "--guided", "--parameter-overrides", "Alarms=false"]
    assert (code, sam.started) == (0, [(".venv/bin/sam", given, "eu-west-3")])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "AWS_REGION is eu-west-3, samconfig.toml is us-east-1"),
        (["--config-env", "prod"], "AWS_REGION is eu-west-3, samconfig.toml is eu-central-1"),
        (["--stack-name", "sms-tracker-prod"], "AWS_REGION is eu-west-3, samconfig.toml is eu-central-1"),
        (["--stack-name=other", "--region=eu-west-1"], "--region is eu-west-1, AWS_REGION is eu-west-3"),
        (["--config-env", "staging"], "samconfig.toml has no environment staging"),
        (["--stack-name", "aws-sms", "--region=eu-west-3"], "'aws-sms' begins with aws"),
    ],
)
def test_sam_is_not_started_where_regions_differ(
    arguments: list[str],
    error: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    guided(tmp_path)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    sam = Sam()

    code = deploy.main(arguments, sam)

    assert (code, sam.started) == (1, [])
    assert error in capsys.readouterr().err

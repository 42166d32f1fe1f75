"""docs/deploy.md as a newcomer follows it: in an empty environment, with the variables that the page names."""

# Found in aws/aws-sam-cli#2230, #2433, boto/boto3#2560, fwdcloudsec/granted#457

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local import simulators
from local.clients import REGION, ROOT_KEY
from local.process import ROOT
from local.stack import Stack
from ops.accounts import ENTRIES

PAGE = (ROOT / "docs" / "deploy.md").read_text()
SAM = f"""#!{sys.executable}
import sys
from samcli.lib.utils.defaults import get_default_aws_region
print("sam", *sys.argv[1:], "in", get_default_aws_region())
"""
"""In place of SAM: prints the region that SAM itself would take."""


def block(chapter: str) -> list[str]:
    """The commands of the first block of a chapter, without comments."""
    (code,) = re.findall(rf"^## {chapter}\n.*?```bash\n(.*?)```", PAGE, flags=re.MULTILINE | re.DOTALL)[:1]
    return [re.sub(r"\s+#.*", "", line).strip() for line in code.splitlines()]


def of_our_stack(line: str) -> str:
    """The command for the local stack, which has the default name."""
    return re.sub(r" ?--stack sms-tracker-prod", "", line)


class Newcomer:
    """A fresh clone, a home with one AWS profile, and nothing else in the environment."""

    def __init__(self, stack: Stack, path: Path, variable: str) -> None:
        self.clone = path / "clone"
        self.clone.mkdir()
        for each in (*(each for each in ROOT.iterdir() if each.name[0] != "."), ROOT / ".env.example"):
            (self.clone / each.name).symlink_to(each)
        self._environment_with_sam()
        (path / ".aws").mkdir()
        keys = f"aws_access_key_id = {ROOT_KEY}\naws_secret_access_key = {ROOT_KEY}\n"
        (path / ".aws" / "config").write_text(f"[profile sms]\n{keys}")
        (exported,) = re.findall(r"^ *export (.*)", PAGE, flags=re.MULTILINE)
        assert exported == "AWS_PROFILE=sms AWS_DEFAULT_REGION=eu-west-1"
        self.variables = {"PATH": os.environ["PATH"], "HOME": str(path), "AWS_PROFILE": "sms", variable: REGION}
        self.variables["PYTHON"] = str(self.clone / "python3.13")
        self.variables["AWS_ENDPOINT_URL"] = stack.clients.endpoint  # the emulator is our AWS

    def _environment_with_sam(self) -> None:
        """This environment under the name that make expects, with our SAM in it."""
        venv, ours = self.clone / ".venv", Path(sys.prefix)
        (venv / "bin").mkdir(parents=True)
        for name in ("lib", "pyvenv.cfg", "bin/python"):
            (venv / name).symlink_to(ours / name)
        (venv / "bin" / "sam").write_text(SAM)
        (venv / "bin" / "sam").chmod(0o755)
        (venv / ".ready").touch()
        python = venv.parent / "python3.13"
        python.write_text('#!/bin/sh\necho "$0"\n')  # its own path, which is all that `make build` asks of it here
        python.chmod(0o755)

    def types(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.clone,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def env_file(stack: Stack) -> str:
    """`.env` with the accounts that the simulators know."""
    documents = {name: simulators.load(name).credentials(url) for name, url in stack.simulator_urls.items()}
    values = {
        ENTRIES[name][entry]: value
        for name, found in documents.items()
        for entry, value in found.items()
        if entry in ENTRIES.get(name, {})  # the stack writes the rest
    }
    return "".join(f"{variable}={value}\n" for variable, value in values.items())


def test_the_first_deployment_goes_into_one_region_with_what_the_page_names(stack: Stack, tmp_path: Path) -> None:
    newcomer = Newcomer(stack, tmp_path, "AWS_DEFAULT_REGION")
    copy, dry, secrets, build, deploy, key, smoke = (of_our_stack(line) for line in block("The first deployment"))
    first = f"stack sms-tracker, region {REGION} (AWS_DEFAULT_REGION)\n"

    assert newcomer.types(copy).returncode == 0
    (newcomer.clone / ".env").write_text(env_file(stack))
    tried, wrote, built, deployed, made = (newcomer.types(line) for line in (dry, secrets, build, deploy, key))
    checked = newcomer.types(smoke.replace("https://…", stack.api_url).replace("smst_…", made.stdout.strip()))

    for done in (tried, wrote, built, deployed, made, checked):
        assert done.returncode == 0, done.stdout + done.stderr
    for done in (tried, wrote, made, checked):
        assert done.stderr.startswith(first)
    assert deployed.stderr.startswith(first.replace("sms-tracker", "sms-tracker-prod"))
    assert "would write /sms-tracker/secrets/twilio" in tried.stdout
    assert "wrote /sms-tracker/secrets/twilio" in wrote.stdout
    assert deployed.stdout == f"sam deploy --config-env prod in {REGION}\n"
    assert re.fullmatch(r"smst_[\w-]{43}\n", made.stdout)
    assert "secrets: of stack sms-tracker" in checked.stdout


def test_the_other_variable_of_a_region_reaches_our_commands_and_sam(stack: Stack, tmp_path: Path) -> None:
    newcomer = Newcomer(stack, tmp_path, "AWS_REGION")
    (newcomer.clone / ".env").write_text(env_file(stack))
    _, dry, _, _, deploy, *_ = block("The first deployment")

    tried, deployed = newcomer.types(of_our_stack(dry)), newcomer.types(deploy)

    assert tried.stderr.startswith(f"stack sms-tracker, region {REGION} (AWS_REGION)\n")
    assert "would write /sms-tracker/secrets/twilio" in tried.stdout
    assert deployed.stdout == f"sam deploy --config-env prod in {REGION}\n"


LINES = [
    line
    for line in block("The first deployment")
    if re.match("make (secrets|deploy|api-key|smoke)", line) and "--dry-run" not in line
]


@pytest.mark.parametrize("line", [*LINES, "make repair ARGS=stuck", "make forget TO=+31612345678"])
def test_no_command_starts_while_two_regions_are_set(stack: Stack, tmp_path: Path, line: str) -> None:
    newcomer = Newcomer(stack, tmp_path, "AWS_REGION")
    (newcomer.clone / ".env").write_text(env_file(stack))

    done = newcomer.types(line, AWS_DEFAULT_REGION="us-east-1")

    assert done.returncode != 0
    assert done.stderr.startswith(f"error: regions differ: AWS_REGION is {REGION}, AWS_DEFAULT_REGION is us-east-1\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("line", [line for line in LINES if "smoke" not in line])
def test_no_command_starts_without_a_region(stack: Stack, tmp_path: Path, line: str) -> None:
    newcomer = Newcomer(stack, tmp_path, "UNUSED")
    (newcomer.clone / ".env").write_text(env_file(stack))

    done = newcomer.types(line)

    assert done.returncode != 0
    assert done.stderr.startswith("error: no AWS region")


def test_a_region_in_env_that_only_some_commands_would_read_is_refused(stack: Stack, tmp_path: Path) -> None:
    newcomer = Newcomer(stack, tmp_path, "AWS_REGION")
    (newcomer.clone / ".env").write_text("export AWS_SECRET_ACCESS_KEY=not-a-secret\nAWS_REGION=us-east-1\n")

    done = newcomer.types("make secrets")

    assert done.returncode != 0
    assert "AWS_REGION\nerror: set these in the shell" in done.stderr
    assert "not-a-secret" not in done.stderr

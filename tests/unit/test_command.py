"""An operator's command that cannot go on says why in one line, and ends with the code that scripts look at."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, SSOTokenLoadError

from ops.command import add_stack, run, within
from sms_tracker.aws.api import failure
from tests.unit.documents import ROOT


def refused(code: str, message: str = "The security token\nincluded is expired") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


def wrapped(cause: Exception) -> Exception:
    """As the functions' own clients raise it."""
    error = failure("Query", "AccessDeniedException")
    error.__cause__ = cause
    return error


def failing(error: BaseException) -> Callable[[], int]:
    return Mock(side_effect=error)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NoCredentialsError(), "no AWS credentials"),
        (SSOTokenLoadError(error_msg="run aws sso login"), "run aws sso login"),
        (refused("ExpiredToken"), "log in again: .*The security token included is expired"),
        (refused("UnrecognizedClientException"), "log in again"),
        (refused("AccessDenied", "not authorized to perform: ssm:PutParameter"), "not authorized to perform"),
        (wrapped(refused("AccessDeniedException", "no dynamodb:Query")), "no dynamodb:Query"),
        (wrapped(EndpointConnectionError(endpoint_url="https://x")), "Could not connect"),
        (ValueError("two\nlines"), "two lines"),
        (UnicodeDecodeError("utf-8", b"\xff\xfe", 0, 1, "invalid start byte"), "the file is not UTF-8"),
    ],
)
def test_an_error_is_a_line_with_its_cause(error: Exception, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(failing(error))

    printed = capsys.readouterr()
    assert (code, printed.out) == (1, "")
    assert re.fullmatch(f"error: .*{line}.*\n", printed.err)


def test_ctrl_c_is_a_line_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(KeyboardInterrupt())) == 128 + signal.SIGINT
    assert capsys.readouterr().err == "interrupted: completed steps stay; run it again\n"


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    endless = "lambda: [print('x', flush=True) for _ in range(99999)]"
    program = f"from ops.command import run; raise SystemExit(run({endless}))"
    environment = {**os.environ, "PYTHONPATH": "layers/core:."}
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(program)} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (1, b"x\n", b"")


def test_a_reader_that_left_before_the_first_line_gets_no_traceback() -> None:
    # Found in openvax/mhctools#387, sgkit-dev/vcztools#114
    program = "from ops.command import run; raise SystemExit(run(lambda: print('x') or 0))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": "layers/core:."},
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("target", ["forget", "republish", "repair"])
@pytest.mark.parametrize(("value", "code"), [("", 0), ("1", 0), ("no", 2), ("0", 2), ("true", 2)])
def test_only_apply_1_applies(target: str, value: str, code: int) -> None:
    # Found in charmed-kubernetes/jenkins#896, teller-protocol/teller-protocol-v2#277
    command = ["make", "-n", "-o", ".venv/.ready", target, f"APPLY={value}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ("--apply" in done.stdout) is (value == "1")
    assert (done.returncode, "APPLY is 1 or not set" in done.stderr) == (code, code == 2)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *((name, "is not a stack name") for name in ("", " ", "sms tracker", "1st", "sms_tracker", "/secrets")),
        ("sms-tracker\n", "is not a stack name"),
        ("a" * 54, "is too long"),
        *((name, f"begins with {name[:3]}, which") for name in ("aws-sms", "AWSsms", "ssm", "Ssm-tracker")),
    ],
)
def test_what_no_stack_can_be_called_is_refused(name: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Found in aws-cloudformation/cfn-lint#4089, aws-samples/amazon-transcribe-live-meeting-assistant#13
    parser = argparse.ArgumentParser()
    add_stack(parser)

    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--stack", name])
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a", "sms-tracker-prod", "a" * 53, "my-aws-sms", "sms"])
def test_any_other_name_is_a_stack_s(name: str) -> None:
    parser = argparse.ArgumentParser()
    add_stack(parser)

    assert parser.parse_args(["--stack", name]).stack == name


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "nan", "inf", "", "ten", "101"])
def test_a_number_out_of_bounds_is_refused_with_the_bounds(given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 1 to 100"):
        within(int, 1, 100)(given)

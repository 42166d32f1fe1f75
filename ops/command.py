"""Shared parts of operators' commands: parsers, option types, one-line errors, exit codes, generated files."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.report import parse_time

T = TypeVar("T")
DEFAULT = "sms-tracker"
LONGEST_NAME = 53
"""Characters of a stack's name: a function's suffix takes up to 11 of 64."""
_RESERVED = re.compile("aws|ssm", re.IGNORECASE)
"""How no name in Parameter Store may begin."""
_STACK = f"name of the stack (default: {DEFAULT})"
SECONDS = 10.0
"""The time limit of one AWS call."""
_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""AWS's error codes for invalid credentials, as opposed to missing permissions."""


def run(command: Callable[[], int], *, advice: str = "") -> int:
    """The exit code of ``command``: 1 after an error, printed as one line on standard error, 130 after Ctrl-C."""
    try:
        code = command()
        sys.stdout.flush()  # what fails at the end fails here
    except (ValueError, LookupError, ClientError, BotoCoreError, SmsTrackerError) as error:
        print(f"error: {explained(error)}{advice}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: completed steps stay; run it again", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head`; Python's final flush must not fail too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # of a file that the operator named
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code


def explained(error: BaseException) -> str:
    """An error as one line; for errors of our AWS clients AWS's own message."""
    if isinstance(error, SmsTrackerError) and isinstance(error.__cause__, ClientError | BotoCoreError):
        error = error.__cause__
    line = " ".join(str(error).split())
    if isinstance(error, UnicodeDecodeError):
        return "the file is not UTF-8; save it again in that encoding"
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials: export AWS_PROFILE, or log in"
    if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _REFUSED:
        return f"AWS refuses the credentials, log in again: {line}"
    return line


def parser(name: str, description: str | None, epilog: str | None = None) -> argparse.ArgumentParser:
    """The parser of `make NAME` with ``--stack``; both texts are printed as they are."""
    made = argparse.ArgumentParser(
        prog=f"make {name}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_stack(made)
    return made


def add_stack(parser: argparse.ArgumentParser, *subcommands: argparse.ArgumentParser) -> None:
    """The option ``--stack``, before or after a subcommand."""
    parser.add_argument("--stack", type=_stack_name, default=DEFAULT, help=_STACK)
    for each in subcommands:
        each.add_argument("--stack", type=_stack_name, default=argparse.SUPPRESS, help=_STACK)


def _stack_name(text: str) -> str:
    if flaw := stack_name_flaw(text):
        raise argparse.ArgumentTypeError(flaw)
    return text


def stack_name_flaw(name: str) -> str | None:
    """Why a stack of this name cannot be deployed; None if it can.

    The names of its functions and parameters begin with the stack's. Lambda allows 64 characters, and Parameter Store
    reserves two prefixes.
    """
    if not re.fullmatch("[A-Za-z][A-Za-z0-9-]*", name):
        return f"{name!r} is not a stack name: use letters, digits and hyphens, starting with a letter"
    if len(name) > LONGEST_NAME:
        return f"{name!r} is too long for a stack of this service: use at most {LONGEST_NAME} characters"
    if reserved := _RESERVED.match(name):
        return f"{name!r} begins with {reserved[0]}, which Parameter Store reserves: use another stack name"
    return None


def within(kind: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    """An option type: a number of that kind from ``least`` to ``most``."""

    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            whole = "whole " if kind is int else ""
            raise argparse.ArgumentTypeError(f"{text!r} is not a {whole}number from {least:g} to {most:g}")
        return value

    return number


def text(given: str) -> str:
    """An option type: any text but an empty one, such as an unset shell variable's."""
    if not given.strip():
        raise argparse.ArgumentTypeError("is empty")
    return given


def moment(text: str) -> datetime:
    """An option type: a time in RFC 3339; UTC without an offset."""
    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-01-31T12:00:00Z") from None


def checked(read: Callable[[str], T]) -> Callable[[str], T]:
    """``read`` as an option type: the text of its ``ValueError`` is printed."""

    def value(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return value


def keep_current(folder: Path, files: Mapping[str, str], *, check: bool, command: str) -> int:
    """Write the generated files that differ from those in ``folder``; with ``check`` only list them and return 1."""
    outdated = 0
    for name, text in files.items():
        path = folder / name
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        outdated = 1
        if check:
            print(f"{name} is not current: run `{command}`", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return outdated if check else 0

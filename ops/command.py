"""Shared parts of operators' commands: the stack's option, bounded numbers, one-line errors, exit codes."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from sms_tracker.domain.errors import SmsTrackerError

DEFAULT = "sms-tracker"
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
        return command()
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


def explained(error: BaseException) -> str:
    """An error as one line; for errors of our AWS clients AWS's own message."""
    if isinstance(error, SmsTrackerError) and isinstance(error.__cause__, ClientError | BotoCoreError):
        error = error.__cause__
    line = " ".join(str(error).split())
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials: export AWS_PROFILE, or log in"
    if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _REFUSED:
        return f"AWS refuses the credentials, log in again: {line}"
    return line


def add_stack(parser: argparse.ArgumentParser) -> None:
    """The option ``--stack``."""
    parser.add_argument("--stack", type=_stack_name, default=DEFAULT, help="name of the stack (default: %(default)s)")


def _stack_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a stack name: use letters, digits and hyphens, starting with a letter"
        )
    return text


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
    """An option type: any text but an empty one, as an unset shell variable gives."""
    if not given.strip():
        raise argparse.ArgumentTypeError("is empty")
    return given

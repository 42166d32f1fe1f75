"""`make api-key`: give a client a key; it is shown once, and only its SHA-256 is stored."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ops.keys import SCOPES, new_key

_DAY = 86400


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code; the key alone goes to standard output."""
    options = _parser().parse_args(arguments)
    try:
        expires_at = int(time.time()) + options.days * _DAY if options.days else None
        key, item = new_key(options.client, options.scopes.split(","), expires_at=expires_at)
        boto3.client("dynamodb").put_item(TableName=_table(options.stack), Item=item)
    except (ValueError, ClientError, BotoCoreError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    until = f"for {options.days} days" if options.days else "without end"
    print(f"key of {options.client} with {options.scopes}, {until}; it cannot be shown again:", file=sys.stderr)
    print(key)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make api-key", description=__doc__)
    parser.add_argument("--stack", default="sms-tracker", help="name of the stack (default: %(default)s)")
    parser.add_argument("--client", required=True, help="who it is for; written on every message it sends")
    parser.add_argument("--scopes", default="send,read", help=f"comma separated, of {', '.join(sorted(SCOPES))}")
    parser.add_argument("--days", type=int, default=0, help="days until it expires (default: never)")
    return parser


def _table(stack: str) -> str:
    """The state table's name from the stack's outputs; raises ``ValueError`` where there is none."""
    (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    if "StateTableName" not in outputs:
        raise ValueError(f"stack {stack} has no output StateTableName; is it sms-tracker's?")
    return outputs["StateTableName"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make api-key`: create, list, rotate and revoke clients' keys; one is shown once, and only its SHA-256 is stored."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ops.api_keys import IssuedKey, KeyRing
from ops.keys import SCOPES, new_key
from ops.stack import DEFAULT, Stack
from sms_tracker.domain.report import timestamp

_DAY = 86400
_EPILOG = """
  create --client shop --scopes send,read     a new key, alone on standard output
  list                                        every key: its name, never the key or its hash
  rotate NAME                                 a second key like that one; both are valid
  revoke NAME --apply                         end it, at the latest 60 seconds later
"""


def main(arguments: Sequence[str], stack: Callable[[str], Stack] = Stack) -> int:
    """Returns the exit code; a new key alone goes to standard output."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command in ("rotate", "revoke") and not options.name:
        parser.error(f"{options.command} needs the name of a key; `list` shows them")
    if options.command == "create" and not options.client:
        parser.error("create needs --client")
    try:
        ring = KeyRing(boto3.client("dynamodb"), stack(options.stack).output("StateTableName"))
        _COMMANDS[options.command](ring, options)
    except (ValueError, ClientError, BotoCoreError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _create(ring: KeyRing, options: argparse.Namespace) -> None:
    _issue(ring, options.client, (options.scopes or "send,read").split(","), days=options.days)


def _list(ring: KeyRing, _: argparse.Namespace) -> None:
    row = "{:<10}{:<8}{:<24}{:<18}{:<26}{}"
    print(row.format("name", "ends in", "client", "scopes", "created", "expires"))
    for key in sorted(ring.all(), key=lambda each: (each.client, each.created_at or "")):
        scopes, expires = ",".join(sorted(key.scopes)), _expiry(key)
        print(row.format(key.name, key.ends or "-", key.client, scopes, key.created_at or "-", expires))


def _rotate(ring: KeyRing, options: argparse.Namespace) -> None:
    old = ring.named(options.name)
    _issue(ring, old.client, sorted(old.scopes), days=options.days)
    print(
        f"{old.name} stays valid beside it. Once the client has changed and the authorizer's log no longer names it:\n"
        f'  make api-key ARGS="revoke {old.name} --apply"',
        file=sys.stderr,
    )


def _revoke(ring: KeyRing, options: argparse.Namespace) -> None:
    key = ring.named(options.name)
    what = f"{key.name} of {key.client} ({','.join(sorted(key.scopes))})"
    if not options.apply:
        print(f"would revoke {what}")
        print("nothing was changed; --apply does it", file=sys.stderr)
        return
    ring.revoke(key)
    print(f"revoked {what}; API Gateway may let it in for up to 60 s more")


def _issue(ring: KeyRing, client: str, scopes: Sequence[str], *, days: int) -> None:
    expires_at = int(time.time()) + days * _DAY if days else None
    key, item = new_key(client, scopes, expires_at=expires_at, created_at=timestamp(datetime.now(UTC)))
    ring.add(item)
    until = f"for {days} days" if days else "without end"
    print(f"key of {client} with {','.join(scopes)}, {until}; it cannot be shown again:", file=sys.stderr)
    print(key)


def _expiry(key: IssuedKey) -> str:
    if key.expires_at is None:
        return "never"
    day = datetime.fromtimestamp(key.expires_at, tz=UTC).strftime("%Y-%m-%d")
    return f"{day} (over)" if key.expires_at <= time.time() else day


_COMMANDS = {"create": _create, "list": _list, "rotate": _rotate, "revoke": _revoke}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make api-key",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", default="create", choices=_COMMANDS, help="default: %(default)s")
    parser.add_argument("name", nargs="?", help="of the key to rotate or revoke, as `list` shows it")
    parser.add_argument("--stack", default=DEFAULT, help="name of the stack (default: %(default)s)")
    parser.add_argument("--client", help="who it is for; written on every message it sends")
    parser.add_argument("--scopes", help=f"comma separated, of {', '.join(sorted(SCOPES))} (default: send,read)")
    parser.add_argument("--days", type=int, default=0, help="days until it expires (default: never)")
    parser.add_argument("--apply", action="store_true", help="revoke; without, only say what would be done")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make api-key`: create, list, rotate and revoke clients' keys. A key is shown once; only its SHA-256 is stored."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from ops import command, region
from ops.api_keys import SCOPES, ApiKeys, IssuedKey, client_name, new_key, scope_names, sender_names
from ops.stack import Stack
from sms_tracker.aws.clients import client
from sms_tracker.aws.gateway import key_name
from sms_tracker.domain.report import timestamp

_DAY = 86400
_MAX_DAYS = 36500
_END_OF_TIME = 253_402_300_799
"""The last second of a ``datetime``; a stored key can have a later expiry."""
_TAKES = {
    "create": {"client", "scopes", "senders", "days"},
    "list": {"client"},
    "rotate": {"name", "days"},
    "revoke": {"name", "apply"},
}
_EPILOG = """
  create --client shop --scopes send,read     print a new key on standard output, its name on standard error
  create --client shop --scopes test          a test key: no message leaves the service (docs/test-keys.md)
  list [--client shop]                        list the keys by name, without the keys or their hashes
  rotate NAME [--days 90]                     create a second key with the same client, scopes and expiry
  revoke NAME --apply                         delete a key; it is refused within 60 seconds
"""


def main(arguments: Sequence[str], stack: Callable[[str], Stack] = Stack) -> int:
    """Run the command; standard output receives only a new key or a list."""
    options = _options(arguments)
    return command.run(lambda: _run(options, stack))


def _run(options: argparse.Namespace, stack: Callable[[str], Stack]) -> int:
    region.use(options.stack)
    keys = ApiKeys(client("dynamodb", timeout=command.SECONDS), stack(options.stack).output("StateTableName"))
    _COMMANDS[options.command](keys, options)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exits with 2 for a missing, invalid or unused option."""
    parser = _parser()
    options = parser.parse_intermixed_args(arguments)
    if options.command in ("rotate", "revoke") and not options.name:
        parser.error(f"{options.command} needs the name of a key, as `list` shows it")
    unused = {name for takes in _TAKES.values() for name in takes if getattr(options, name) not in (None, False)}
    for name in sorted(unused - _TAKES[options.command]):
        parser.error(f"{options.command} takes no {'name' if name == 'name' else f'--{name}'}")
    if options.command == "create":
        try:
            client_name(options.client or "")
        except ValueError as error:
            parser.error(f"create needs --client: {error}")
    return options


def _create(keys: ApiKeys, options: argparse.Namespace) -> None:
    scopes, senders = options.scopes or ("send", "read"), options.senders or frozenset()
    _issue(keys, options.client, scopes, senders, expires_at=_expires_at(options))


def _list(keys: ApiKeys, options: argparse.Namespace) -> None:
    found = [key for key in keys.all() if options.client in (None, key.client)]
    if not found:
        print(f"no keys of {options.client}" if options.client else "no keys", file=sys.stderr)
        return
    width = max(24, 2 + max(len(key.client) for key in found))
    row = f"{{:<10}}{{:<8}}{{:<{width}}}{{:<18}}{{:<26}}{{}}"
    print(row.format("name", "ends in", "client", "scopes", "created", "expires"))
    for key in sorted(found, key=lambda each: (each.client, each.created_at or "")):
        scopes, expires = ",".join(sorted(key.scopes)), _expiry(key)
        print(row.format(key.name, key.ends or "-", key.client, scopes, key.created_at or "-", expires))


def _rotate(keys: ApiKeys, options: argparse.Namespace) -> None:
    old = keys.named(options.name)
    expires_at = _expires_at(options) or old.expires_at
    if expires_at is not None and expires_at <= time.time():
        raise ValueError(f"{old.name} of {old.client} expired on {_day(expires_at)}: set --days for the new key")
    _issue(keys, old.client, old.scopes, old.senders, expires_at=expires_at)
    print(
        f"{old.name} stays valid. Once the client uses the new key and the authorizer's log no longer shows the old:\n"
        f'  make api-key ARGS="revoke {old.name} --apply"',
        file=sys.stderr,
    )


def _revoke(keys: ApiKeys, options: argparse.Namespace) -> None:
    key = keys.named(options.name)
    what = f"{key.name} of {key.client} ({','.join(sorted(key.scopes))})"
    if not options.apply:
        print(f"would revoke {what}")
        print("nothing was changed; run it again with --apply", file=sys.stderr)
        return
    keys.revoke(key)
    print(f"revoked {what}; API Gateway may accept it for up to 60 s")


def _issue(
    keys: ApiKeys, owner: str, scopes: Iterable[str], senders: frozenset[str], *, expires_at: int | None
) -> None:
    now = timestamp(datetime.now(UTC))
    key, item = new_key(owner, scopes, senders=senders, expires_at=expires_at, created_at=now)
    keys.add(item)
    until = f"until {_day(expires_at)}" if expires_at else "without expiry"
    print(
        f"key {key_name(key)} of {owner} with {','.join(sorted(scopes))}, {until}; it is shown only once:",
        file=sys.stderr,
    )
    print(key)


def _expires_at(options: argparse.Namespace) -> int | None:
    return int(time.time()) + options.days * _DAY if options.days else None


def _expiry(key: IssuedKey) -> str:
    if key.expires_at is None:
        return "never"
    return f"{_day(key.expires_at)} (expired)" if key.expires_at <= time.time() else _day(key.expires_at)


def _day(expires_at: int) -> str:
    return datetime.fromtimestamp(min(expires_at, _END_OF_TIME), tz=UTC).strftime("%Y-%m-%d")


_COMMANDS = {"create": _create, "list": _list, "rotate": _rotate, "revoke": _revoke}


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("api-key", __doc__, _EPILOG)
    parser.add_argument("command", nargs="?", default="create", choices=_COMMANDS, help="default: create")
    parser.add_argument("name", nargs="?", help="name of the key to rotate or revoke, as `list` shows it")
    parser.add_argument(
        "--client",
        type=command.text,
        help="create: the client's name, 1 to 64 of A-Za-z0-9._-, stored with its messages; list: only its keys",
    )
    parser.add_argument(
        "--scopes",
        type=command.checked(scope_names),
        help=f"create: comma-separated list of {', '.join(sorted(SCOPES))} (default: send,read)",
    )
    parser.add_argument(
        "--senders",
        type=command.checked(sender_names),
        help="create: comma-separated list of provider:sender whose opt-outs the key may see and change",
    )
    parser.add_argument(
        "--days",
        type=command.within(int, 1, _MAX_DAYS),
        help="create, rotate: days until expiry, at least 1 (default: never; for rotate the old key's expiry)",
    )
    parser.add_argument("--apply", action="store_true", help="revoke the key; without it, only print what would happen")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

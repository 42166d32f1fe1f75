"""`make limits`: show and set the limits of sending, approve a country for a client. Writes only with --apply."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from phonenumbers import SUPPORTED_REGIONS

from ops import command, region
from ops.api_keys import ApiKeys
from ops.stack import Stack, parameter
from sms_tracker.aws.clients import client
from sms_tracker.domain.limits import KNOWN_AFTER, day_of
from sms_tracker.domain.operator_rules import code_flaws, read_limits

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient

_EPOCH = date(1970, 1, 1)
_EPILOG = """
  show                        the limits in use, as JSON
  set FILE --apply            replace them; docs/limits.md describes the JSON
  approve CLIENT COUNTRY --apply [--hour N] [--day N]
                              the country is no longer new to the client; with numbers it has limits of its own
  countries CLIENT            the countries that a client has used, and from when on they are no longer new
  off --apply                 remove all limits

Functions read the limits again within six minutes. Parameter Store's history has who changed them.
"""


def main(
    arguments: Sequence[str],
    stack: Callable[[str], Stack] = Stack,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Run the command; standard output receives only the requested values."""
    options = _parser().parse_args(arguments)
    return command.run(lambda: _run(options, stack, now()))


def _run(options: argparse.Namespace, stack: Callable[[str], Stack], now: datetime) -> int:
    region.use(options.stack)
    ssm, name = client("ssm", timeout=command.SECONDS), f"/{options.stack}/limits"
    match options.command:
        case "show":
            print(_shown(name, _stored(ssm, name)))
        case "countries":
            used = stack(options.stack).limit_counters.first_uses(options.client)
            _show_countries(used, day_of(now))
            if not used:
                print(f"{options.client} has used no country while there were limits", file=sys.stderr)
        case "set":
            checked = _checked(_read(options.file))
            _write(ssm, name, checked, apply=options.apply)
            _warn(stack(options.stack), json.loads(checked).get("clients", {}).keys())
        case "approve":
            document = json.loads(_checked(_stored(ssm, name)))
            own = document.setdefault("clients", {}).setdefault(options.client, {})
            quota = {word: most for word in ("hour", "day") if (most := getattr(options, word)) is not None}
            approved = own.setdefault("approved", {})
            approved[options.country] = approved.get(options.country, {}) | quota
            _write(ssm, name, _checked(json.dumps(document)), apply=options.apply)
            _warn(stack(options.stack), document["clients"].keys())
        case _:
            if options.apply:
                with suppress(ssm.exceptions.ParameterNotFound):
                    ssm.delete_parameter(Name=name)
            _print_done(name, "no limits", apply=options.apply)
    return 0


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from None


def _stored(ssm: SSMClient, name: str) -> str:
    """The stored document; raises ``LookupError`` if there is none."""
    value = parameter(ssm, name)
    if value is None:
        raise LookupError(f"there is no {name}: this stack has no limits; `set` writes them")
    return value.removeprefix("\ufeff")


def _shown(name: str, document: str) -> str:
    """The document, indented; raises ``ValueError`` if it is not JSON."""
    try:
        return json.dumps(json.loads(document), indent=2)
    except ValueError as error:
        raise ValueError(
            f"{name} is not JSON, so functions use the limits before: {error}; `set` replaces it"
        ) from None


def _checked(text: str) -> str:
    """The document without white space; raises ``Misconfigured`` or ``ValueError`` with the reason."""
    limits = read_limits(text)
    countries = {country for each in (limits.defaults, *limits.clients.values()) for country in each.approved}
    if countries and (wrong := code_flaws(countries, SUPPORTED_REGIONS)):
        raise ValueError(f"approved: {wrong}")
    return json.dumps(json.loads(text), separators=(",", ":"))


def _write(ssm: SSMClient, name: str, document: str, *, apply: bool) -> None:
    if apply:
        ssm.put_parameter(Name=name, Value=document, Type="String", Tier="Intelligent-Tiering", Overwrite=True)
    _print_done(name, document, apply=apply)


def _warn(stack: Stack, clients: Collection[str]) -> None:
    """Name ``clients`` without an API key; nothing before the first deployment."""
    try:
        table = stack.output("StateTableName")
    except ValueError:
        return
    keys = ApiKeys(client("dynamodb", timeout=command.SECONDS), table)
    for name in sorted(set(clients) - {key.client for key in keys.all()}):
        print(f"no API key belongs to {name}: check the name", file=sys.stderr)


def _print_done(name: str, value: str, *, apply: bool) -> None:
    print(
        f"{name} is now: {value}" if apply else f"{name} would be: {value}; run it again with --apply", file=sys.stderr
    )


def _show_countries(used: Mapping[str, int], today: int) -> None:
    for country, first in sorted(used.items()):
        known = _EPOCH + timedelta(days=first + KNOWN_AFTER)
        state = f"new until {known}" if today - first < KNOWN_AFTER else "known"
        print(f"{country}  first used {_EPOCH + timedelta(days=first)}  {state}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make limits", description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    show, put, approve, countries, off = map(commands.add_parser, ("show", "set", "approve", "countries", "off"))
    put.add_argument("file", help="a JSON file in UTF-8")
    for each in (approve, countries):
        each.add_argument("client", type=command.text)
    approve.add_argument("country", help="ISO 3166 code")
    for window in ("hour", "day"):
        approve.add_argument(f"--{window}", type=command.within(int, 0, 1e9), metavar="N", help="messages at most")
    command.add_stack(parser, show, put, approve, countries, off)
    for each in (put, approve, off):
        each.add_argument("--apply", action="store_true", help="write; without it, only check and print")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make senders`: show or set the sender of each country, in the parameter store."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ops import command, region
from ops.stack import Stack, parameter
from sms_tracker.aws.clients import client
from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.operator_rules import EVERY_COUNTRY
from sms_tracker.services.policy import Senders, read_senders

_EPILOG = """
  show                    the senders that are set, as JSON
  set FILE --apply        replace them by those of a file; without --apply, only check it and print the changes

The file is JSON: for each provider an object from country (ISO 3166) to sender, with * for all other countries:

  {"PROVIDER": {"US": "+15551234567", "*": "MyShop"}}

Where it has no sender, the parameter of the provider's default sender counts. A message that names one keeps it.
{} removes all. Functions read a change within six minutes.
"""


def main(arguments: Sequence[str], stack: Callable[[str], Stack] = Stack) -> int:
    """Run the command; standard output receives the senders or the changes."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.command == "set") is not bool(options.file):
        parser.error("set needs a file" if options.command == "set" else "show takes no file")
    return command.run(lambda: _run(options, stack(options.stack)))


def _run(options: argparse.Namespace, stack: Stack) -> int:
    region.use(options.stack)
    ssm = client("ssm", timeout=command.SECONDS)
    name = f"/{stack.name}/senders"
    stored = parameter(ssm, name) or "{}"
    if options.command == "show":
        print(stored)
        return 0
    new = read_senders(Path(options.file).read_text("utf-8"))
    old = _old(stored)
    for warning in _warnings(new, stack):
        print(f"warning: {warning}", file=sys.stderr)
    print("".join(f"{change}\n" for change in _changes(old, new)) or "no change\n", end="")
    if options.apply:
        text = json.dumps(new, indent=1, sort_keys=True)
        ssm.put_parameter(Name=name, Value=text, Type="String", Tier="Intelligent-Tiering", Overwrite=True)
    print(f"wrote {name}" if options.apply else "nothing was changed; run it again with --apply", file=sys.stderr)
    return 0


def _old(stored: str) -> Senders:
    """The stored senders; none, with a warning, if they are malformed, so that ``set`` can replace them."""
    try:
        return read_senders(stored)
    except Misconfigured as error:
        print(f"warning: stored {error}", file=sys.stderr)
        return {}


def _warnings(senders: Senders, stack: Stack) -> Iterator[str]:
    """Senders without effect in the present deployment; empty before the first."""
    if (config := stack.sending) is None:
        return
    for provider in sorted(senders.keys() - set(config.providers)):
        yield f"{provider} is not enabled (Providers)"
    allowed = config.allowed_countries.countries
    listed = {code for countries in senders.values() for code in countries} - {EVERY_COUNTRY}
    if allowed is not None and (closed := sorted(listed - allowed)):
        yield f"not sent to (AllowedCountries): {', '.join(closed)}"


def _changes(old: Senders, new: Senders) -> Iterator[str]:
    before, after = (
        {(provider, code): sender for provider, codes in each.items() for code, sender in codes.items()}
        for each in (old, new)
    )
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield f"{' '.join(key)}: {before.get(key, '-')} -> {after.get(key, '-')}"


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("senders", __doc__, _EPILOG)
    parser.add_argument("command", nargs="?", default="show", choices=["show", "set"], help="default: show")
    parser.add_argument("file", nargs="?", help="set: a JSON file")
    parser.add_argument("--apply", action="store_true", help="set: write; without it, only check the file")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

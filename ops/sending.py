"""`make stop`, `make start`: stop the sending of one client or of all, start it again, show what is stopped."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ops import command, region
from ops.api_keys import ApiKeys
from ops.stack import Stack
from sms_tracker.aws.clients import client
from sms_tracker.aws.limits import SendingStopStore
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.operator_rules import EVERY_CLIENT, Action, Instruction, SendingStops
from sms_tracker.domain.report import timestamp

_MOST = {"client": 64, "by": 64, "why": 200}
"""Characters of each text."""
_ROUNDS = 8
"""Tries; another operator's write at the same time wins over one."""
_EPILOG = """
  stop --client shop --by ann --why "leaked key"     hand over no message of this client
  stop --all --by ann --why "toll fraud"             hand over no message at all
  start --client shop --by ann --why "key revoked"   send again; `start --all` leaves each client's own stop in force
  stop --list                                        what is stopped, and the latest instructions

Every environment follows within 60 seconds. Clients get 503 with --why; reads, webhooks and reports go on.
"""


def main(
    arguments: Sequence[str],
    stack: Callable[[str], Stack] = Stack,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    options = _options(arguments)
    return command.run(lambda: _run(options, stack, now()))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name) for name in ("client", "by", "why")}
    if options.list:
        if any(given.values()):
            parser.error("--list takes none of --client, --all, --by, --why")
    elif missing := [f"--{name}" for name, value in given.items() if value is None]:
        parser.error(f"{options.command} needs {', '.join(missing).replace('--client', '--client or --all')}")
    return options


def _run(options: argparse.Namespace, stack: Callable[[str], Stack], now: datetime) -> int:
    region.use(options.stack)
    deployed = stack(options.stack)
    store = deployed.sending_stops
    if options.list:
        _show(store.read(consistent=True))
        return 0
    instruction = Instruction(
        action=Action(options.command), client=options.client, by=options.by, reason=options.why, at=timestamp(now)
    )
    stops = record(store, instruction)
    print(f"recorded; every environment follows within 60 s: {_line(instruction)}", file=sys.stderr)
    _show(stops)
    keys = ApiKeys(client("dynamodb", timeout=command.SECONDS), deployed.output("StateTableName"))
    if options.client not in {EVERY_CLIENT, *(key.client for key in keys.all())}:
        print(f"no API key belongs to {options.client}: check the name", file=sys.stderr)
    return 0


def record(store: SendingStopStore, instruction: Instruction) -> SendingStops:
    """Store an instruction once and return the stops; raises ``Unavailable`` if other writes keep winning."""
    for _ in range(_ROUNDS):
        known = store.read(consistent=True)
        if instruction in known.log:  # an earlier try lost its reply
            return known
        following = known.after(instruction)
        if store.save(following):
            return following
    raise Unavailable("the stops are being changed by others")


def _show(stops: SendingStops) -> None:
    for stop in sorted(stops.stops.values(), key=lambda each: each.client):
        print(f"stopped: {_line(stop)}")
    if not stops.stops:
        print("nothing is stopped")
    for each in reversed(stops.log):
        print(f"  {_line(each)}")


def _line(each: Instruction) -> str:
    who = "all clients" if each.client == EVERY_CLIENT else each.client
    return f"{each.at} {each.action} {who} by {each.by}: {each.reason}"


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("stop", __doc__, _EPILOG)
    parser.add_argument("command", choices=[*Action])
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--client", type=_text("client"), help="the client's name, as `make api-key ARGS=list` shows it"
    )
    target.add_argument("--all", dest="client", action="store_const", const=EVERY_CLIENT, help="every client")
    parser.add_argument("--list", action="store_true", help="only show what is stopped")
    parser.add_argument("--by", type=_text("by"), help="who decided it, at most 64 characters")
    parser.add_argument("--why", type=_text("why"), help="the reason, which clients see; at most 200 characters")
    return parser


def _text(option: str) -> Callable[[str], str]:
    def line(given: str) -> str:
        text = command.text(given).strip()
        if len(text) > _MOST[option] or not text.isprintable():
            raise argparse.ArgumentTypeError(f"is not one line of at most {_MOST[option]} characters")
        return text

    return line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

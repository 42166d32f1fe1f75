"""`make repair`: put right what does not put itself right. Says what it would do; does it with --apply."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from ops import records
from ops.redrive import SOURCES, TARGETS, Redrive, waiting
from ops.republish import Unpublished, events, publish
from ops.stack import DEFAULT, Stack
from sms_tracker.aws.clients import client
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.indexes import Span
from sms_tracker.domain.ports import Refused, Written
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 1 also where a record was left out."""
    options = _parser().parse_args(arguments)
    stack = Stack(options.stack)
    try:
        for line in _COMMANDS[options.command](stack, options):
            print(line, flush=True)
    except (ValueError, LookupError, ClientError, BotoCoreError, SmsTrackerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for why in stack.damaged.values():
        print(f"left out: {why}", file=sys.stderr)
    if not options.apply and options.command != "stuck":
        print("nothing was changed; --apply does it", file=sys.stderr)
    return 1 if stack.damaged else 0


def _rebuild(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    for record in _chosen(stack, options):
        change = records.repair(record, now=timestamp(datetime.now(UTC)))
        if change is None or change.state is None:
            continue
        result = stack.store.change(record.message_id, change) if options.apply else None
        if isinstance(result, Written) and not change.state.status.final:
            stack.agenda.put_off(record.message_id, due=change.now)  # what was final was not on it
        outcome = "changed meanwhile, run it again" if isinstance(result, Refused) else "written" if result else "would"
        yield f"{record.message_id}: {record.state.status} -> {change.state.status} ({outcome})"


def _redrive(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    if options.queue == "publish-failed":
        yield from _redrive_unpublished(stack, options)
        return
    source, target = stack.output(SOURCES[options.queue]), stack.output(TARGETS[options.queue])
    redrive = Redrive(sqs=client("sqs"), source=source, target=target, rate=options.rate, limit=options.limit)
    held = waiting(redrive.sqs, source)
    yield f"about {held} in {options.queue}, to {TARGETS[options.queue].removesuffix('Url')}"
    for moved in redrive.run() if options.apply else ():
        yield f"{moved} of {min(held, options.limit)} moved"


def _redrive_unpublished(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    sqs, source = client("sqs"), stack.output("PublishFailedQueueUrl")
    held = waiting(sqs, source)
    yield f"about {held} in publish-failed, to the bus"
    if options.apply:
        again = Unpublished(sqs=sqs, source=source, messages=stack.store, bus=stack.bus, policy=stack.policy)
        yield from again.run(min(options.limit, held))


def _republish(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    made = events(_chosen(stack, options), stack.policy)
    yield f"{publish(made, stack.bus) if options.apply else sum(1 for _ in made)} events"


def _stuck(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    for record in _chosen(stack, options):
        why = records.stuck(record, now=datetime.now(UTC))
        if why:
            yield f"{record.message_id}  {record.created_at}  {record.state.provider}  {why}"


def _chosen(stack: Stack, options: argparse.Namespace) -> Iterable[Record]:
    if options.id:
        found = stack.store.get(options.id)
        if found is None:
            raise ValueError("no message has this id")
        return [found]
    if options.open:
        return records.opened(stack.search, stack.leave_out)
    now = datetime.now(UTC)
    since, until = options.since or now - timedelta(hours=72), options.until or now
    if since > until:
        raise ValueError("--from is after --to")
    return records.between(stack.search, Span(since=timestamp(since), until=timestamp(until)), stack.leave_out)


_COMMANDS = {"rebuild": _rebuild, "redrive": _redrive, "republish": _republish, "stuck": _stuck}


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stack", default=DEFAULT, help="name of the stack (default: %(default)s)")
    common.add_argument("--apply", action="store_true", help="do it; without, only say what would be done")
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument("--id", help="one message; before --open, which comes before a time")
    chosen.add_argument("--open", action="store_true", help="what the reconciler has on its agenda, whatever its age")
    chosen.add_argument("--from", dest="since", type=_moment, help="made at or after, RFC 3339 (default: 72 h ago)")
    chosen.add_argument("--to", dest="until", type=_moment, help="made at or before (default: now)")
    parser = argparse.ArgumentParser(prog="make repair", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("rebuild", parents=[common, chosen], help="set records to what their stored reports say")
    commands.add_parser("republish", parents=[common, chosen], help="publish the last event of messages again")
    commands.add_parser("stuck", parents=[common, chosen], help="list what waits for somebody, and why")
    redrive = commands.add_parser("redrive", parents=[common], help="move a queue's messages to where they belong")
    redrive.add_argument("queue", choices=[*SOURCES, "publish-failed"])
    redrive.add_argument("--rate", type=_positive, default=20.0, help="messages a second (default: %(default)s)")
    redrive.add_argument("--limit", type=int, default=100_000, help="at most so many (default: %(default)s)")
    return parser


def _positive(text: str) -> float:
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _moment(text: str) -> datetime:
    """RFC 3339; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("not a time like 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

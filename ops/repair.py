"""`make repair`: operators' repairs. Without --apply it only prints what would happen."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ops import command, records, region
from ops.queues import SOURCES, TARGETS, Redrive, waiting
from ops.republish import Unpublished, events, publish
from ops.stack import Stack
from sms_tracker.aws.clients import client
from sms_tracker.domain.indexes import Span
from sms_tracker.domain.ports import NotWritten
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp

_PROGRESS = 10_000
"""Messages read between two progress lines."""
_FIRST_YEAR = 2000
_LONGEST = timedelta(days=3660)
"""Records are kept for ten years at most."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; a skipped record is also exit code 1."""
    options = _parser().parse_args(arguments)
    return command.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    region.use(options.stack)
    stack = Stack(options.stack)
    for line in _COMMANDS[options.command](stack, options):
        print(line, flush=True)
    for why in stack.unreadable.values():
        print(f"skipped: {why}", file=sys.stderr)
    if options.command != "stuck" and not options.apply:
        print("nothing was changed; run it again with --apply (APPLY=1)", file=sys.stderr)
    return 1 if stack.unreadable else 0


def _rebuild(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    count = Counter[str]()
    for record in _chosen(stack, options, count):
        change = records.repair(record, now=timestamp(datetime.now(UTC)))
        if change is None or change.state is None:
            continue
        if options.apply and isinstance(stack.store.change(record.message_id, change), NotWritten):
            stack.unreadable[record.message_id] = f"{record.message_id} changed during the run; run it again"
            continue
        if options.apply and not change.state.status.final:
            stack.reconcile_state.put_off(record.message_id, due=change.now)  # final messages are not tracked
        count["changed"] += 1
        outcome = "written" if options.apply else "would be written"
        yield f"{record.message_id}: {record.state.status} -> {change.state.status} ({outcome})"
    yield _summary(count, "rebuilt", apply=options.apply, none="nothing to rebuild")


def _redrive(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    if options.queue == "publish-failed":
        yield from _redrive_unpublished(stack, options)
        return
    source, target = stack.output(SOURCES[options.queue]), stack.output(TARGETS[options.queue])
    sqs = client("sqs", timeout=command.SECONDS)
    redrive = Redrive(sqs=sqs, source=source, target=target, rate=options.rate, limit=options.limit)
    held, to = waiting(redrive.sqs, source), TARGETS[options.queue].removesuffix("Url")
    yield _held(held, options, to)
    if not options.apply or not held:
        return
    moved = 0
    for moved in redrive.run():
        yield f"{moved} of {min(held, options.limit)} moved"
    yield _moved(moved, min(held, options.limit) - moved, f"moved to {to}")


def _redrive_unpublished(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    sqs, source = client("sqs", timeout=command.SECONDS), stack.output("PublishFailedQueueUrl")
    held = waiting(sqs, source)
    yield _held(held, options, "the bus")
    if not options.apply or not held:
        return
    again, over = Unpublished(sqs=sqs, source=source, messages=stack.store, bus=stack.bus, policy=stack.policy), 0
    for done, line in again.run(min(options.limit, held)):
        over += done
        yield line
        time.sleep(1 / options.rate)
    yield _moved(over, min(held, options.limit) - over, "published or without event")


def _held(held: int, options: argparse.Namespace, to: str) -> str:
    if not held:
        return f"nothing to move: {options.queue} shows no messages"
    allowed = min(held, options.limit)
    doing = "moving" if options.apply else "would move"
    return f"about {held} in {options.queue}: {doing} {allowed} to {to}, at most {options.rate:g} a second"


def _moved(moved: int, left: int, what: str) -> str:
    return f"{moved} {what}" + (f", {left} left: see above, or run it again" if left > 0 else "")


def _republish(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    count = Counter[str]()
    made = events(_chosen(stack, options, count), stack.policy)
    if options.apply:
        for published in publish(made, stack.bus):
            count["changed"] = published
            yield f"{published} published"
    else:
        count["changed"] = sum(1 for _ in made)
    none = f"nothing to publish; the policy publishes {', '.join(sorted(stack.policy.statuses))}"
    yield _summary(count, "published again", apply=options.apply, none=none)


def _stuck(stack: Stack, options: argparse.Namespace) -> Iterator[str]:
    count = Counter[str]()
    for record in _chosen(stack, options, count):
        why = records.stuck(record, now=datetime.now(UTC))
        if why:
            count["changed"] += 1
            yield f"{record.message_id}  {record.created_at}  {record.state.provider}  {why}"
    yield _summary(count, "stuck", apply=True, none="none is stuck")


def _summary(count: Counter[str], done: str, *, apply: bool, none: str) -> str:
    """The last line: how many messages were read and how many were, or would be, changed."""
    changed = f"{count['changed']} {done if apply else f'would be {done}'}" if count["changed"] else none
    return f"messages read: {count['read']}; {changed}"


def _chosen(stack: Stack, options: argparse.Namespace, count: Counter[str]) -> Iterator[Record]:
    """The messages selected by the options; counts them, and prints progress on standard error."""
    for record in _found(stack, options):
        count["read"] += 1
        if count["read"] % _PROGRESS == 0:
            print(f"messages read: {count['read']}", file=sys.stderr, flush=True)
        yield record


def _found(stack: Stack, options: argparse.Namespace) -> Iterable[Record]:
    if sum((options.id is not None, options.open, bool(options.since or options.until))) > 1:
        raise ValueError("--id, --open and --from/--to exclude each other")
    if options.id:
        found = stack.store.get(options.id)
        if found is None:
            raise ValueError(f"no message has the id {options.id}")
        return [found]
    if options.open:
        return records.open_records(stack.search, stack.skip)
    return records.created_between(stack.search, _span(options.since, options.until, datetime.now(UTC)), stack.skip)


def _span(since: datetime | None, until: datetime | None, now: datetime) -> Span:
    """By default the last 72 hours; raises ``ValueError`` for an impossible span."""
    until = min(until or now, now)
    since = since or until - timedelta(hours=72)
    if since > until:
        raise ValueError(f"--from {timestamp(since)} is after --to {timestamp(until)}, which is capped at now")
    if until - since > _LONGEST:
        raise ValueError(f"--from {since:%Y-%m-%d} to {until:%Y-%m-%d} exceeds the longest retention, ten years")
    return Span(since=timestamp(since), until=timestamp(until))


_COMMANDS = {"rebuild": _rebuild, "redrive": _redrive, "republish": _republish, "stuck": _stuck}


def _parser() -> argparse.ArgumentParser:
    applied = argparse.ArgumentParser(add_help=False)
    applied.add_argument("--apply", action="store_true", help="make the changes; without it, only print them")
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument("--id", type=_message_id, help="only this message")
    chosen.add_argument("--open", action="store_true", help="the messages that the reconciler tracks, of any age")
    chosen.add_argument(
        "--from", dest="since", type=_moment, help="created at or after, RFC 3339 (default: 72 h before --to)"
    )
    chosen.add_argument("--to", dest="until", type=_moment, help="created at or before (default: now)")
    parser = argparse.ArgumentParser(prog="make repair", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, described in _DESCRIBED.items():
        parents = [*([] if name == "stuck" else [applied]), *([] if name == "redrive" else [chosen])]
        commands.add_parser(name, parents=parents, help=described.partition(".")[0], description=described)
    command.add_stack(parser, *commands.choices.values())
    redrive = commands.choices["redrive"]
    redrive.add_argument("queue", choices=[*SOURCES, "publish-failed"], help="the queue to empty")
    redrive.add_argument(
        "--rate",
        type=command.within(float, 0.01, 10_000),
        default=20.0,
        help="messages a second (default: %(default)s)",
    )
    redrive.add_argument(
        "--limit",
        type=command.within(int, 1, 10**9),
        default=100_000,
        help="maximum number of messages (default: %(default)s)",
    )
    return parser


_DESCRIBED = {
    "rebuild": """Rebuild records from their stored reports. Prints each record that differs. Each write depends on the
        version that was read, so it is safe while reports arrive.""",
    "republish": """Publish the last event of messages again. Consumers identify an event by message and version.
        Statuses that are not published produce no event.""",
    "stuck": """List messages that need an operator, with the reason. Changes nothing. A message is listed while its
        answer is unknown, when it was released, open for an hour, or when its timeline is full.""",
    "redrive": """Move a queue's messages to their target. Each is received, sent, then deleted, so an interrupted run
        loses none. Messages of publish-failed are published from the table; those without a record stay.""",
}


def _message_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a message id") from None


def _moment(text: str) -> datetime:
    moment = command.moment(text)
    if moment.year < _FIRST_YEAR:
        raise argparse.ArgumentTypeError(f"{text!r} is before the first possible message")
    return moment


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make forget`: erase one person's data from records and queues. Without --apply it only prints what would happen."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from ops import command, region
from ops.erasure import Eraser, waits
from ops.queue_scan import QUEUES, REDRIVE_FIRST, QueueScan
from ops.records import sent_to
from ops.stack import Stack
from sms_tracker.aws.clients import client
from sms_tracker.domain.spelling import spellings
from sms_tracker.services.numbers import e164

_FORGOTTEN = "forgotten"
_EPILOG = """
Backups of the last 35 days (point-in-time recovery), the table's stream of the last 24 hours and the provider's own
records still hold the data: docs/operations.md, "Forgetting a person". Safe to repeat and to interrupt.
"""


def main(arguments: Sequence[str], stack: Callable[[str], Stack] = Stack, *, wait: int = 1) -> int:
    """Returns the exit code; 1 also if a record has to wait. ``wait``: see ``QueueScan``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    advice = "; completed steps stay; run it again" if options.apply else ""
    return command.run(lambda: _run(parser, options, stack, wait=wait), advice=advice)


def _run(
    parser: argparse.ArgumentParser, options: argparse.Namespace, stack: Callable[[str], Stack], *, wait: int
) -> int:
    # A number with + is parsed before any call to AWS; a national format needs the deployment's countries.
    number = _number(parser, options.to, None) if "+" in options.to else None
    region.use(options.stack)
    deployed = stack(options.stack)
    left = 0
    number = number or _number(parser, options.to, deployed.countries)
    for line, done in _forget(deployed, number, apply=options.apply, wait=wait):
        left += not done
        print(line, flush=True)
    if not options.apply:
        print("nothing was changed; run it again with --apply (APPLY=1)", file=sys.stderr)
        return 0
    if left:
        print(f"{left} have to wait: run it again later", file=sys.stderr)
    return 1 if left else 0


def _forget(stack: Stack, number: str, *, apply: bool, wait: int) -> Iterator[tuple[str, bool]]:
    """A line for each item, and whether it is done."""
    eraser, sqs = Eraser(client("dynamodb"), stack.output("MessagesTableName")), client("sqs", timeout=20)
    counted = Counter[str]()
    for record in sent_to(stack.search, number, stack.leave_out):
        now = datetime.now(UTC)
        outcome = eraser.forget(record, now=now) if apply else waits(record, now=now) or _FORGOTTEN
        counted["records"] += 1
        counted["left"] += outcome != _FORGOTTEN
        ids = " ".join(record.state.ids.values()) or "-"
        shown = outcome if apply or outcome != _FORGOTTEN else "would be forgotten"
        yield f"{record.message_id}  {record.client}  {record.state.provider} {ids}  {shown}", outcome == _FORGOTTEN
    for why in stack.unreadable.values():
        counted["left"] += 1
        yield f"{why}: skipped; repair or delete it", False
    yield from _forget_replies(stack, number, apply=apply)
    for name, output in QUEUES.items():
        scan = QueueScan(sqs=sqs, queue=stack.output(output), number=number, wait=wait)
        found = scan.run(apply=apply)
        advice = " (consider a redrive first: make repair)" if found and not apply and name in REDRIVE_FIRST else ""
        yield f"queue {name}: {found} {'deleted' if apply else 'would be deleted'}{advice}", True
    yield f"{counted['records']} records, {counted['left']} left", True
    if stack.policy.personal_data:
        yield "events contain the number (EventPersonalData): the archive and the consumers keep them", True


def _forget_replies(stack: Stack, number: str, *, apply: bool) -> Iterator[tuple[str, bool]]:
    """Events that wait in the outbox are deleted. Opt-outs lose the number and stay, because their key is a hash."""
    verb = "" if apply else "would be "
    keys = [key for each in spellings(number) for key in stack.outbox.holding(each)]
    for key in keys if apply else ():
        stack.outbox.delete(key)
    yield f"outbox: {len(keys)} {verb}deleted", True
    known = [each.recipient for each in stack.opt_outs.all() if each.recipient.number in spellings(number)]
    for recipient in known if apply else ():
        stack.opt_outs.forget(recipient)
    yield f"opt-outs: {len(known)} {verb}kept without the number", True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make forget", description=__doc__, epilog=_EPILOG)
    parser.add_argument("--to", required=True, help="the phone number, as in POST /messages")
    command.add_stack(parser)
    parser.add_argument("--apply", action="store_true", help="erase the data; without it, only print what would happen")
    return parser


def _number(parser: argparse.ArgumentParser, given: str, countries: frozenset[str] | None) -> str:
    try:
        return e164(given, countries)
    except ValueError as error:
        parser.error(f"argument --to: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

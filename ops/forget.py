"""`make forget`: erase one person's data from records and queues. Without --apply it only prints what would happen."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops import command, region
from ops.queues import QUEUES, REDRIVE_FIRST, QueueScan
from ops.records import sent_to
from ops.stack import Stack
from sms_tracker.aws.api import Item, marshal
from sms_tracker.aws.clients import client
from sms_tracker.aws.items import record_of
from sms_tracker.aws.updates import Update
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import spellings
from sms_tracker.services.numbers import e164

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_FORGOTTEN = "forgotten"
_COMPARED = timedelta(days=8)
"""How long the search for a lost answer may still compare the message."""
_TRIES = 5
_EPILOG = """
Backups of the last 35 days (point-in-time recovery), the table's stream of the last 24 hours and the provider's own
records still hold the data: docs/operations.md, "Forgetting a person". Safe to repeat and to interrupt.
"""


def main(arguments: Sequence[str], stack: Callable[[str], Stack] = Stack, *, wait: int = 1) -> int:
    """Run the command; a record that has to wait is also exit code 1. ``wait``: see ``QueueScan``."""
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
    for record in sent_to(stack.search, number, stack.skip):
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


def waits(record: Record, *, now: datetime) -> str | None:
    """The reason why a record cannot be erased yet (ADR 12); None if it can."""
    if not record.state.status.final:
        return f"open ({record.state.status}): reports and look-ups still need its number"
    lost = record.send.phase is SendPhase.CLAIMED or record.resend_if_lost
    named = all(attempt in record.state.ids for attempt in range(1, record.send.attempt + 1))
    ended = datetime.fromisoformat(record.created_at) + _COMPARED
    if lost and not named and now < ended:
        return f"its answer was lost: another message may be compared with it until {ended:%Y-%m-%d}"
    return None


@dataclass(frozen=True, slots=True)
class Eraser:
    """Removes every personal field from a record; sender, kind, times and statuses stay."""

    dynamodb: DynamoDBClient
    table: str

    def forget(self, record: Record, *, now: datetime) -> str:
        """``forgotten``, or the reason against it, by the record's current state: reports may still arrive."""
        current: Record | None = record
        for _ in range(_TRIES):
            if current is None or not current.to:
                return _FORGOTTEN  # deleted by its retention, or erased by another run
            if why := waits(current, now=now):
                return why
            try:
                self.dynamodb.update_item(
                    TableName=self.table, Key=_key(current), **_without_person(current).arguments()
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                current = self._read(current)
            else:
                return _FORGOTTEN
        return "changed too often; run it again"

    def _read(self, record: Record) -> Record | None:
        answer = self.dynamodb.get_item(TableName=self.table, Key=_key(record), ConsistentRead=True)
        return record_of(answer["Item"]) if "Item" in answer else None


def _without_person(record: Record) -> Update:
    """One write, conditional on the status and timeline that were read; it changes neither status nor ``version``."""
    update = Update()
    update.require(f"{update.path('final')} = {update.value(True)}")  # noqa: FBT003  # a value
    update.require(f"{update.path('version')} = {update.value(record.version)}")
    update.require(f"size({update.path('reports')}) = {update.value(len(record.reports))}")
    for name in ("to", "body", "text", "reference", "client_reference"):
        update.set(None, name)
    if record.state.failure is not None:
        update.set(None, "failure", "message")
    for fingerprint in record.reports:
        update.set(None, "reports", fingerprint, "text")
        update.set(None, "reports", fingerprint, "fields")
    return update


def _key(record: Record) -> Item:
    return marshal({"message_id": record.message_id})


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("forget", __doc__, _EPILOG)
    parser.add_argument("--to", required=True, help="the phone number, as in POST /messages")
    parser.add_argument("--apply", action="store_true", help="erase the data; without it, only print what would happen")
    return parser


def _number(parser: argparse.ArgumentParser, given: str, countries: frozenset[str] | None) -> str:
    try:
        return e164(given, countries)
    except ValueError as error:
        parser.error(f"argument --to: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

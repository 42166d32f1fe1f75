"""`make opt-outs`: export the blocked recipients as CSV, list a provider's blocks as CSV, and import such a list."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ops import command, region
from ops.registered import Account, call_provider
from ops.stack import Stack
from sms_tracker import providers
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.opt_out import Kind, Recipient, Statement, StoredOptOut, opt_out_scope
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.domain.report import parse_time, timestamp
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.services.numbers import e164
from sms_tracker.services.opt_out_api import known_sender
from sms_tracker.services.opt_outs import OptOutRegister
from sms_tracker.services.validation import known_provider

COLUMNS = ("to", "scope", "cause", "at", "source", "reason")
_READ = frozenset({*COLUMNS, "provider", "from", "client"})
_IMPORTED = (Kind.ADDED, Kind.STOP, Kind.STOP_MARKETING, Kind.REFUSED)
SOURCES = {name: source for name in providers.names() if (source := providers.opt_outs(name))}
_STEP, _SHOWN = 500, 20
_FORMULA = ("=", "+", "-", "@")
"""How a cell begins that a spreadsheet runs (CWE-1236). A client's reason gets an apostrophe before it."""
_EPILOG = """
  export                  CSV with the columns to, scope, cause, at, source, reason; one line for each block
  list PROVIDER           the same of the blocks that a provider keeps, with the columns provider and from for scope
  import FILE --apply     the same columns. `to` is required; cause defaults to added, at to now. Instead of
                          scope the columns provider and from, or client, name what OptOutScope needs.

A line may come twice, and an import may be repeated: nothing is stored twice. A wrong line stops the import before it
starts. A forgotten number is not exported: only its hash is left, and it stays blocked.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an import."""

    recipient: Recipient
    statement: Statement


def main(
    arguments: Sequence[str],
    stack: Callable[[str], Stack] = Stack,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Run the command; standard output receives only the export."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "import" and options.file is None:
        parser.error("import needs a file")
    if options.command == "export" and options.file is not None:
        parser.error(f"export writes to standard output: leave out {options.file}, or put > before it")
    if options.command == "list" and options.file not in SOURCES:
        parser.error(f"list needs a provider: {', '.join(SOURCES)}")
    advice = "; what was written stays, and a repeat is harmless" if options.apply else ""
    return command.run(lambda: _run(options, stack, now()), advice=advice)


def _run(options: argparse.Namespace, stack: Callable[[str], Stack], now: datetime) -> int:
    region.use(options.stack)
    deployed = stack(options.stack)
    if options.command == "export":
        return _export(deployed.opt_outs.all(), now)
    if options.command == "list":
        return _list(Account(deployed, options.file))
    with Path(options.file).open(newline="", encoding="utf-8-sig") as file:
        lines = csv.DictReader(file, strict=True)  # an open quote would take in the lines after it
        try:
            lines.fieldnames = [name.strip().lower() for name in lines.fieldnames or ()]
            if "to" not in lines.fieldnames:
                raise ValueError("the first line has no column to; columns are separated by commas")
            if ignored := sorted({*filter(None, lines.fieldnames)} - _READ):
                print(f"warning: ignored columns: {', '.join(ignored)}", file=sys.stderr)
            rows, wrong = read(lines, deployed.opt_out_scope, now, deployed.countries)
        except csv.Error as error:
            raise ValueError(f"line {lines.line_num + 1}: {error}: check its quotes; nothing was written") from None
    if wrong:
        more = f"error: and {len(wrong) - _SHOWN} more lines\n" if len(wrong) > _SHOWN else ""
        print("".join(f"error: {each}\n" for each in wrong[:_SHOWN]) + more + "Nothing was written.", file=sys.stderr)
        return 2
    if not options.apply:
        print(f"would state {len(rows)} opt-outs; run it again with --apply", file=sys.stderr)
        return 0
    register = OptOutRegister(opt_outs=deployed.opt_outs, clock=lambda: now)
    for count, row in enumerate(rows, start=1):
        register.add(row.recipient, [row.statement])
        if count % _STEP == 0:
            print(f"{count} of {len(rows)}", file=sys.stderr, flush=True)
    print(f"stated {len(rows)} opt-outs", file=sys.stderr)
    return 0


def _export(found: Iterable[StoredOptOut], now: datetime) -> int:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    forgotten = 0
    for each in found:
        block = each.opt_out.blocked_by(now)
        forgotten += block is not None and not each.recipient.number
        if block is not None and each.recipient.number:
            known = each.recipient
            reason = f"'{block.reason}" if block.reason.startswith(_FORMULA) else block.reason
            writer.writerow([known.number, known.scope, block.kind, block.at, block.source, reason])
    if forgotten:
        print(f"{forgotten} forgotten numbers stay blocked and are not listed", file=sys.stderr)
    return 0


def _list(account: Account) -> int:
    """A provider's blocks as CSV, for an import. With opt-outs by client, that column has to be added."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("to", "provider", "from", "cause", "at", "source"))
    source, page = SOURCES[account.provider], None
    while True:
        request = source.blocks_request(credentials=account.document, page=page)
        listed = source.blocks_outcome(call_provider(request))
        if isinstance(listed, LookupFailed):
            raise Unavailable(f"{account.provider}: {listed.reason}")
        for each in listed.found:
            writer.writerow([each.person, account.provider, each.number, each.kind, each.at, account.provider])
        if (page := listed.next_page) is None:
            return 0


def read(
    lines: csv.DictReader[str], mode: ScopeMode, now: datetime, countries: frozenset[str] | None = None
) -> tuple[list[Row], list[str]]:
    """The rows of an import, and a sentence with the line number, but no phone number, for each wrong line."""
    rows, wrong = [], []
    for line in lines:
        given = {name: (value or "").strip() for name, value in line.items() if name}  # None: surplus cells
        if not any(given.values()):  # a spreadsheet writes its empty rows too
            continue
        try:
            rows.append(Row(_recipient(given, mode, countries), _statement(given, now)))
        except ValueError as error:
            wrong.append(f"line {lines.line_num}: {error}")  # enumerate would leave out blank lines
    return rows, wrong


def _recipient(given: Mapping[str, str], mode: ScopeMode, countries: frozenset[str] | None) -> Recipient:
    if not given.get("to"):
        raise ValueError("to is missing")
    try:
        number = e164(given["to"], countries)
    except ValueError as error:
        raise ValueError(f"to {error}") from None
    named = {"provider": given.get("provider", ""), "sender": given.get("from", ""), "client": given.get("client", "")}
    needed = {ScopeMode.SENDER: ("provider", "sender"), ScopeMode.CLIENT: ("client",)}.get(mode, ())
    prefix = {ScopeMode.SENDER: "sender:", ScopeMode.CLIENT: "client:"}.get(mode, "all")
    if known := given.get("scope"):
        if not known.startswith(prefix):
            raise ValueError(f"scope is none of OptOutScope={mode}")
        return Recipient(scope=known, number=number)
    if missing := [{"sender": "from"}.get(name, name) for name in needed if not named[name]]:
        raise ValueError(f"scope or {' and '.join(missing)} is missing")
    if mode is ScopeMode.SENDER:
        named["sender"] = _sender(named["provider"], named["sender"])
    return Recipient(scope=opt_out_scope(mode, **named), number=number)


def _sender(provider: str, sender: str) -> str:
    """The sender as the provider takes it; a spreadsheet drops the plus of a number."""
    try:
        known_provider(provider)
    except ValueError as error:
        raise ValueError(f"provider {error}") from None
    try:
        return known_sender(sender, provider)
    except ValueError as error:
        raise ValueError(f"from {error}") from None


def _statement(given: Mapping[str, str], now: datetime) -> Statement:
    cause = given.get("cause") or Kind.ADDED
    if cause not in _IMPORTED:
        raise ValueError(f"cause is {' or '.join(_IMPORTED)}")
    try:
        at = parse_time(given["at"]) if given.get("at") else now
    except ValueError:
        raise ValueError("at is no RFC 3339 time, such as 2026-01-31T12:00:00Z") from None
    if at > now:
        raise ValueError("at is in the future")
    source, reason = given.get("source") or "import", given.get("reason", "")
    if reason.startswith(tuple(f"'{first}" for first in _FORMULA)):
        reason = reason[1:]
    return Statement(kind=Kind(cause), at=timestamp(at), source=source, reason=reason)


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("opt-outs", __doc__, _EPILOG)
    parser.add_argument("command", choices=["export", "list", "import"])
    parser.add_argument("file", nargs="?", help="import: a CSV file in UTF-8 with a header; list: a provider")
    parser.add_argument("--apply", action="store_true", help="import: write; without it, only check the file")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""One message's life, counted: AWS calls, request bytes, write and read units, item bytes, log bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bench.case import Outcome, Plan
from bench.code import build
from bench.database import MESSAGES, Charge
from bench.sampling import Progress
from bench.service import WORDS, Invocation, Service, service
from bench.table import Table
from bench.units import item_size

FAILED = (*WORDS[:-1], "undelivered")
_COLUMNS = ("step", "AWS calls", "request bytes", "units, item", "units, indexes", "read units", "item bytes", "log bytes")


def counted(_: Plan, progress: Progress) -> Outcome:
    """Every step of a message, ours and the baseline's; and whole messages of several kinds."""
    progress("building")
    code = build(compiled=True)
    tables, figures = [], {}
    progress("a message's life through our functions")
    with service(code, names=("send", "webhook", "processor", "publisher")) as ours:
        life(ours, WORDS)  # the first reads the settings
        steps = life(ours, WORDS)
        tables.append(Table(title="One message, three reports in order, step by step", columns=_COLUMNS, rows=_rows(steps)))
        figures |= _figures("counted", steps) | _logs(steps)
        kinds = [("three reports in order", steps), *_kinds(ours, progress)]
        figures |= _figures("failed", dict(kinds)["... and it failed"])
        figures |= _published(ours, dict(kinds)["... and it failed"])
        figures["metrics"] = len(set(_metrics(each.logged for each in ours.invocations)))
        figures["queued.bytes"] = max(len(c.body["MessageBody"]) for i in steps for c in i.calls if c.operation == "SendMessage")
    progress("the same through the baseline")
    with service(code, baseline=True) as plain:
        life(plain, WORDS)
        plain_steps = life(plain, WORDS)
        figures |= _figures("baseline", plain_steps) | _logs(plain_steps, "baseline ")
        kinds.append(("baseline, three reports in order", plain_steps))
    tables.append(Table(title="Whole messages", columns=("message", *_COLUMNS[1:]), rows=[_whole(*kind) for kind in kinds]))
    return Outcome(tuple(tables), figures)


def _kinds(ours: Service, progress: Progress) -> Iterator[tuple[str, list[Invocation]]]:
    progress("messages of other kinds")
    yield "two reports in order", life(ours, WORDS[1:])
    yield "... without a reference", life(ours, WORDS, reference=None)
    yield "... the last two in one batch", life(ours, WORDS, batches=((0,), (1, 2)))
    yield "... all three in one batch", life(ours, WORDS, batches=((0, 1, 2),))
    yield "... the last two the wrong way round", life(ours, WORDS, batches=((0,), (2,), (1,)))
    yield "... and it failed", life(ours, FAILED)


def life(
    one: Service, words: Sequence[str], *, reference: str | None = "order-424242", batches: Sequence[Sequence[int]] = ()
) -> list[Invocation]:
    """Send one message and let its reports come, each in a batch of its own or in ``batches`` of their places."""
    start = len(one.invocations)
    message_id = one.send(reference)
    failed = {"ErrorCode": "30003", "ErrorMessage": "Unreachable destination handset"}
    queued = [one.callback(message_id, word, **(failed if word == "undelivered" else {})) for word in words]
    for batch in batches or [(number,) for number in range(len(words))]:
        one.process([queued[number] for number in batch])
    return one.invocations[start:]


def _written(done: Invocation) -> list[Charge]:
    return [charge for charge in done.charges if charge.table == MESSAGES]


def _amounts(steps: Sequence[Invocation]) -> list[float | int]:
    charges = [charge for step in steps for charge in _written(step)]
    sizes = [item_size(charge.after) for charge in charges if charge.after]
    calls = [call for step in steps for call in step.calls if call.service != "provider"]
    return [
        len(calls),
        sum(call.body_bytes for call in calls),
        sum(charge.item_units for charge in charges),
        sum(charge.index_units for charge in charges),
        sum(charge.read_units for charge in charges),
        max(sizes, default=0),
        sum(len(step.logged.encode()) for step in steps),
    ]


def _rows(steps: Sequence[Invocation]) -> list[list[str | float | int]]:
    rows = [[step.function, *_amounts([step])] for step in steps]
    return [*rows, ["together", *_amounts(steps)]]


def _whole(name: str, steps: Sequence[Invocation]) -> list[str | float | int]:
    return [name, *_amounts(steps)]


def _figures(name: str, steps: Sequence[Invocation]) -> dict[str, float]:
    calls, sent, item, indexes, reads, size, _ = _amounts(steps)
    told = {"calls": calls, "bytes": sent, "item_units": item, "index_units": indexes, "read_units": reads, "size": size}
    return {f"{name}.{key}": value for key, value in told.items()}


def _logs(steps: Sequence[Invocation], prefix: str = "") -> dict[str, float]:
    """Bytes of log an invocation, its widest of this life."""
    sizes: dict[str, float] = {}
    for step in steps:
        key = f"log.{prefix}{step.function}"
        sizes[key] = max(sizes.get(key, 0), len(step.logged.encode()))
    return sizes


def _published(ours: Service, steps: Sequence[Invocation]) -> dict[str, float]:
    """The publisher on each change of a failed message by itself: what it puts on the bus and writes to its log."""
    changes = [charge for step in steps for charge in _written(step) if not charge.refused]
    done = [ours.invoke("publisher", stream_event([change])) for change in changes]
    put = [call for each in done for call in each.calls if call.operation == "PutEvents"]
    entries = [entry for call in put for entry in call.body["Entries"]]
    return {
        "failed.events": len(entries),
        "event.bytes": max(len(json.dumps(entry)) for entry in entries),
        "log.publisher": max(len(each.logged.encode()) for each in done),
    }


def stream_event(charges: Sequence[Charge]) -> dict[str, Any]:
    """Changes as the table's stream hands them over."""
    return {"Records": [_record(number, charge) for number, charge in enumerate(charges)]}


def _record(number: int, charge: Charge) -> dict[str, Any]:
    images = {"NewImage": charge.after, **({"OldImage": charge.before} if charge.before else {})}
    key = {"message_id": charge.after["message_id"]}
    change = {"Keys": key, "SequenceNumber": f"{number:021d}", "StreamViewType": "NEW_AND_OLD_IMAGES", **images}
    name = "MODIFY" if charge.before else "INSERT"
    return {"eventID": f"{number:032d}", "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": change}


def _metrics(logs: Iterator[str]) -> Iterator[tuple[str, ...]]:
    """Every custom metric that the log lines make: its name with its dimensions' values, which is what is billed."""
    for line in (line for text in logs for line in text.splitlines() if '"_aws"' in line):
        told = json.loads(line)
        for directive in told["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    yield (metric["Name"], *(f"{name}={told[name]}" for name in dimensions))

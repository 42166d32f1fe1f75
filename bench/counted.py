"""One message's life, counted: AWS calls, request bytes, write and read units, item bytes, log bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.case import Outcome, Plan
from bench.code import Code
from bench.cold import event
from bench.database import MESSAGES, STATE, Charge
from bench.design import OVERHEAD
from bench.order import SOON
from bench.sampling import Progress
from bench.service import PATH, WORDS, Invocation, Service, service
from bench.table import Table
from bench.units import entry, index_units_of, item_size
from sms_tracker.aws.keys import key_id
from tests.cloud import API_KEY

FAILED = (*WORDS[:-1], "undelivered")
_OTHERS = ("publisher", "authorizer", "digest", "query")
_COLUMNS = (
    "step",
    "AWS calls",
    "request bytes",
    "units, item",
    "units, indexes",
    "read units",
    "item bytes",
    "log bytes",
)


def counted(_: Plan, progress: Progress) -> Outcome:
    """Every step of a message, ours and the baseline's; and whole messages of several kinds."""
    code = Code(progress)
    progress("a message's life through our functions")
    with service(code, (*PATH, *_OTHERS), reconciler=SOON) as ours:
        life(ours, WORDS)  # the first reads the settings
        steps = life(ours, WORDS)
        kinds = [("three reports in order", steps), *_kinds(ours, progress)]
        failed = dict(kinds)["... and it failed"]
        figures = _figures("counted", steps) | _figures("failed", failed) | _indexes(ours.tables.indexes, steps)
        beside, together = _beside(ours, failed), ours.invoke("publisher", stream_event(_changes(steps)))
        figures |= _published(beside) | _logs([*steps, *beside]) | _logs([together]) | _walked(ours)
        figures["metrics"] = len(set(_metrics(each.logged for each in ours.invocations)))
    progress("the same through the baseline")
    with service(code, baseline=True) as plain:
        life(plain, WORDS)
        plain_steps = life(plain, WORDS)
        figures |= _figures("baseline", plain_steps) | _logs(plain_steps, "baseline ")
        figures |= _everything(plain.tables.indexes, plain_steps)
    kinds.append(("baseline, three reports in order", plain_steps))
    whole = [[name, *_amounts(each)] for name, each in kinds]
    tables = (
        Table(title="One message, three reports in order, step by step", columns=_COLUMNS, rows=_rows(steps)),
        Table(title="Whole messages", columns=("message", *_COLUMNS[1:]), rows=whole),
    )
    return Outcome(tables, figures)


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


def _figures(name: str, steps: Sequence[Invocation]) -> dict[str, float]:
    names = ("calls", "bytes", "item_units", "index_units", "read_units", "size")
    return {f"{name}.{key}": value for key, value in zip(names, _amounts(steps), strict=False)}


def _logs(steps: Sequence[Invocation], prefix: str = "") -> dict[str, float]:
    """Bytes and lines of log an invocation, the most of these."""
    sizes: dict[str, float] = {}
    for step in steps:
        name = f"{prefix}{step.function}"
        told = {f"log.{name}": len(step.logged.encode()), f"lines.{name}": len(step.logged.splitlines())}
        sizes |= {key: max(sizes.get(key, 0), value) for key, value in told.items()}
    return sizes


def _beside(ours: Service, failed: Sequence[Invocation]) -> list[Invocation]:
    """What else is invoked: the publisher for a failure, the authorizer, the digest, a read."""
    item = {"pk": {"S": key_id(API_KEY)}, "client": {"S": "shop"}, "scopes": {"SS": ["read", "send"]}}
    ours.tables.client.put_item(TableName=STATE, Item=item)
    return [*_publish(ours, failed), *(ours.invoke(name, event(name)) for name in _OTHERS[1:])]


def _publish(ours: Service, steps: Sequence[Invocation]) -> list[Invocation]:
    """The publisher on each change of a message by itself."""
    return [ours.invoke("publisher", stream_event([change])) for change in _changes(steps)]


def _changes(steps: Sequence[Invocation]) -> list[Charge]:
    return [charge for step in steps for charge in _written(step) if not charge.refused]


def _published(beside: Sequence[Invocation]) -> dict[str, float]:
    """What a failed message puts on the bus."""
    calls = [call for each in beside for call in each.calls if call.operation == "PutEvents"]
    entries = [entry for call in calls for entry in call.body["Entries"]]
    return {"failed.events": len(entries), "event.bytes": max(len(json.dumps(entry)) for entry in entries)}


def _walked(ours: Service) -> dict[str, float]:
    """What the reconciler reads of each message: walking past it, and counting it once."""
    stored = len({charge.message_id for each in ours.invocations for charge in each.charges if charge.after})
    walk = ours.invoke("reconciler", event("reconciler"))
    count = ours.invoke("reconciler", event("reconciler-statistics"))
    read = [sum(charge.read_units for charge in done.charges if _returned(charge)) for done in (walk, count)]
    idle = [len(ours.invoke("reconciler", event(name)).calls) for name in ("reconciler", "reconciler-statistics")]
    return {
        "walk.read_units": read[0] / stored,
        "statistics.read_units": read[1] / stored,
        "reconciler.calls": sum(idle) / len(idle),
    }


def _returned(charge: Charge) -> bool:
    """Whether a read was one of messages, and not of an empty page."""
    return charge.operation == "BatchGetItem"


def _indexes(indexes: Sequence[Mapping[str, Any]], steps: Sequence[Invocation]) -> dict[str, float]:
    """What each index adds to a message: write units, and bytes that are stored."""
    written = [charge for step in steps for charge in _written(step)]
    figures: dict[str, float] = {"counted.entry_bytes": 0}
    for index in indexes:
        name = f"index.{index['IndexName']}"
        held = entry(index, written[-1].after)
        figures[f"{name}.units"] = sum(index_units_of(index, charge.before, charge.after) for charge in written)
        figures[f"{name}.bytes"] = item_size(held) + OVERHEAD if held else 0
        figures["counted.entry_bytes"] += figures[f"{name}.bytes"]
    return figures


def _everything(indexes: Sequence[Mapping[str, Any]], steps: Sequence[Invocation]) -> dict[str, float]:
    """The baseline's indexes as they are, and what they would be if they projected everything."""
    whole = [{**index, "Projection": {"ProjectionType": "ALL"}} for index in indexes]
    kept, all_of_it = _indexes(indexes, steps), _indexes(whole, steps)
    units = sum(value for name, value in all_of_it.items() if name.endswith(".units"))
    return {
        "baseline.entry_bytes": kept["counted.entry_bytes"],
        "naive.entry_bytes": all_of_it["counted.entry_bytes"],
        "naive.index_units": units,
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

"""Why a message costs the same in a table of a thousand and of a million: its calls, its item, its index keys."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any
from uuid import UUID

from bench.case import FULL, Outcome, Plan
from bench.code import Code
from bench.counted import life
from bench.database import MESSAGES, Charge
from bench.sampling import Progress
from bench.service import WORDS, Service, service
from bench.table import Table
from bench.units import item_size
from sms_tracker.aws.items import to_item
from sms_tracker.domain.indexes import time_shard
from tests.factories import record

_SIZES = (1_000, 3_000, 10_000)
_KEYS = (1_000, 10_000, 100_000, 1_000_000)
_SEED = 20260131
PARTITION = 1000
"""Write units a second that DynamoDB gives one partition key, "Partitions and data distribution"."""
DAY = 86_400


def growth(plan: Plan, progress: Progress) -> Outcome:
    """A message's figures in tables of growing size, and the hottest index key among up to a million messages."""
    code, size = Code(progress), 0
    rows: list[list[str | float | int]] = []
    random = Random(_SEED)  # noqa: S311  # the same messages in every run
    with service(code) as one:
        life(one, WORDS)
        for target in _SIZES if plan is FULL else _SIZES[:2]:
            progress(f"filling the table up to {target:,}")
            for _ in range(target - size):
                one.tables.client.put_item(TableName=MESSAGES, Item=_item(random))
            size = target
            rows.append([f"{target:,}", *_measured(one)])
    measured = Table(
        title="One message in a growing table",
        columns=("messages in the table", "calls", "reads", "write units", "item bytes"),
        rows=rows,
        note="Counted. Each call names its item by key: no Scan, no Query, so nothing in it can depend on the table.",
    )
    return Outcome((measured, _keys(progress)))


def _measured(one: Service) -> list[int]:
    steps = life(one, WORDS)
    charges: list[Charge] = [charge for step in steps for charge in step.charges]
    reads = [charge for charge in charges if charge.read_units]
    size = max(item_size(charge.after) for charge in charges)
    calls = [call for step in steps for call in step.calls if call.service != "provider"]
    return [len(calls), len(reads), sum(charge.units for charge in charges), size]


def _item(random: Random) -> dict[str, Any]:
    number = random.getrandbits(128)
    to, reference = f"+316{number % 10**8:08d}", f"order-{number}"
    return to_item(record(message_id=str(UUID(int=number)), to=to, reference=reference))


def _keys(progress: Progress) -> Table:
    """Only keys that many messages share can be hot: by_time's. All others are a message's or a recipient's own."""
    random = Random(_SEED)  # noqa: S311  # the same messages in every run
    seen: Counter[str] = Counter()
    rows: list[list[str | float | int]] = []
    for number in range(1, _KEYS[-1] + 1):
        message_id = str(UUID(int=random.getrandbits(128)))
        seen[time_shard("2026-01-31T12:00:00.000Z", message_id)] += 1
        if number in _KEYS:
            progress(f"index keys of {number:,} messages")
            hottest = max(seen.values())
            rows.append([f"{number:,}", len(seen), f"{100 * hottest / number:.1f} %", hottest / DAY, PARTITION])
    columns = ("messages on one day", "keys of by_time", "share of the hottest", "its writes a second", "limit")
    note = (
        "Computed from the ids. A key holds one day, so it neither grows nor heats with the table's age; failures"
        " spread likewise over by_attention. Its 16 keys take 16,000 new messages a second. Items hold at most 30"
        " reports, further ones go to a queue, so none grows without end."
    )
    return Table(title="The hottest index key", columns=columns, rows=rows, note=note)

"""Many items of one table at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sms_tracker.aws.api import Api
from sms_tracker.aws.items import Item
from sms_tracker.domain.errors import Unavailable

_SIZE = 100
"""Keys that one BatchGetItem takes."""
_ROUNDS = 5


def items(dynamodb: Api, table: str, keys: Sequence[Item]) -> Iterator[Item]:
    """Those that exist, in no order: BatchGetItem, what was left over asked for again. Raises ``Unavailable``."""
    for start in range(0, len(keys), _SIZE):
        yield from _batch(dynamodb, table, list(keys[start : start + _SIZE]))


def _batch(dynamodb: Api, table: str, keys: list[Item]) -> Iterator[Item]:
    for _ in range(_ROUNDS):
        answer = dynamodb("BatchGetItem", RequestItems={table: {"Keys": keys}})
        yield from answer["Responses"].get(table, [])
        keys = list(answer["UnprocessedKeys"].get(table, {"Keys": []})["Keys"])
        if not keys:
            return
    raise Unavailable("BatchGetItem: keys left over")

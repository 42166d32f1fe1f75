"""What DynamoDB charges: an item's size, and the units of a write on the item and on every index.

The rules are those of the DynamoDB developer guide: "Item sizes and formats", "Read and write operations", and for
indexes "Provisioned throughput considerations for Global Secondary Indexes".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

Item = Mapping[str, Any]
"""An item in DynamoDB's typed JSON."""

KB = 1024
_READ = 4 * KB


def item_size(item: Item) -> int:
    """Bytes of an item's names and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Item) -> int:
    (pair,) = typed.items()
    kind, value = pair
    match kind:
        case "S":
            return len(value.encode())
        case "N":  # one byte for two significant digits, one more, and one for a minus sign
            digits = value.lstrip("-").replace(".", "").strip("0")
            return ceil(len(digits) / 2) + 1 + (1 if value.startswith("-") else 0)
        case "BOOL":
            return 1
        case "SS":
            return sum(len(each.encode()) for each in value)
        case "M":  # three bytes, plus one for each pair
            return 3 + len(value) + item_size(value)
    raise AssertionError(f"the records hold no {kind}")


def write_units(size: int) -> int:
    """One for each started KB, at least one; a refused write costs units too."""
    return max(1, ceil(size / KB))


def read_units(size: int, *, consistent: bool) -> float:
    """One for each started 4 KB; half of that for an eventually consistent read."""
    return max(1, ceil(size / _READ)) * (1 if consistent else 0.5)


def index_units(indexes: Iterable[Mapping[str, Any]], before: Item, after: Item) -> int:
    """Units of a write on all indexes, declared as in the template; none for an unchanged index entry."""
    return sum(_units_on(index, before, after) for index in indexes)


def _units_on(index: Mapping[str, Any], before: Item, after: Item) -> int:
    keys = [part["AttributeName"] for part in index["KeySchema"]]
    old, new = (entry(index, item) for item in (before, after))
    if old == new:
        return 0
    if old and new and [old[key] for key in keys] == [new[key] for key in keys]:
        return write_units(max(item_size(old), item_size(new)))
    return sum(write_units(item_size(each)) for each in (old, new) if each)  # a new key: a deletion, an insertion


def entry(index: Mapping[str, Any], item: Item) -> Item:
    """An index's entry for an item; empty if a key is missing."""
    keys = [part["AttributeName"] for part in index["KeySchema"]]
    if any(key not in item for key in keys):
        return {}
    if index["Projection"]["ProjectionType"] == "ALL":
        return item
    names = {"message_id", *keys, *index["Projection"].get("NonKeyAttributes", [])}
    return {name: value for name, value in item.items() if name in names}

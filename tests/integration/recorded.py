"""What AWS would be asked for and would charge: every DynamoDB call of a client, with its write units.

Sizes and units follow the DynamoDB developer guide: "Item sizes and formats", "Read and write operations", and for
indexes "Provisioned throughput considerations for Global Secondary Indexes".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from types_boto3_dynamodb import DynamoDBClient

from tests import tables
from tests.unit.template_stack import source

Item = Mapping[str, Any]

KB = 1024
_REFUSED = "ConditionalCheckFailedException"


def item_size(item: Item) -> int:
    """Bytes of an item: its names and its values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Item) -> int:
    (pair,) = typed.items()
    kind, value = pair
    match kind:
        case "S":
            return len(value.encode())
        case "N":  # a byte for two significant digits, one more, and one for a minus sign
            digits = value.lstrip("-").replace(".", "").strip("0")
            return ceil(len(digits) / 2) + 1 + (1 if value.startswith("-") else 0)
        case "BOOL":
            return 1
        case "SS":
            return sum(len(each.encode()) for each in value)
        case "M":  # three bytes, and one for each pair
            return 3 + len(value) + item_size(value)
    raise AssertionError(f"the records hold no {kind}")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: a write with the units it cost on the item and on the indexes, or a read, which costs none of these."""

    operation: str
    refused: bool
    item_units: int
    index_units: int


@dataclass
class Recording:
    """Watches one client and one message; looks at the item itself through another client."""

    watched: DynamoDBClient
    table: str
    message_id: str
    calls: list[Call] = field(default_factory=list)
    _before: Item = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._eyes = tables.client()
        self.watched.meta.events.register("before-call.dynamodb", self._begin)
        self.watched.meta.events.register("after-call.dynamodb", self._end)

    @property
    def item(self) -> Item:
        """The item as it is stored, empty where there is none."""
        found = self._eyes.get_item(TableName=self.table, Key={"message_id": {"S": self.message_id}})
        return found.get("Item", {})

    @property
    def operations(self) -> list[str]:
        """The calls' names in order, a refused one marked."""
        return [f"{call.operation} refused" if call.refused else call.operation for call in self.calls]

    @property
    def item_units(self) -> int:
        return sum(call.item_units for call in self.calls)

    @property
    def units(self) -> int:
        """Everything that was written, on the item and on every index."""
        return sum(call.item_units + call.index_units for call in self.calls)

    def _begin(self, **_: Any) -> None:
        self._before = self.item

    def _end(self, *, model: Any, parsed: Mapping[str, Any], **_: Any) -> None:
        after, refused = self.item, parsed.get("Error", {}).get("Code") == _REFUSED
        assert refused or "Error" not in parsed, parsed["Error"]
        writes = model.name in {"PutItem", "UpdateItem"}
        units = _units(max(item_size(self._before), item_size(after))) if writes else 0
        self.calls.append(Call(model.name, refused, units, index_units(self._before, after)))


def index_units(before: Item, after: Item) -> int:
    """What a write costs on all indexes together: nothing where what an index holds of the item stays the same."""
    declared = source()["Resources"]["MessagesTable"]["Properties"]["GlobalSecondaryIndexes"]
    return sum(_index_units(index, before, after) for index in declared)


def _index_units(index: Mapping[str, Any], before: Item, after: Item) -> int:
    keys = [part["AttributeName"] for part in index["KeySchema"]]
    old, new = (_entry(index, keys, item) for item in (before, after))
    if old == new:
        return 0
    if old and new and [old[key] for key in keys] == [new[key] for key in keys]:
        return _units(max(item_size(old), item_size(new)))
    return sum(_units(item_size(entry)) for entry in (old, new) if entry)  # another key: one deleted, one written


def _entry(index: Mapping[str, Any], keys: list[str], item: Item) -> Item:
    """What an index holds of an item: nothing where a key is missing."""
    if any(key not in item for key in keys):
        return {}
    names = {"message_id", *keys, *index["Projection"].get("NonKeyAttributes", [])}
    return {name: value for name, value in item.items() if name in names}


def _units(size: int) -> int:
    return max(1, ceil(size / KB))

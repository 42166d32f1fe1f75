"""What AWS would be asked for and would charge: every DynamoDB call of a client, with its write units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from types_boto3_dynamodb import DynamoDBClient

from bench.units import Item, index_units, item_size, write_units
from tests import tables
from tests.unit.template_stack import source

_REFUSED = "ConditionalCheckFailedException"


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
        units = write_units(max(item_size(self._before), item_size(after))) if writes else 0
        self.calls.append(Call(model.name, refused, units, index_units(_indexes(), self._before, after)))


def _indexes() -> Sequence[Mapping[str, Any]]:
    declared: Sequence[Mapping[str, Any]] = source()["Resources"]["MessagesTable"]["Properties"][
        "GlobalSecondaryIndexes"
    ]
    return declared

"""DynamoDB behind an endpoint: moto's tables with the template's indexes, each call counted in units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from moto import mock_aws

from bench.endpoint import Answer, Call, answered
from bench.units import Item, index_units, item_size, read_units, write_units
from tests import tables
from tests.unit.template_stack import source

MESSAGES, STATE = "MessagesTable", "StateTable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One call's price in units; ``before`` and ``after`` are the item that it wrote, empty for a read."""

    table: str
    operation: str
    message_id: str
    refused: bool = False
    item_units: int = 0
    index_units: int = 0
    read_units: float = 0
    before: Item = field(default_factory=dict)
    after: Item = field(default_factory=dict)

    @property
    def units(self) -> int:
        """Write units on the item and on every index."""
        return self.item_units + self.index_units


@dataclass
class Database:
    """Both tables. moto is not safe under threads, so calls are answered one after the other."""

    client: Any
    charges: list[Charge] = field(default_factory=list)
    indexes: Sequence[Mapping[str, Any]] = ()
    _lock: Lock = field(default_factory=Lock)

    def take(self) -> list[Charge]:
        """The charges so far; from here on only new ones."""
        with self._lock:
            charges, self.charges = self.charges, []
        return charges

    def item(self, message_id: str) -> Item:
        """A message's item as it is stored, empty where there is none."""
        found = self.client.get_item(TableName=MESSAGES, Key={"message_id": {"S": message_id}}, ConsistentRead=True)
        item: Item = found.get("Item", {})
        return item

    def respond(self, call: Call) -> Answer:
        """Do what was asked, and count it."""
        with self._lock:
            return self._write(call) if call.operation in {"PutItem", "UpdateItem"} else self._read(call)

    def _do(self, call: Call) -> tuple[dict[str, Any], bool]:
        try:
            done = getattr(self.client, xform_name(call.operation))(**call.body)
        except ClientError as error:
            told: Mapping[str, Any] = error.response
            kind = f"com.amazonaws.dynamodb.v20120810#{told['Error']['Code']}"
            item = {"Item": told["Item"]} if "Item" in told else {}
            return {"__type": kind, "message": told["Error"]["Message"], **item}, True
        return {name: value for name, value in done.items() if name != "ResponseMetadata"}, False

    def _write(self, call: Call) -> Answer:
        table = call.body["TableName"]
        key = call.body.get("Key") or {"message_id": call.body["Item"]["message_id"]}
        before = self._stored(table, key)
        told, refused = self._do(call)
        after = self._stored(table, key)
        self.charges.append(
            Charge(
                table=table,
                operation=call.operation,
                message_id=key.get("message_id", {}).get("S", ""),
                refused=refused,
                item_units=write_units(max(item_size(before), item_size(after))),
                index_units=index_units(self.indexes, before, after) if table == MESSAGES else 0,
                before=before,
                after=after,
            )
        )
        return answered(told, 400 if refused else 200)

    def _stored(self, table: str, key: Item) -> Item:
        item: Item = self.client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return item

    def _read(self, call: Call) -> Answer:
        told, refused = self._do(call)
        consistent = bool(call.body.get("ConsistentRead"))
        if call.operation == "BatchGetItem":  # each item by itself
            sizes = [item_size(item) for items in told["Responses"].values() for item in items]
        else:  # what a query reads counts together
            sizes = [sum(item_size(item) for item in [*told.get("Items", []), told.get("Item", {})])]
        units = sum(read_units(size, consistent=consistent) for size in sizes)
        table = call.body.get("TableName", MESSAGES)
        key = call.body.get("Key", {}).get("message_id", {}).get("S", "")
        charge = Charge(table=table, operation=call.operation, message_id=key, read_units=units, refused=refused)
        self.charges.append(charge)
        return answered(told, 400 if refused else 200)


@contextmanager
def database() -> Iterator[Database]:
    """Empty tables."""
    with mock_aws():
        client = tables.client()
        for name in (MESSAGES, STATE):
            tables.create(client, name, name)
        declared = source()["Resources"][MESSAGES]["Properties"]["GlobalSecondaryIndexes"]
        yield Database(client, indexes=declared)

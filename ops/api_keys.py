"""The API keys of a stack as an operator sees them: listed by name, found, added, revoked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sms_tracker.aws.items import Item, marshal, unmarshal
from sms_tracker.aws.keys import SHORT

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A key as the state table knows it. ``name`` is what lists and logs call it; ``ends`` its last characters."""

    name: str
    client: str
    scopes: frozenset[str]
    ends: str | None
    created_at: str | None
    expires_at: int | None
    item_key: str = field(repr=False)


class KeyRing:
    """The keys in the ``state`` table, for an operator. Errors of AWS come as botocore raises them."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def add(self, item: Item) -> None:
        """Keep a new key; it is valid at once."""
        self._dynamodb.put_item(TableName=self._table, Item=item)

    def all(self) -> Iterator[IssuedKey]:
        """Every key, in no order, expired ones that DynamoDB has not removed yet included."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="begins_with(pk, :key)",
            ExpressionAttributeValues=marshal({":key": "key#"}),
            ConsistentRead=True,
        )
        for page in pages:
            yield from map(_issued, page["Items"])

    def named(self, name: str) -> IssuedKey:
        """The one key whose name begins so; raises ``ValueError`` where there is none, or more than one."""
        found = [each for each in self.all() if name and each.item_key.startswith(f"key#{name.lower()}")]
        if len(found) != 1:
            raise ValueError(f"{len(found) or 'no'} keys are called {name}; `list` shows them")
        return found[0]

    def revoke(self, key: IssuedKey) -> None:
        """Delete it; harmless when repeated."""
        self._dynamodb.delete_item(TableName=self._table, Key=marshal({"pk": key.item_key}))


def _issued(item: Item) -> IssuedKey:
    values = unmarshal(item)
    expires = values.get("expires_at")
    return IssuedKey(
        name=values["pk"][len("key#") :][:SHORT],
        client=values["client"],
        scopes=frozenset(values["scopes"]),
        ends=values.get("ends"),
        created_at=values.get("created_at"),
        expires_at=None if expires is None else int(expires),
        item_key=values["pk"],
    )

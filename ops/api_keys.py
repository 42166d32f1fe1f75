"""API keys: what a client receives, what the state table stores, and the table's keys for operators."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sms_tracker.aws.items import Item, marshal, unmarshal
from sms_tracker.aws.keys import SHORT, key_id

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PREFIX = "smst_"
"""Lets a secret scanner recognise a key that leaked."""

_ENDS = 4
"""Characters of a key that are kept, so that whoever holds it can say which it is; 232 bits stay unknown."""

SCOPES = frozenset({"send", "read", "admin"})


def client_name(text: str) -> str:
    """A new client's name as it is; raises ``ValueError`` for another than 1 to 64 of ``A-Za-z0-9._-``."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError(f"{text!r} is no client's name: 1 to 64 letters, digits, dots, hyphens or underscores")
    return text


def scope_names(text: str) -> frozenset[str]:
    """Scopes as an operator lists them, separated by commas; raises ``ValueError`` for any that does not exist."""
    found = [each.strip() for each in text.split(",")]
    for each in found:
        if each not in SCOPES:
            raise ValueError(f"{each!r} in {text!r} is no scope: write one or more of {','.join(sorted(SCOPES))}")
    return frozenset(found)


def new_key(
    client: str, scopes: Iterable[str], *, expires_at: int | None = None, created_at: str | None = None
) -> tuple[str, Item]:
    """A fresh 256-bit key and its item for the state table; ``expires_at`` is epoch seconds, ``created_at`` RFC 3339.

    The key cannot be had again from the item. Raises ``ValueError`` for a scope that does not exist.
    """
    wanted = frozenset(scopes)
    if not client or not wanted or not wanted <= SCOPES:
        raise ValueError(f"a key needs a client name and scopes out of {', '.join(sorted(SCOPES))}")
    key = PREFIX + secrets.token_urlsafe(32)
    values = {
        "pk": key_id(key),
        "client": client,
        "scopes": wanted,
        "ends": key[-_ENDS:],
        "created_at": created_at,
        "expires_at": expires_at,
    }
    return key, marshal(values)


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


class ApiKeys:
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

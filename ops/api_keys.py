"""API keys: new keys, their items in the state table, and the stored keys for operators."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sms_tracker.aws.api import Item, marshal, unmarshal
from sms_tracker.aws.gateway import KEY_NAME_DIGITS, TEST_SCOPE, key_id, key_name

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PREFIX = "smst_"
"""A prefix by which secret scanners recognise a leaked key."""

_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]*")

_ENDS = 4
"""Stored last characters of a key, which identify it for its holder; 232 bits stay unknown."""

SCOPES = frozenset({"send", "read", "admin", TEST_SCOPE})


def client_name(text: str) -> str:
    """A new client's name, unchanged; raises ``ValueError`` unless it is 1 to 64 of ``A-Za-z0-9._-``."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError(f"{text!r} is not a client's name: use 1 to 64 letters, digits, dots, hyphens or underscores")
    return text


def scope_names(text: str) -> frozenset[str]:
    """The scopes of a comma-separated list; raises ``ValueError`` for an unknown one, or ``test`` beside others."""
    found = [each.strip() for each in text.split(",")]
    for each in found:
        if each not in SCOPES:
            raise ValueError(f"{each!r} in {text!r} is not a scope: use one or more of {','.join(sorted(SCOPES))}")
    if TEST_SCOPE in found and len(set(found)) > 1:
        raise ValueError("a test key sends and reads test messages and has no other scope: give test alone")
    return frozenset(found)


def sender_names(text: str) -> frozenset[str]:
    """The senders of a comma-separated list of ``provider:sender``; raises ``ValueError`` for any other text."""
    found = [each.strip() for each in text.split(",")]
    for each in found:
        if not re.fullmatch(r"[a-z]+:[^,:]{1,64}", each):
            raise ValueError(f"{each!r} in {text!r} is not provider:sender, such as acme:+15551234567")
    return frozenset(found)


def new_key(
    client: str,
    scopes: Iterable[str],
    *,
    expires_at: int | None = None,
    created_at: str | None = None,
    senders: frozenset[str] = frozenset(),
) -> tuple[str, Item]:
    """A new 256-bit key and its item for the state table; ``expires_at`` is epoch seconds, ``created_at`` RFC 3339.

    The item does not reveal the key. Raises ``ValueError`` for an unknown scope, and for ``test`` beside others.
    """
    wanted = frozenset(scopes)
    if not client or not wanted or not wanted <= SCOPES or (TEST_SCOPE in wanted and len(wanted) > 1):
        raise ValueError(f"a key needs a client's name and scopes of {', '.join(sorted(SCOPES))}, test alone")
    key = PREFIX + secrets.token_urlsafe(32)
    values = {
        "pk": key_id(key),
        "client": client,
        "scopes": wanted,
        "ends": key[-_ENDS:],
        "created_at": created_at,
        "expires_at": expires_at,
        "senders": senders or None,
    }
    return key, marshal(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A key in the state table. ``name`` identifies it in lists and logs; ``ends`` are its last characters."""

    name: str
    client: str
    scopes: frozenset[str]
    senders: frozenset[str]
    ends: str | None
    created_at: str | None
    expires_at: int | None
    item_key: str = field(repr=False)


class ApiKeys:
    """The keys in the state table. Raises botocore's errors."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def add(self, item: Item) -> None:
        """Store a new key; it is valid at once."""
        self._dynamodb.put_item(TableName=self._table, Item=item)

    def all(self) -> Iterator[IssuedKey]:
        """Every key, in no order, including expired ones that DynamoDB has not deleted yet."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="begins_with(pk, :key)",
            ExpressionAttributeValues=marshal({":key": "key#"}),
            ConsistentRead=True,
        )
        for page in pages:
            yield from map(_issued, page["Items"])

    def named(self, name: str) -> IssuedKey:
        """The key with a name that begins with ``name``; raises ``ValueError`` unless there is exactly one.

        ``name`` may also hold a key itself, such as one that leaked. It is not repeated in the error.
        """
        if key := _KEY.search(name):
            name = key_name(key[0])
        found = [each for each in self.all() if name and each.item_key.startswith(f"key#{name.lower()}")]
        if len(found) != 1:
            raise ValueError(f"{len(found) or 'no'} keys have the name {name}; see `list`")
        return found[0]

    def revoke(self, key: IssuedKey) -> None:
        """Delete the key; idempotent."""
        self._dynamodb.delete_item(TableName=self._table, Key=marshal({"pk": key.item_key}))


def _issued(item: Item) -> IssuedKey:
    values = unmarshal(item)
    expires = values.get("expires_at")
    return IssuedKey(
        name=values["pk"][len("key#") :][:KEY_NAME_DIGITS],
        client=values["client"],
        scopes=frozenset(values["scopes"]),
        senders=frozenset(values.get("senders", ())),
        ends=values.get("ends"),
        created_at=values.get("created_at"),
        expires_at=None if expires is None else int(expires),
        item_key=values["pk"],
    )

"""API keys: what a client is given, and what the state table keeps of it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import TypedDict

PREFIX = "smst_"
"""Lets a secret scanner recognise a key that leaked."""

_ENDS = 4
"""Characters of a key that are kept, so that whoever holds it can say which it is; 232 bits stay unknown."""

SCOPES = frozenset({"send", "read", "admin"})


class Text(TypedDict):
    """A DynamoDB string."""

    S: str


class Texts(TypedDict):
    """A DynamoDB set of strings."""

    SS: list[str]


class Number(TypedDict):
    """A DynamoDB number."""

    N: str


KeyItem = dict[str, Text | Texts | Number]


def item_key(key: str) -> str:
    """Where the state table keeps ``key``: under its SHA-256, never as itself."""
    return "key#" + hashlib.sha256(key.encode()).hexdigest()


def new_key(
    client: str, scopes: Iterable[str], *, expires_at: int | None = None, created_at: str | None = None
) -> tuple[str, KeyItem]:
    """A fresh 256-bit key and its item for the state table; ``expires_at`` is epoch seconds, ``created_at`` RFC 3339.

    The key cannot be had again from the item. Raises ``ValueError`` for a scope that does not exist.
    """
    wanted = sorted(set(scopes))
    if not client or not wanted or not SCOPES.issuperset(wanted):
        raise ValueError(f"a key needs a client name and scopes out of {', '.join(sorted(SCOPES))}")
    key = PREFIX + secrets.token_urlsafe(32)
    item: KeyItem = {"pk": {"S": item_key(key)}, "client": {"S": client}, "scopes": {"SS": wanted}}
    item["ends"] = {"S": key[-_ENDS:]}
    if created_at is not None:
        item["created_at"] = {"S": created_at}
    if expires_at is not None:
        item["expires_at"] = {"N": str(expires_at)}
    return key, item

"""API keys in the ``state`` table. Only the SHA-256 of a key is stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sms_tracker.aws.api import Api, marshal, unmarshal


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The client, scopes and senders of a key. ``expires_at`` is epoch seconds, None for a key that does not expire.

    ``senders``: each is ``provider:sender``. The key may see and change the opt-outs of these senders.
    """

    client: str
    scopes: frozenset[str]
    expires_at: int | None = None
    senders: frozenset[str] = frozenset()

    def expired(self, now: float) -> bool:
        """Whether it has expired at ``now``, epoch seconds."""
        return self.expires_at is not None and self.expires_at <= now


def key_id(key: str) -> str:
    """The primary key of an API key."""
    return f"key#{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"


SHORT = 8
"""Digits of a key's hash that identify it in lists and logs; they give no access."""


def name_of(key: str) -> str:
    """The name of a key in lists and logs."""
    return key_id(key).removeprefix("key#")[:SHORT]


class KeyStore:
    """The keys; raises ``Unavailable`` if the table cannot be read."""

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def find(self, key: str) -> ApiKey | None:
        """One GetItem by the key's hash: its duration reveals nothing about stored keys."""
        answer = self._dynamodb("GetItem", TableName=self._table, Key=marshal({"pk": key_id(key)}))
        if "Item" not in answer:
            return None
        values = unmarshal(answer["Item"])
        expires = values.get("expires_at")
        senders = frozenset(values.get("senders", ()))
        return ApiKey(values["client"], frozenset(values["scopes"]), None if expires is None else int(expires), senders)

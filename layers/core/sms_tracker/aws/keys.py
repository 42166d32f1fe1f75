"""API keys in the ``state`` table: only the SHA-256 of a key is ever stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sms_tracker.aws.errors import translate
from sms_tracker.aws.items import marshal, unmarshal

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Whose key it is and what it may do. ``expires_at`` is epoch seconds, None for a key without end."""

    client: str
    scopes: frozenset[str]
    expires_at: int | None = None


def key_id(key: str) -> str:
    """The primary key under which a key is stored."""
    return f"key#{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"


SHORT = 8
"""Digits of a key's hash by which lists and logs name it: they let nobody in."""


def name_of(key: str) -> str:
    """What lists and logs call a key."""
    return key_id(key).removeprefix("key#")[:SHORT]


class KeyStore:
    """Finds keys; raises ``Unavailable`` when the table cannot be read."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def find(self, key: str) -> ApiKey | None:
        """One GetItem by the key's hash, so a lookup's time says nothing about stored keys."""
        try:
            answer = self._client.get_item(TableName=self._table, Key=marshal({"pk": key_id(key)}))
        except (ClientError, BotoCoreError) as error:
            raise translate("GetItem", error) from error
        if "Item" not in answer:
            return None
        values = unmarshal(answer["Item"])
        expires = values.get("expires_at")
        return ApiKey(values["client"], frozenset(values["scopes"]), None if expires is None else int(expires))

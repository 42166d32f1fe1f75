"""Outbox items in the ``messages`` table, which has the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sms_tracker.aws.api import Api, ConditionFailed
from sms_tracker.aws.items import Item, marshal, unmarshal
from sms_tracker.domain.outbox import OutboxItem
from sms_tracker.domain.ports import BusEvent

NEW = "attribute_not_exists(message_id)"
"""The condition of every write."""


class OutboxStore:
    """The table behind :class:`sms_tracker.domain.outbox.Outbox`."""

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, item: OutboxItem) -> bool:
        """One PutItem."""
        try:
            self._dynamodb("PutItem", TableName=self._table, Item=to_item(item), ConditionExpression=NEW)
        except ConditionFailed:
            return False
        return True


def to_item(item: OutboxItem) -> Item:
    """An outbox item, without any key of an index, so that no search finds it."""
    return marshal(
        {
            "message_id": item.key,
            "outbox": item.event.detail_type,
            "source": item.event.source,
            "detail": item.event.detail,
            "expires_at": item.expires_at,
        }
    )


def is_outbox(item: Mapping[str, Any]) -> bool:
    """Whether a stored item, in typed JSON, is an outbox item."""
    return "outbox" in item


def event(item: Item) -> BusEvent:
    """The event of an outbox item; raises ``KeyError`` for an item that has none."""
    values = unmarshal(item)
    return BusEvent(source=values["source"], detail_type=values["outbox"], detail=values["detail"])

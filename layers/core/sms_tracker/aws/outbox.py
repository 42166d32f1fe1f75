"""Outbox items in the ``messages`` table, which has the stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sms_tracker.aws.api import Api, ConditionFailed, Item, batch_get, marshal, unmarshal
from sms_tracker.domain.bus import BusEvent, OutboxItem
from sms_tracker.domain.indexes import BY_ATTENTION

NEW = "attribute_not_exists(message_id)"
"""The condition of every write."""
_PARTITION = "outbox"
"""The outbox's partition of the index by_attention, which ``make forget`` searches for a number."""


class OutboxStore:
    """Implements :class:`sms_tracker.domain.bus.Outbox` with the ``messages`` table."""

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, item: OutboxItem) -> BusEvent | None:
        """One PutItem. A retry of an applied one returns its own event."""
        try:
            self._dynamodb(
                "PutItem",
                TableName=self._table,
                Item=to_item(item),
                ConditionExpression=NEW,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as refused:
            return event(dict(refused.item))
        return None

    def holding(self, text: str) -> Iterator[str]:
        """The keys of the items with ``text`` in their detail: Query of by_attention, then BatchGetItem."""
        start: dict[str, Any] = {}
        while True:
            answer = self._dynamodb(
                "Query",
                TableName=self._table,
                IndexName=BY_ATTENTION.name,
                KeyConditionExpression="attention = :key",
                ExpressionAttributeValues=marshal({":key": _PARTITION}),
                **start,
            )
            keys = [{"message_id": item["message_id"]} for item in answer["Items"]]
            for item in batch_get(self._dynamodb, self._table, keys):
                if text in item["detail"]["S"]:
                    yield item["message_id"]["S"]
            if not (last := answer.get("LastEvaluatedKey")):
                return
            start = {"ExclusiveStartKey": last}

    def delete(self, key: str) -> None:
        """One DeleteItem; idempotent."""
        self._dynamodb("DeleteItem", TableName=self._table, Key=marshal({"message_id": key}))


def to_item(item: OutboxItem) -> Item:
    """An event as an outbox item, without keys of the indexes for message searches."""
    return marshal(
        {
            "message_id": item.key,
            "outbox": item.event.detail_type,
            "source": item.event.source,
            "detail": item.event.detail,
            "expires_at": item.expires_at,
            "attention": _PARTITION,
            "due_at": str(item.expires_at),
        }
    )


def is_outbox(item: Mapping[str, Any]) -> bool:
    """Whether a stored item, in typed JSON, is an outbox item."""
    return "outbox" in item


def event(item: Item) -> BusEvent:
    """The event of an outbox item; raises ``KeyError`` for an item that has none."""
    values = unmarshal(item)
    return BusEvent(source=values["source"], detail_type=values["outbox"], detail=values["detail"])

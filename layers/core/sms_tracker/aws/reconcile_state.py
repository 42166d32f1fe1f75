"""The reconciler's agenda: open messages in the index by_attention, its positions in the ``state`` table."""

from __future__ import annotations

from sms_tracker.aws.api import Api, ConditionFailed
from sms_tracker.aws.items import Item, marshal
from sms_tracker.aws.updates import Update
from sms_tracker.domain.indexes import BY_ATTENTION, open_shard, shard


class DynamoReconcileState:
    """Both tables behind :class:`sms_tracker.domain.ports.Agenda`."""

    def __init__(self, dynamodb: Api, *, messages: str, state: str) -> None:
        self._dynamodb = dynamodb
        self._messages = messages
        self._state = state

    def walked(self, name: str) -> str | None:
        """One consistent GetItem."""
        answer = self._dynamodb("GetItem", TableName=self._state, Key=_position(name), ConsistentRead=True)
        return str(answer["Item"]["walked"]["S"]) if "Item" in answer else None

    def walk(self, name: str, until: str) -> None:
        """One UpdateItem; of two reconcilers at once the later position stays."""
        update = Update()
        path = update.path("walked")
        update.require(f"(attribute_not_exists({path}) OR {path} < {update.value(until)})")
        update.set(until, "walked")
        self._write(self._state, _position(name), update)

    def open(self, message_id: str, *, due: str) -> bool:
        """One UpdateItem, refused for what is final or on the agenda already."""
        update = self._open_only()
        update.require(f"attribute_not_exists({update.path('attention')})")
        update.set(open_shard(int(shard(message_id))), "attention")
        update.set(due, "due_at")
        return self._write(self._messages, marshal({"message_id": message_id}), update)

    def put_off(self, message_id: str, *, due: str) -> None:
        """One UpdateItem, refused for what is final."""
        update = self._open_only()
        update.set(open_shard(int(shard(message_id))), "attention")
        update.set(due, "due_at")
        self._write(self._messages, marshal({"message_id": message_id}), update)

    def due(self, shard: int, *, until: str, limit: int) -> list[str]:
        """One Query of by_attention."""
        answer = self._dynamodb(
            "Query",
            TableName=self._messages,
            IndexName=BY_ATTENTION.name,
            KeyConditionExpression="attention = :key AND due_at <= :until",
            ExpressionAttributeValues=marshal({":key": open_shard(shard), ":until": until}),
            Limit=limit,
        )
        return [item["message_id"]["S"] for item in answer["Items"]]

    @staticmethod
    def _open_only() -> Update:
        """Without a version: being looked at changes nothing about a message."""
        update = Update()
        update.require(f"{update.path('final')} = {update.value(bool(0))}")
        return update

    def _write(self, table: str, key: dict[str, object], update: Update) -> bool:
        try:
            self._dynamodb("UpdateItem", TableName=table, Key=key, **update.arguments())
        except ConditionFailed:
            return False
        return True


def _position(name: str) -> Item:
    return marshal({"pk": f"reconciler#{name}"})

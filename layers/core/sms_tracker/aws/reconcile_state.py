"""The reconciler's state: due open messages in the index by_attention, positions in the ``state`` table."""

from __future__ import annotations

from sms_tracker.aws.api import Api, ConditionFailed, Item, marshal
from sms_tracker.aws.updates import Update
from sms_tracker.domain.indexes import BY_ATTENTION, open_shard, shard


class DynamoReconcileState:
    """Both tables behind :class:`sms_tracker.domain.ports.ReconcileState`."""

    def __init__(self, dynamodb: Api, *, messages: str, state: str) -> None:
        self._dynamodb = dynamodb
        self._messages = messages
        self._state = state

    def position(self, name: str) -> str | None:
        """One consistent GetItem."""
        answer = self._dynamodb("GetItem", TableName=self._state, Key=_key(name), ConsistentRead=True)
        return str(answer["Item"]["walked"]["S"]) if "Item" in answer else None

    def advance(self, name: str, until: str) -> None:
        """One UpdateItem, unless a later position is stored."""
        update = Update()
        path = update.path("walked")
        update.require(f"(attribute_not_exists({path}) OR {path} < {update.value(until)})")
        update.set(until, "walked")
        self._write(self._state, _key(name), update)

    def open(self, message_id: str, *, due: str) -> bool:
        """One UpdateItem, refused if the message is final or already has a due time."""
        update = self._open_only()
        update.require(f"attribute_not_exists({update.path('attention')})")
        update.set(open_shard(int(shard(message_id))), "attention")
        update.set(due, "due_at")
        return self._write(self._messages, marshal({"message_id": message_id}), update)

    def put_off(self, message_id: str, *, due: str) -> None:
        """One UpdateItem, refused if the message is final."""
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
        """An update of an open message. The version stays: a due time does not change the message's state."""
        update = Update()
        update.require(f"{update.path('final')} = {update.value(value=False)}")
        return update

    def _write(self, table: str, key: dict[str, object], update: Update) -> bool:
        try:
            self._dynamodb("UpdateItem", TableName=table, Key=key, **update.arguments())
        except ConditionFailed:
            return False
        return True


def _key(name: str) -> Item:
    return marshal({"pk": f"reconciler#{name}"})

"""The reconciler's agenda: open messages in the index by_attention, its positions in the ``state`` table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sms_tracker.aws.errors import translate
from sms_tracker.aws.expressions import Update
from sms_tracker.aws.items import Item, marshal
from sms_tracker.domain.search import BY_ATTENTION, open_shard, shard

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_REFUSED = "ConditionalCheckFailedException"


class DynamoAgenda:
    """Both tables behind :class:`sms_tracker.domain.ports.Agenda`."""

    def __init__(self, client: DynamoDBClient, *, messages: str, state: str) -> None:
        self._client = client
        self._messages = messages
        self._state = state

    def walked(self, name: str) -> str | None:
        """One consistent GetItem."""
        try:
            answer = self._client.get_item(TableName=self._state, Key=_position(name), ConsistentRead=True)
        except (ClientError, BotoCoreError) as error:
            raise translate("GetItem", error) from error
        return answer["Item"]["walked"]["S"] if "Item" in answer else None

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
        try:
            answer = self._client.query(
                TableName=self._messages,
                IndexName=BY_ATTENTION.name,
                KeyConditionExpression="attention = :key AND due_at <= :until",
                ExpressionAttributeValues=marshal({":key": open_shard(shard), ":until": until}),
                Limit=limit,
            )
        except (ClientError, BotoCoreError) as error:
            raise translate("Query", error) from error
        return [item["message_id"]["S"] for item in answer["Items"]]

    @staticmethod
    def _open_only() -> Update:
        """Without a version: being looked at changes nothing about a message."""
        update = Update()
        update.require(f"{update.path('final')} = {update.value(bool(0))}")
        return update

    def _write(self, table: str, key: dict[str, object], update: Update) -> bool:
        try:
            self._client.update_item(TableName=table, Key=key, **update.arguments())  # type: ignore[arg-type]  # typed JSON
        except ClientError as error:
            if error.response["Error"]["Code"] == _REFUSED:
                return False
            raise translate("UpdateItem", error) from error
        except BotoCoreError as error:
            raise translate("UpdateItem", error) from error
        return True


def _position(name: str) -> Item:
    return marshal({"pk": f"reconciler#{name}"})

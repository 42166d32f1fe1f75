"""The table ``messages``: conditional writes, reads by id and by index, and its stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sms_tracker.aws import outbox
from sms_tracker.aws.api import UNREADABLE, Api, ConditionFailed, Item, batch_get, marshal
from sms_tracker.aws.items import from_item, record_of, send_values, to_item
from sms_tracker.aws.updates import Update, set_state, update_of
from sms_tracker.domain.bus import StreamChange
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.indexes import BY_TIME, Index, Position, Span, open_shard, provider_keys, shard
from sms_tracker.domain.ports import NotWritten, OnUnreadable, Written
from sms_tracker.domain.record import Change, Record, Send, SendPhase
from sms_tracker.domain.state import initial_state


class MessageStore:
    """Implements :class:`sms_tracker.domain.ports.Messages` with the ``messages`` table.

    ``keep_raw_reports`` and ``drop_text`` are the template's KeepRawReports and TextRetention=until_final.
    """

    def __init__(self, dynamodb: Api, table: str, *, keep_raw_reports: bool = False, drop_text: bool = False) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._keep_raw_reports = keep_raw_reports
        self._drop_text = drop_text

    def put(self, record: Record) -> Written | NotWritten:
        """One PutItem, never over a record. If a refusal returns our token, an earlier try was applied.

        The condition does not allow our token, because a delayed first try would undo later writes.
        """
        condition = "attribute_not_exists(message_id)"
        result = self._conditional_write("PutItem", Item=to_item(record), ConditionExpression=condition)
        ours = isinstance(result, NotWritten) and result.record and result.record.send.token == record.send.token
        return Written() if ours else result

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        """One UpdateItem."""
        update = update_of(message_id, change, keep_fields=self._keep_raw_reports, drop_text=self._drop_text)
        return self._update(message_id, update)

    def release(self, message_id: str, *, token: str, cause: str, now: str) -> None:
        """One UpdateItem, refused unless ``token`` holds the claim."""
        update = _while_claimed(token)
        update.set(str(SendPhase.RELEASED), "send", "state")
        update.set(cause, "send", "cause")
        update.set(now, "updated_at")
        self._update(message_id, update)

    def withdraw(self, message_id: str, *, token: str) -> None:
        """One DeleteItem, refused unless ``token`` holds the claim and nothing else was written; idempotent."""
        guard = _while_claimed(token)
        guard.require(f"{guard.path('version')} = {guard.value(1)}")
        guard.require(f"size({guard.path('reports')}) = {guard.value(0)}")
        arguments = {name: value for name, value in guard.arguments().items() if value}
        self._conditional_write("DeleteItem", Key=_key(message_id), **arguments)

    def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
        """One UpdateItem. If a refusal returns our token, an earlier try was applied."""
        update = Update()
        update.require(f"{update.path('send', 'token')} = {update.value(record.send.token)}")
        update.require(f"{update.path('send', 'state')} = {update.value(str(record.send.phase))}")
        update.require(f"{update.path('version')} = {update.value(record.version)}")
        update.set(send_values(send), "send")
        update.set(record.sender, "from")
        update.set({str(n): name for n, name in record.providers_with(send.attempt, provider).items()}, "providers")
        set_state(update, record.message_id, initial_state(attempt=send.attempt, at=now, provider=provider), now)
        # The reconciler may have walked past this message, so it is made due here.
        update.set(open_shard(int(shard(record.message_id))), "attention")
        update.set(now, "due_at")
        result = self._update(record.message_id, update)
        return isinstance(result, Written) or (result.record is not None and result.record.send.token == send.token)

    def get(self, message_id: str) -> Record | None:
        """One strongly consistent GetItem."""
        answer = self._dynamodb("GetItem", TableName=self._table, Key=_key(message_id), ConsistentRead=True)
        return record_of(answer["Item"]) if "Item" in answer else None

    def by_provider_id(self, provider: str, provider_message_id: str) -> str | None:
        """One Query of by_provider_id (eventually consistent), and one more for older items."""
        queries = (self._with_provider_key(key) for key in provider_keys(provider, provider_message_id))
        return next((item["message_id"]["S"] for items in queries for item in items), None)

    def _with_provider_key(self, key: str) -> list[Item]:
        answer = self._dynamodb(
            "Query",
            TableName=self._table,
            IndexName="by_provider_id",
            KeyConditionExpression="provider_key = :key",
            ExpressionAttributeValues=marshal({":key": key}),
            Limit=1,
        )
        items: list[Item] = answer["Items"]
        return items

    def _update(self, message_id: str, update: Update) -> Written | NotWritten:
        return self._conditional_write("UpdateItem", Key=_key(message_id), **update.arguments())

    def _conditional_write(self, operation: str, **arguments: Any) -> Written | NotWritten:
        try:
            self._dynamodb(operation, TableName=self._table, ReturnValuesOnConditionCheckFailure="ALL_OLD", **arguments)
        except ConditionFailed as refused:
            return NotWritten(record_of(dict(refused.item)) if refused.item else None)
        return Written()


def _key(message_id: str) -> Item:
    return marshal({"message_id": message_id})


def _while_claimed(token: str) -> Update:
    """An update that is refused unless ``token`` holds the claim."""
    update = Update()
    update.require(f"{update.path('send', 'token')} = {update.value(token)}")
    update.require(f"{update.path('send', 'state')} = {update.value(str(SendPhase.CLAIMED))}")
    return update


_PAGE_SIZE = 100
"""Keys a Query reads."""


class MessageSearch:
    """Implements :class:`sms_tracker.domain.ports.Search`; eventually consistent, as indexes are."""

    def __init__(self, dynamodb: Api, table: str, *, page: int = _PAGE_SIZE) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._page = page

    def keys(
        self, index: Index, partition: str, *, span: Span | None, client: str | None
    ) -> tuple[list[Position], str | None]:
        """One Query; more for an index without sort key, or if equal keys at the span's end fill a page."""
        query = self._query(index, partition, span, client)
        found: list[Position] = []
        while True:
            answer = self._dynamodb("Query", **query)
            found += [Position(_sort_value(item, index), item["message_id"]["S"]) for item in answer["Items"]]
            last = answer.get("LastEvaluatedKey")
            if not last:
                return found, None
            reach = _sort_value(last, index)
            if index.sort and (span is None or reach < span.until):
                return found, reach
            query["ExclusiveStartKey"] = last

    def _query(self, index: Index, partition: str, span: Span | None, client: str | None) -> dict[str, Any]:
        """The arguments of a Query. Only by_time has the attribute ``client`` to filter by."""
        names, values = {"#key": index.key}, {":key": partition}
        condition = "#key = :key"
        if index.sort is not None and span is not None:
            names["#sort"] = index.sort
            condition += " AND #sort BETWEEN :since AND :until"
            values |= {":since": span.since, ":until": span.until}
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ScanIndexForward": False,
            "Limit": self._page,
        }
        if index is BY_TIME and client is not None:
            query["FilterExpression"] = "client = :client"
            values[":client"] = client
        return {**query, "ExpressionAttributeValues": marshal(values)}

    def records(self, message_ids: Sequence[str], *, on_unreadable: OnUnreadable | None = None) -> list[Record]:
        """BatchGetItem, 100 at a time."""
        keys = [marshal({"message_id": each}) for each in message_ids]
        found: list[Record] = []
        for item in batch_get(self._dynamodb, self._table, keys):
            try:
                found.append(record_of(item))
            except Unavailable as error:
                if on_unreadable is None:
                    raise
                on_unreadable(item["message_id"]["S"], error)
        return found


def _sort_value(item: Any, index: Index) -> str:
    return str(item[index.sort]["S"]) if index.sort else ""


def stream_changes(records: list[Mapping[str, Any]]) -> Iterator[StreamChange]:
    """Every modified record and every new outbox item, in the order of the stream.

    An image that cannot be read becomes a change with ``unreadable``, so the others are still published.
    """
    for record in records:
        stream = record["dynamodb"]
        is_outbox = outbox.is_outbox(stream.get("NewImage") or {})
        if record.get("eventName") != ("INSERT" if is_outbox else "MODIFY"):
            continue
        sequence = stream["SequenceNumber"]
        try:
            if is_outbox:
                yield StreamChange(sequence=sequence, raw=record, event=outbox.event(stream["NewImage"]))
            else:
                old, new = from_item(stream["OldImage"]), from_item(stream["NewImage"])
                yield StreamChange(sequence=sequence, raw=record, old=old, new=new)
        except UNREADABLE as error:
            yield StreamChange(sequence=sequence, raw=record, unreadable=f"{type(error).__name__} in the image")

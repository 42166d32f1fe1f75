"""Reads from the indexes of the messages' table: keys newest first, and their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sms_tracker.aws.api import Api, batch_get
from sms_tracker.aws.items import stored
from sms_tracker.aws.typed_json import marshal
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.indexes import BY_TIME, Index, Position, Span
from sms_tracker.domain.ports import OnUnreadable
from sms_tracker.domain.record import Record

_PAGE = 100
"""Keys a Query reads."""


class MessageSearch:
    """Reads behind :class:`sms_tracker.domain.ports.Search`; eventually consistent, as indexes are."""

    def __init__(self, dynamodb: Api, table: str, *, page: int = _PAGE) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._page = page

    def keys(
        self, index: Index, partition: str, *, span: Span | None, client: str | None
    ) -> tuple[list[Position], str | None]:
        """One Query; more for an index without sort key, or where equal keys at the span's end fill a page."""
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
        """Filters by client only in by_time, the one index with that attribute."""
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
                found.append(stored(item))
            except Unavailable as error:
                if on_unreadable is None:
                    raise
                on_unreadable(item["message_id"]["S"], error)
        return found


def _sort_value(item: Any, index: Index) -> str:
    return str(item[index.sort]["S"]) if index.sort else ""

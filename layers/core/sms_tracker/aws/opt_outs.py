"""Opt-outs in the ``state`` table. The key is an HMAC of scope and number, so a forgotten number stays blocked."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sms_tracker.aws import outbox
from sms_tracker.aws.api import UNREADABLE, Api, ConditionFailed, Item, marshal, unmarshal
from sms_tracker.domain.bus import OutboxItem
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.opt_out import Kind, OptOut, OptOutPage, Recipient, Statement, StoredOptOut
from sms_tracker.domain.report import spellings

PREFIX = "opt-out#"
"""The prefix of every key; it is part of the functions' policies."""
LISTED = "opt-outs"
"""The only partition of the index by_change: opt-outs change seldom, and only people read lists."""


class OptOutStore:
    """Implements :class:`sms_tracker.domain.opt_out.OptOuts` with both tables. ``key`` returns the service's key."""

    def __init__(self, dynamodb: Api, *, state: str, messages: str, key: Callable[[], bytes]) -> None:
        self._dynamodb = dynamodb
        self._state = state
        self._messages = messages
        self._key = key

    def get(self, recipient: Recipient) -> StoredOptOut:
        """One strongly consistent GetItem."""
        answer = self._dynamodb("GetItem", TableName=self._state, Key=self._id(recipient), ConsistentRead=True)
        return _stored(answer["Item"]) if "Item" in answer else StoredOptOut(recipient=recipient)

    def save(self, changed: StoredOptOut, *, event: OutboxItem | None) -> bool:
        """One PutItem under the version before, in a transaction with the event if there is one.

        False if another write came first, or if this is the retry of an applied write.
        """
        put: dict[str, Any] = {
            "TableName": self._state,
            "Item": {**self._id(changed.recipient), **_values(changed)},
            "ConditionExpression": "attribute_not_exists(pk) OR version = :before",
            "ExpressionAttributeValues": marshal({":before": changed.version - 1}),
        }
        try:
            if event is None:
                self._dynamodb("PutItem", **put)
            else:
                published = {
                    "TableName": self._messages,
                    "Item": outbox.to_item(event),
                    "ConditionExpression": outbox.NEW,
                }
                self._dynamodb("TransactWriteItems", TransactItems=[{"Put": put}, {"Put": published}])
        except ConditionFailed:
            return False
        return True

    def forget(self, recipient: Recipient) -> None:
        """Remove the readable number and keep the block. One UpdateItem, idempotent."""
        self._dynamodb(
            "UpdateItem",
            TableName=self._state,
            Key=self._id(recipient),
            UpdateExpression="REMOVE #to",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={"#to": "to"},
        )

    def listed(self, *, cursor: str | None, limit: int) -> OptOutPage:
        """One Query of the index by_change, newest first. ``cursor`` is the ``next`` of the page before."""
        start = {"ExclusiveStartKey": _start_key(cursor)} if cursor else {}
        answer = self._dynamodb(
            "Query",
            TableName=self._state,
            IndexName="by_change",
            KeyConditionExpression="listed = :all",
            ExpressionAttributeValues=marshal({":all": LISTED}),
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        last = answer.get("LastEvaluatedKey")
        return OptOutPage(
            items=tuple(_stored(item) for item in answer["Items"]),
            next=f"{last['changed_at']['S']}|{last['pk']['S']}" if last else None,
        )

    def all(self) -> Iterator[StoredOptOut]:
        """Every opt-out, newest first, including those of forgotten numbers."""
        cursor = None
        while True:
            page = self.listed(cursor=cursor, limit=500)
            yield from page.items
            if page.next is None:
                return
            cursor = page.next

    def _id(self, recipient: Recipient) -> Item:
        number = spellings(recipient.number)[0]  # the same for each spelling
        text = f"opt-out\x1f{recipient.scope}\x1f{number}".encode()
        return marshal({"pk": f"{PREFIX}{hmac.digest(self._key(), text, hashlib.sha256).hex()}"})


def _values(changed: StoredOptOut) -> Item:
    latest = {
        str(kind): {"at": each.at, "source": each.source, **({"reason": each.reason} if each.reason else {})}
        for kind, each in changed.opt_out.latest.items()
    }
    return marshal(
        {
            "scope": changed.recipient.scope,
            "to": changed.recipient.number or None,
            "latest": latest,
            "version": changed.version,
            "changed_at": changed.changed_at,
            "listed": LISTED,
        }
    )


def _stored(item: Mapping[str, Any]) -> StoredOptOut:
    """A stored item as an opt-out; raises ``Unavailable``, with the key, if it cannot be read."""
    try:
        return _from_values(unmarshal(dict(item)))
    except UNREADABLE as error:
        raise Unavailable(f"{item['pk']['S']} cannot be read: {type(error).__name__}") from error


def _from_values(values: Mapping[str, Any]) -> StoredOptOut:
    latest = {
        Kind(kind): Statement(kind=Kind(kind), at=each["at"], source=each["source"], reason=each.get("reason", ""))
        for kind, each in values["latest"].items()
    }
    return StoredOptOut(
        recipient=Recipient(scope=values["scope"], number=values.get("to", "")),
        opt_out=OptOut(latest),
        version=int(values["version"]),
        changed_at=values["changed_at"],
    )


def _start_key(cursor: str) -> Item:
    changed_at, _, pk = cursor.partition("|")
    return marshal({"listed": LISTED, "changed_at": changed_at, "pk": pk})

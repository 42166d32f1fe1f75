"""Erase a recipient from a record, and the conditions under which a record has to wait (ADR 12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sms_tracker.aws.api import Item, marshal
from sms_tracker.aws.items import stored
from sms_tracker.aws.updates import Update
from sms_tracker.domain.record import Record, SendPhase

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_COMPARED = timedelta(days=8)
"""How long the search for a lost answer may still compare the message."""
_TRIES = 5


def waits(record: Record, *, now: datetime) -> str | None:
    """Why a record cannot be erased yet; None if it can."""
    if not record.state.status.final:
        return f"open ({record.state.status}): reports and look-ups still need its number"
    lost = record.send.phase is SendPhase.CLAIMED or record.resend_if_lost
    named = all(attempt in record.state.ids for attempt in range(1, record.send.attempt + 1))
    ended = datetime.fromisoformat(record.created_at) + _COMPARED
    if lost and not named and now < ended:
        return f"its answer was lost: another message may be compared with it until {ended:%Y-%m-%d}"
    return None


@dataclass(frozen=True, slots=True)
class Eraser:
    """Removes every personal field from a record; sender, kind, times and statuses stay."""

    dynamodb: DynamoDBClient
    table: str

    def forget(self, record: Record, *, now: datetime) -> str:
        """``forgotten``, or the reason against it, by the record's current state: reports may still arrive."""
        current: Record | None = record
        for _ in range(_TRIES):
            if current is None or not current.to:
                return "forgotten"  # deleted by its retention, or erased by another run
            if why := waits(current, now=now):
                return why
            try:
                self.dynamodb.update_item(
                    TableName=self.table, Key=_key(current), **_without_person(current).arguments()
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                current = self._read(current)
            else:
                return "forgotten"
        return "changed too often; run it again"

    def _read(self, record: Record) -> Record | None:
        answer = self.dynamodb.get_item(TableName=self.table, Key=_key(record), ConsistentRead=True)
        return stored(answer["Item"]) if "Item" in answer else None


def _without_person(record: Record) -> Update:
    """One write, conditional on the status and timeline that were read. The status does not change, nor ``version``."""
    update = Update()
    update.require(f"{update.path('final')} = {update.value(True)}")  # noqa: FBT003  # a value
    update.require(f"{update.path('version')} = {update.value(record.version)}")
    update.require(f"size({update.path('reports')}) = {update.value(len(record.reports))}")
    for name in ("to", "body", "text", "reference", "client_reference"):
        update.set(None, name)
    if record.state.failure is not None:
        update.set(None, "failure", "message")
    for fingerprint in record.reports:
        update.set(None, "reports", fingerprint, "text")
        update.set(None, "reports", fingerprint, "fields")
    return update


def _key(record: Record) -> Item:
    return marshal({"message_id": record.message_id})

"""The write of one report with boto3, under the same condition as the project's."""

import os

import boto3
from boto3.dynamodb.types import TypeSerializer

from sms_tracker.domain.report import Report

_TABLE = os.environ["MESSAGES_TABLE"]
_dynamodb = boto3.client("dynamodb")
_serialize = TypeSerializer().serialize
_NAMES = {"#reports": "reports", "#status": "status", "#final": "final", "#order": "order", "#at": "status_at"}
_MOVE = (
    "SET #reports.#report = :entry, #status = :status, #order = :order, #at = :at, #final = :final, updated_at = :now,"
    " attempt = :attempt, provider = :provider, provider_message_id = :known, provider_key = :key,"
    " ids.#attempt = :known, version = version + :one REMOVE attention, due_at"
)
_NEW = "attribute_exists(message_id) AND attribute_not_exists(#reports.#report) AND size(#reports) <= :room"
_MOST = 29


def apply(message_id: str, report: Report, now: str) -> str:
    """One UpdateItem for a report in order; raises for others, which are not measured."""
    assert report.status is not None  # noqa: S101  # for the type checker
    entry = {"word": report.word, "code": report.code, "received": report.received, "attempt": report.attempt}
    values = {
        ":entry": {name: value for name, value in entry.items() if value is not None},
        ":now": now,
        ":room": _MOST,
        ":status": str(report.status),
        ":order": report.order,
        ":at": report.at,
        ":final": report.status.final,
        ":attempt": report.attempt,
        ":provider": report.provider,
        ":known": report.provider_message_id,
        ":key": f"{report.provider}#{report.provider_message_id}",
        ":one": 1,
    }
    _dynamodb.update_item(
        TableName=_TABLE,
        Key={"message_id": {"S": message_id}},
        UpdateExpression=_MOVE,
        ConditionExpression=f"{_NEW} AND #order < :order",
        ExpressionAttributeNames={**_NAMES, "#report": report.fingerprint, "#attempt": str(report.attempt)},
        ExpressionAttributeValues={name: _serialize(value) for name, value in values.items()},
    )
    return "applied"

"""The measured process of a case of bench.clients; it imports almost nothing before the clock starts."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

Call = Callable[[], object]
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/reports"
SEND = {"QueueUrl": URL, "MessageBody": json.dumps({"v": 1, "fields": {f"Name{n}": "x" * 30 for n in range(12)}})}
UPDATE: dict[str, Any] = {
    "TableName": "messages",
    "Key": {"message_id": {"S": "7d2a2b1c-0000-4000-8000-000000000001"}},
    "UpdateExpression": "SET #status = :v0, #version = #version + :v1, #reports.#n6162 = :v2",
    "ConditionExpression": "attribute_exists(#message_id) AND #order < :v3",
    "ExpressionAttributeNames": {f"#{n}": n for n in ("status", "version", "reports", "message_id", "order")},
    "ExpressionAttributeValues": {
        ":v0": {"S": "delivered"},
        ":v1": {"N": "1"},
        ":v2": {"M": {"word": {"S": "delivered"}, "attempt": {"N": "1"}}},
        ":v3": {"N": "1221"},
    },
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
_WARM = 200


def _boto3() -> tuple[Call, Call]:
    import boto3  # noqa: PLC0415  # what is measured
    from botocore.config import Config  # noqa: PLC0415  # what is measured

    config = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
    sqs, dynamodb = boto3.client("sqs", config=config), None

    def update() -> object:
        nonlocal dynamodb
        dynamodb = dynamodb or boto3.client("dynamodb", config=config)
        return dynamodb.update_item(**UPDATE)

    return lambda: sqs.send_message(**SEND), update  # type: ignore[arg-type]  # plain JSON


def _own() -> tuple[Call, Call]:
    from sms_tracker.aws.json_client import api  # noqa: PLC0415  # what is measured

    sqs, dynamodb = api("sqs", attempts=2), api("dynamodb", attempts=2)
    return lambda: sqs("SendMessage", **SEND), lambda: dynamodb("UpdateItem", **UPDATE)


CASES = {
    "boto3": _boto3,
    "own client": _own,
}


def measure(case: str) -> dict[str, float]:
    """CPU milliseconds up to the end of the first SendMessage, then of each further call; modules imported."""
    known = len(sys.modules)
    began = time.process_time()
    send, update = CASES[case]()
    send()
    first = time.process_time() - began
    modules = len(sys.modules) - known
    return {"first": first * 1000, "send": _warm(send), "update": _warm(update), "modules": modules}


def _warm(call: Call) -> float:
    for _ in range(20):
        call()
    began = time.process_time()
    for _ in range(_WARM):
        call()
    return (time.process_time() - began) / _WARM * 1000


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))

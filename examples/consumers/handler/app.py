"""Keep the newest status of each message. Copy it, and store what your application needs."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import boto3

_KEPT_SECONDS = 400 * 24 * 3600
"""Longer than the bus's archive: a replayed old event must still meet the newer version."""
_logger = logging.getLogger(__name__)
_table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def from_queue(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """A batch of the queue. Failed records are delivered again and end in the dead-letter queue."""
    failed = []
    for record in event["Records"]:
        try:
            keep(json.loads(record["body"])["detail"])
        except Exception:
            _logger.exception("failed: %s", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def from_bus(event: Mapping[str, Any], _context: object) -> None:
    """One event of the bus."""
    keep(event["detail"])


def keep(detail: Mapping[str, Any]) -> bool:
    """Store the event if its version is the message's highest so far; False for a duplicate or an older event.

    Comparison and write are one call, so concurrent and reordered events have the same result. An action after it may
    run twice; an effect that must happen exactly once per change belongs in this write.
    """
    item = {name: detail[name] for name in ("message_id", "version", "status", "outcome", "reference", "failure")}
    try:
        _table.put_item(
            Item={**item, "expires_at": int(time.time()) + _KEPT_SECONDS},
            ConditionExpression="attribute_not_exists(message_id) OR version < :version",
            ExpressionAttributeValues={":version": detail["version"]},
        )
    except _table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True

"""Canned answers of AWS and the providers: plausible, constant, stored nowhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from bench.endpoint import Call, Respond
from sms_tracker.aws.gateway import key_id
from sms_tracker.aws.items import to_item
from tests.cloud import API_KEY, BIRD_ID, SECRETS
from tests.factories import record

BASE_URL = "https://sms.example.com"
"""The public address for which the samples in events/ are signed."""
_ID = "00000000-0000-4000-8000-000000000000"
_PUBLISHED = f"<PublishResponse><PublishResult><MessageId>{_ID}</MessageId></PublishResult></PublishResponse>"
KEY: Mapping[str, Any] = {"pk": {"S": key_id(API_KEY)}, "client": {"S": "shop"}, "scopes": {"SS": ["read", "send"]}}
"""The stored API key of the samples in events/."""
Body = Mapping[str, Any]


def parameters(prefix: str, provider_url: str) -> dict[str, str]:
    """The parameter store as `make secrets` and the stack fill it."""
    values = {f"{prefix}/public-base-urls": BASE_URL}
    for owner, document in SECRETS.items():
        known = document if owner == "service" else {**document, "api_url": provider_url}
        values[f"{prefix}/secrets/{owner}"] = json.dumps(known)
    return values


def _item(body: Body) -> Body:
    """A message, a key or nothing, by the table's key."""
    if "message_id" in body["Key"]:
        return {"Item": to_item(record(message_id=body["Key"]["message_id"]["S"]))}
    return {"Item": KEY} if body["Key"]["pk"] == KEY["pk"] else {}


def _sent(body: Body) -> Body:
    md5 = hashlib.md5(body["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    return {"MessageId": _ID, "MD5OfMessageBody": md5}


_REPLIES: dict[str, Callable[[Body], Body | str]] = {
    "SendMessage": _sent,
    "GetQueueAttributes": lambda _: {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:1:reports"}},
    "Publish": lambda _: _PUBLISHED,
    "PutEvents": lambda body: {"FailedEntryCount": 0, "Entries": [{"EventId": _ID} for _ in body["Entries"]]},
    "PutItem": lambda _: {},
    "UpdateItem": lambda _: {},
    "GetItem": _item,
    "Query": lambda _: {"Items": [], "Count": 0, "ScannedCount": 0},
    "BatchGetItem": lambda body: {"Responses": {name: [] for name in body["RequestItems"]}},
}


def responder(stored: Mapping[str, str]) -> Respond:
    """AWS with these parameters in its store, and the providers."""

    def respond(call: Call) -> Body | str:
        if call.service == "provider":
            return _provider(call.operation)
        if call.operation == "GetParameters":
            names = [name for name in call.body["Names"] if name in stored]
            found = [{"Name": name, "Type": "SecureString", "Value": stored[name]} for name in names]
            return {"Parameters": found, "InvalidParameters": []}
        return _REPLIES[call.operation](call.body)

    return respond


def _provider(path: str) -> Body:
    """Both providers' create calls, always taken, and Twilio's look-up of a message: delivered."""
    if path == "/messages":
        item = {"recipient": 32470123456, "status": "sent", "statusDatetime": "2026-01-31T12:00:00+00:00"}
        return {"id": BIRD_ID, "recipients": {"items": [item]}}
    if path.endswith("/Messages.json"):
        return {"sid": f"SM{uuid4().hex}", "status": "queued"}
    return {"sid": path.rpartition("/")[2].removesuffix(".json"), "status": "delivered"}

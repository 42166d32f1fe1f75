"""Canned answers of AWS and the providers: plausible, constant, stored nowhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from bench.endpoint import Answer, Call, Respond, answered
from sms_tracker.aws.items import to_item
from sms_tracker.aws.keys import key_id
from tests.cloud import API_KEY, BIRD_ID, SECRETS
from tests.factories import record

BASE_URL = "https://sms.example.com"
"""The public address for which the samples in events/ are signed."""

_ID = "00000000-0000-4000-8000-000000000000"
_PUBLISHED = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
    f"<PublishResult><MessageId>{_ID}</MessageId></PublishResult>"
    f"<ResponseMetadata><RequestId>{_ID}</RequestId></ResponseMetadata></PublishResponse>"
)


def parameters(prefix: str, provider_url: str) -> dict[str, str]:
    """The parameter store as `make secrets` and the stack fill it."""
    values = {f"{prefix}/public-base-urls": BASE_URL}
    for owner, document in SECRETS.items():
        known = document if owner == "service" else {**document, "api_url": provider_url}
        values[f"{prefix}/secrets/{owner}"] = json.dumps(known)
    return values


def _item(body: Mapping[str, Any]) -> dict[str, Any]:
    """A message, a key or nothing, by the table's key."""
    if "message_id" in body["Key"]:
        return {"Item": to_item(record(message_id=body["Key"]["message_id"]["S"]))}
    if body["Key"]["pk"]["S"] != key_id(API_KEY):
        return {}
    return {"Item": {**body["Key"], "client": {"S": "shop"}, "scopes": {"SS": ["read", "send"]}}}


def _sent(body: Mapping[str, Any]) -> dict[str, Any]:
    md5 = hashlib.md5(body["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    return {"MessageId": _ID, "MD5OfMessageBody": md5}


_REPLIES: dict[tuple[str, str], Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    ("sqs", "SendMessage"): _sent,
    ("sqs", "GetQueueAttributes"): lambda _: {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:1:reports"}},
    ("events", "PutEvents"): lambda body: {
        "FailedEntryCount": 0,
        "Entries": [{"EventId": _ID} for _ in body["Entries"]],
    },
    ("dynamodb", "PutItem"): lambda _: {},
    ("dynamodb", "UpdateItem"): lambda _: {},
    ("dynamodb", "GetItem"): _item,
    ("dynamodb", "Query"): lambda _: {"Items": [], "Count": 0, "ScannedCount": 0},
    ("dynamodb", "BatchGetItem"): lambda body: {"Responses": {name: [] for name in body["RequestItems"]}},
}


def aws(stored: Mapping[str, str]) -> Respond:
    """AWS with these parameters in its store."""

    def respond(call: Call) -> Answer:
        if call.service == "sns":
            return Answer(_PUBLISHED.encode(), kind="text/xml")
        if call.service == "ssm":
            names = [name for name in call.body["Names"] if name in stored]
            found = [{"Name": name, "Type": "SecureString", "Value": stored[name]} for name in names]
            return answered({"Parameters": found, "InvalidParameters": []})
        return answered(_REPLIES[call.service, call.operation](call.body))

    return respond


def provider(call: Call) -> Answer:
    """Both providers' create calls, always taken, and Twilio's look-up of a message: delivered."""
    if call.operation == "/messages":
        item = {"recipient": 32470123456, "status": "sent", "statusDatetime": "2026-01-31T12:00:00+00:00"}
        return answered({"id": BIRD_ID, "recipients": {"items": [item]}}, 201)
    if call.operation.endswith("/Messages.json"):
        return answered({"sid": f"SM{uuid4().hex}", "status": "queued"}, 201)
    return answered({"sid": call.operation.rpartition("/")[2].removesuffix(".json"), "status": "delivered"})

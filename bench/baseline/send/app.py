"""A send with httpx and boto3: record the message, ask the provider, record the answer; no checks."""

import json
import os
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from plain.records import apply, put
from plain.settings import settings
from sms_tracker import providers
from sms_tracker.domain.http import HttpResponse
from sms_tracker.domain.outbound import Accepted, OutboundMessage, SendOutcome
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.segments import Encoding

_PROVIDER = "twilio"
_SENDER = dict(pair.split("=") for pair in os.environ["SENDERS"].split(","))[_PROVIDER]
_client = httpx.Client(timeout=20)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Answer one request."""
    asked, client = json.loads(event["body"]), event["requestContext"]["authorizer"]["lambda"]["client"]
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message_id = str(uuid4())
    put(_item(client, asked, now) | {"message_id": message_id})
    outcome = _ask(message_id, asked["to"], asked["body"])
    if not isinstance(outcome, Accepted):
        raise RuntimeError(str(outcome))  # noqa: TRY004  # an outcome, not a type
    report = Report(
        provider=_PROVIDER,
        word=outcome.word,
        status=outcome.status,
        received=now,
        provider_message_id=outcome.provider_message_id,
        source=Source.ANSWER,
    )
    apply(message_id, report, now)
    answer = {"message_id": message_id, "status": str(outcome.status), "provider": _PROVIDER, "to": asked["to"]}
    return {"statusCode": 202, "body": json.dumps(answer)}


def _ask(message_id: str, to: str, body: str) -> SendOutcome:
    adapter, (base, credentials) = providers.load(_PROVIDER), settings()
    message = OutboundMessage(
        message_id=message_id,
        attempt=1,
        to=to,
        sender=_SENDER,
        body=body,
        encoding=Encoding.GSM_7,
        token="",
        validity_seconds=None,
    )
    url = f"{base}/webhooks/{_PROVIDER}?message_id={message_id}&attempt=1"
    request = adapter.send_request(message, credentials=credentials[_PROVIDER], callback_url=url)
    answer = _client.request(request.method, request.url, headers=dict(request.headers), content=request.body)
    return adapter.send_outcome(HttpResponse(answer.status_code, dict(answer.headers), answer.content))


def _item(client: str, asked: dict[str, Any], now: str) -> dict[str, Any]:
    times = dict.fromkeys(("status_at", "created_at", "updated_at"), now)
    values = {"version": 1, "status": "pending", "order": 20, "attempt": 1, "final": False, "ids": {}, "reports": {}}
    keys = {"client_reference": f"{client}#{asked.get('reference')}", "time_shard": f"{now[:10]}#00"}
    request = {name: asked.get(name) for name in ("to", "reference")}
    return {**times, **values, **keys, **request, "client": client, "from": _SENDER, "provider": _PROVIDER}

"""A callback's way into the queue, short of the framework around it; signatures are checked by the project's code."""

import os
from datetime import UTC, datetime
from typing import Any

import boto3

from plain.settings import settings
from sms_tracker import providers
from sms_tracker.domain.http import HttpRequest

_QUEUE = os.environ["REPORTS_QUEUE_URL"]
_sqs = boto3.client("sqs")


def verified(provider: str, request: HttpRequest) -> dict[str, Any]:
    """The envelope's values; raises ``InvalidSignature``. ``request.url`` is the raw path and query."""
    adapter = providers.load(provider)
    base, credentials = settings()
    public = HttpRequest(request.method, base + request.url, request.headers, request.body)
    adapter.verify(public, secrets=adapter.keys(credentials[provider]), now=datetime.now(UTC))
    return {
        "v": 1,
        "provider": provider,
        "source": "callback",
        "received_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "fields": dict(adapter.fields(public)),
    }


def enqueue(body: str) -> None:
    """One SendMessage."""
    _sqs.send_message(QueueUrl=_QUEUE, MessageBody=body)

"""A message's way out with httpx and boto3: record it, ask the provider, record the answer."""

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

_SENDER = dict(pair.split("=") for pair in os.environ["SENDERS"].split(","))
_client = httpx.Client(timeout=20)


def send(client: str, to: str, body: str, provider: str, reference: str | None) -> dict[str, Any]:
    """Returns what the caller is told."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message_id = str(uuid4())
    item = _item(client, to, provider, reference, now) | {"message_id": message_id, "from": _SENDER[provider]}
    put(item)
    outcome = _ask(message_id, to, body, provider)
    if not isinstance(outcome, Accepted):
        raise RuntimeError(str(outcome))  # noqa: TRY004  # an outcome, not a type
    report = Report(
        provider=provider,
        word=outcome.word,
        status=outcome.status,
        received=now,
        provider_message_id=outcome.provider_message_id,
        source=Source.ANSWER,
    )
    apply(message_id, report, now)
    return {"message_id": message_id, "status": str(outcome.status), "provider": provider, "to": to}


def _ask(message_id: str, to: str, body: str, provider: str) -> SendOutcome:
    adapter, (base, credentials) = providers.load(provider), settings()
    message = OutboundMessage(
        message_id=message_id,
        attempt=1,
        to=to,
        sender=_SENDER[provider],
        body=body,
        encoding=Encoding.GSM_7,
        validity_seconds=None,
    )
    url = f"{base}/webhooks/{provider}?message_id={message_id}&attempt=1"
    request = adapter.send_request(message, credentials=credentials[provider], callback_url=url)
    answer = _client.request(request.method, request.url, headers=dict(request.headers), content=request.body)
    return adapter.send_outcome(HttpResponse(answer.status_code, dict(answer.headers), answer.content))


def _item(client: str, to: str, provider: str, reference: str | None, now: str) -> dict[str, Any]:
    return {
        "version": 1,
        "status": "pending",
        "order": 20,
        "attempt": 1,
        "final": False,
        "status_at": now,
        "provider": provider,
        "ids": {},
        "reports": {},
        "client": client,
        "to": to,
        "reference": reference,
        "client_reference": f"{client}#{reference}" if reference else None,
        "time_shard": f"{now[:10]}#00",
        "created_at": now,
        "updated_at": now,
    }

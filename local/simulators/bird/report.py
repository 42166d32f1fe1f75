"""Bird's events about messages, signed as Standard Webhooks by the reference library of that standard."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from random import SystemRandom
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from standardwebhooks import Webhook

from local.simulators import segments
from local.simulators.base import Document, Reported
from local.simulators.callback_sender import ALL, Outgoing, RetryPolicy
from local.simulators.ledger import Charge, Message, now
from local.simulators.scenario import Code, Step

_RETRY_POLICY = RetryPolicy(retries=4, retried=ALL, total=60.0)
"""Retries after every answer but 2xx; Bird does not document their number."""

FAILED = frozenset({"undelivered", "failed", "rejected", "expired"})
WORKSPACE = "ws_01krdgeqcxet5s7t44vh8rt9mg"
_FORGED = "whsec_" + "Zm9yZ2VkIGJ5IGEgc3RyYW5nZXIh"
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM = SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The workspace's key (made up), and the endpoint registered at the start (none without a URL).

    ``coverage`` of a STOP is ``all`` or ``non_transactional``; ``own_start`` are further words for START.
    """

    api_key: str = "bk_us1_local-simulator-bird-api-key"
    webhook_url: str = ""
    webhook_secret: str = "whsec_bG9jYWwgc2ltdWxhdG9yIG9mIGJpcmQ="  # noqa: S105 - opens nothing but the simulator
    coverage: str = "all"
    own_start: str = ""

    def __post_init__(self) -> None:
        if not self.api_key:
            raise ValueError("api_key cannot be empty")
        Webhook(self.webhook_secret)


def new_id(prefix: str) -> str:
    """An id of Bird's form: a prefix and 26 characters of Crockford's base 32."""
    return f"{prefix}_" + "".join(_RANDOM.choice(_LETTERS) for _ in range(26))


def zulu(moment: datetime) -> str:
    """RFC 3339 with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error(message: Message, step: Step, text: str | None) -> dict[str, Any]:
    """Failure detail. Bird's word for a failure that it cannot classify is ``unknown``."""
    return {
        "code": str(step.code or "unknown"),
        "description": text or "The message could not be delivered.",
        "carrier_error_code": None,
        "occurred_at": zulu(message.step_at),
        "permanent": None,
    }


def event(message: Message, step: Step, text: str | None) -> dict[str, Any]:
    """The event of a step."""
    data: dict[str, Any] = {
        "sms_id": message.id,
        "workspace_id": WORKSPACE,
        "to": message.to,
        "from": message.sender,
        "tags": message.extra.get("tags"),
        "metadata": message.extra.get("metadata"),
        "requested_language": None,
        "resolved_language": None,
        "template_id": None,
        "template_version_id": None,
        "template_content_hash": None,
        "country_code": None,
        "cost": cost(message, step.word),
    }
    data |= {"segments": segments_json(message.body)} if step.word == "accepted" else {}
    data |= {"carrier": "Simulated", "mcc_mnc": "20408"} if step.word in {"sent", "delivered"} else {}
    data |= {"error": error(message, step, text)} if step.word in FAILED else {}
    return {
        "type": f"sms.{step.word}",
        "timestamp": zulu(message.step_at),
        "data": data | dict(message.script.fields),
    }


def received(message: Message) -> dict[str, Any]:
    """A person's message to one of our numbers."""
    data = {
        "sms_id": f"sms_{message.id[:26]}",
        "workspace_id": WORKSPACE,
        "to": message.to,
        "from": message.sender,
        "text": message.body,
        "segments": segments_json(message.body),
        "tags": None,
        "metadata": None,
        "country_code": "NL",
        "cost": None,
    }
    return {"type": "sms.received", "timestamp": zulu(message.taken_at), "data": data}


def suppression(created: Mapping[str, Any]) -> dict[str, Any]:
    """The event of a new suppression. Bird sends none for its end."""
    named = {name: created[name] for name in ("destination", "originator", "reason")}
    data = {"suppression_id": created["id"], "workspace_id": WORKSPACE, **named}
    return {"type": "sms_suppression.created", "timestamp": created["effective_at"], "data": data}


_TRANSACTION, _DELIVERY = Decimal("0.00500"), Decimal("0.00290")
"""Euros for each segment: once it is sent, and in addition once it is delivered."""
_CHARGED = frozenset({"sent", "delivered", "undelivered", "expired", "failed"})


def charge(message: Message, word: str) -> Charge | None:
    """The cost at that status: the delivery is charged in addition."""
    if word not in _CHARGED:
        return None
    fee = _TRANSACTION + (_DELIVERY if word == "delivered" else 0)
    return Charge(fee * segments.count(message.body), "EUR")


def cost(message: Message, word: str) -> dict[str, Any] | None:
    """The charge in Bird's format."""
    due = charge(message, word)
    if due is None:
        return None
    amount = str(due.amount)
    return {
        "amount": amount,
        "currency_code": due.currency,
        "transaction_amount": amount,
        "passthrough_amount": None,
    }


def segments_json(text: str) -> dict[str, Any]:
    encoding = "GSM_7BIT" if segments.plain(text) else "UCS2"
    return {"count": segments.count(text), "encoding": encoding, "characters": len(text)}


def signed_request(url: str, event: Mapping[str, Any], secrets: Iterable[str], *, event_id: str) -> Outgoing:
    """The request that delivers an event, signed now with each secret."""
    body, at = json.dumps(event), now()
    signatures = [Webhook(secret).sign(event_id, at, body) for secret in secrets]
    return Outgoing(
        method="POST",
        url=url,
        headers={
            "content-type": "application/json",
            "user-agent": "Bird-Webhooks/1.0",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        },
        body=body.encode(),
        retry_policy=_RETRY_POLICY,
    )


def forged_request(url: str, event: Mapping[str, Any]) -> Outgoing:
    """The same, signed with another secret."""
    return signed_request(url, event, [_FORGED], event_id=new_id("whe"))


def signed(document: Document, reported: Reported) -> Outgoing:
    """A genuine event from the workspace of a secret document; its metadata is the callback URL's query."""
    parts, message = urlsplit(reported.callback_url), reported.message
    message.extra["metadata"] = dict(parse_qsl(parts.query)) | {"message_id": reported.message_id}
    url = parts._replace(query="", fragment="").geturl()
    return signed_request(url, event(message, message.step, None), [document["webhook_secret"]], event_id=new_id("whe"))


def error_text(code: Code | None) -> str | None:
    """The description of a delivery error code."""
    return None if code is None else f"The message failed: {str(code).replace('_', ' ')}."

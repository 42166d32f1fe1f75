"""Records and reports with default values."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sms_tracker.domain.cost import Cost, Price
from sms_tracker.domain.outbound import OutboundMessage, SearchCriteria
from sms_tracker.domain.record import Record, Send, SendPhase
from sms_tracker.domain.report import Report, timestamp
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.domain.text import Encoding, Segmentation
from tests.fakes import START

MESSAGE_ID = "0b0e9f0a-53cf-4f13-9f0c-6a35d1a3f7de"
TO = "+31612345678"
NOW = timestamp(START)


def record(**values: Any) -> Record:
    """A message of client shop to TO through Twilio, recorded and claimed, without any report."""
    defaults: dict[str, Any] = {
        "message_id": MESSAGE_ID,
        "version": 1,
        "state": initial_state(attempt=1, at=NOW, provider="twilio"),
        "send": Send(phase=SendPhase.CLAIMED, attempt=1, token="a-token", until=int(START.timestamp()) + 33),
        "client": "shop",
        "to": TO,
        "sender": "+15551234567",
        "segmentation": Segmentation(Encoding.GSM_7, 1),
        "fingerprint": "f" * 22,
        "text_hash": "t" * 12,
        "created_at": NOW,
        "updated_at": NOW,
        "expires_at": int(START.timestamp()) + 90 * 86400,
        "reference": "order-42",
    }
    return Record(**{**defaults, **values})


def report(status: Status | None = Status.SENT, **values: Any) -> Report:
    """A callback with the status as its word, and a failure for a failed status."""
    defaults: dict[str, Any] = {
        "provider": "twilio",
        "word": "" if status is None else str(status),
        "status": status,
        "received": NOW,
        "provider_message_id": "SM" + "1" * 32,
    }
    made = Report(**{**defaults, **values})
    if made.is_failure and "failure" not in values:
        values["failure"] = Failure(category=Category.TEMPORARY, reason=Reason.UNREACHABLE, code=made.code)
        made = Report(**{**defaults, **values})
    return made


def cost(amount: str, at: str = NOW, currency: str = "EUR", segments: int | None = None) -> Cost:
    """What an attempt costs, as observed at NOW."""
    return Cost(price=Price(amount, currency), observed_at=at, segments=segments)


def outbound(**values: Any) -> OutboundMessage:
    """The first handing of a message to a provider."""
    defaults: dict[str, Any] = {
        "message_id": MESSAGE_ID,
        "attempt": 1,
        "to": TO,
        "sender": "+15551234567",
        "body": "Your parcel is here",
        "encoding": Encoding.GSM_7,
        "token": "a-token",
    }
    return OutboundMessage(**{**defaults, **values})


def criteria(**values: Any) -> SearchCriteria:
    """A search for that handing, around NOW."""
    defaults: dict[str, Any] = {
        "message_id": MESSAGE_ID,
        "references": frozenset({f"{MESSAGE_ID}.a-token"}),
        "provider": "any",
        "to": TO,
        "sender": "+15551234567",
        "text_hash": "a-hash",
        "since": timestamp(START - timedelta(minutes=2)),
        "until": timestamp(START + timedelta(minutes=3)),
    }
    return SearchCriteria(**{**defaults, **values})

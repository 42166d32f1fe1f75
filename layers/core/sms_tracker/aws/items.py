"""Records as DynamoDB items and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sms_tracker.aws.api import UNREADABLE, Item, marshal, unmarshal
from sms_tracker.aws.costs import costs_of
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.indexes import client_references, failed_shard, time_shard
from sms_tracker.domain.record import Entry, Record, Send, SendPhase
from sms_tracker.domain.report import Report, Source, before
from sms_tracker.domain.state import RankedFailure, State
from sms_tracker.domain.status import Outcome, Status
from sms_tracker.domain.text import Encoding, Segmentation


def failure_values(failure: RankedFailure) -> dict[str, object]:
    """A failure as stored."""
    cause = failure.failure
    values = {"category": str(cause.category), "reason": str(cause.reason), "order": failure.order}
    return values | _without_none({"code": cause.code, "message": cause.message})


def entry_values(report: Report, *, foreign: bool, keep_fields: bool) -> dict[str, object]:
    """A report as the timeline stores it, with the further fields of failures and unknown words, or of all reports.

    To keep an item below 1 KB (ADR 18), the usual source (callback) is left out, and the provider's time is stored as
    its distance from the receipt.
    """
    lag = report.lag
    has_fields = report.details and (keep_fields or report.is_failure or not report.recognised)
    values = {
        "word": report.word,
        "code": report.code,
        "occurred": report.occurred if lag is None else None,
        "lag": lag,
        "received": report.received,
        "attempt": report.attempt,
        "source": None if report.source is Source.CALLBACK else str(report.source),
        "text": report.failure.message if report.failure else None,
        "foreign": True if foreign else None,
        "fields": dict(report.details) if has_fields else None,
    }
    return _without_none(values)


def send_values(send: Send) -> dict[str, object]:
    """A claim as stored."""
    values = {"state": str(send.phase), "attempt": send.attempt, "token": send.token, "until": send.until}
    return values | ({"request": send.request} if send.request else {})


def attention(state: State, message_id: str, now: str) -> str | None:
    """A failure's key in the sparse index by_attention; None for other statuses."""
    return failed_shard(now, message_id) if state.status.outcome is Outcome.FAILURE else None


def to_item(record: Record) -> Item:
    """The item of a new record, before any report, with its index keys."""
    state = record.state
    return marshal(
        {
            "message_id": record.message_id,
            "version": record.version,
            "status": str(state.status),
            "order": state.order,
            "attempt": state.attempt,
            "final": state.status.final,
            "status_at": state.at,
            "provider": state.provider,
            "ids": {},
            "reports": {},
            "send": send_values(record.send),
            "client": record.client,
            "to": record.to or None,
            "from": record.sender,
            "reference": record.reference,
            "encoding": str(record.segmentation.encoding),
            "segments": record.segmentation.segments,
            "fingerprint": record.fingerprint,
            "text": record.text_hash,  # short, to keep an item with three reports below 1 KB
            "resend_if_lost": record.resend_if_lost or None,
            "validity_seconds": record.validity_seconds,
            "category": record.category,
            "body": record.body,
            "test": record.test or None,
            "created_at": record.created_at,
            "updated_at": record.updated_at,
            "expires_at": record.expires_at,
            "client_reference": client_references(record.client, record.reference)[0] if record.reference else None,
            "time_shard": time_shard(record.created_at, record.message_id),
        }
    )


def from_item(item: Item) -> Record:
    """A stored item as a record; raises ``KeyError``, ``ValueError`` or the like if it is none."""
    values = unmarshal(item)
    return Record(
        message_id=values["message_id"],
        version=int(values["version"]),
        state=_state(values),
        send=_send(values["send"]),
        client=values["client"],
        to=values.get("to", ""),
        sender=values["from"],
        segmentation=Segmentation(Encoding(values["encoding"]), int(values["segments"])),
        fingerprint=values["fingerprint"],
        text_hash=values.get("text", ""),  # missing in older records; equals no HMAC
        created_at=values["created_at"],
        updated_at=values["updated_at"],
        expires_at=int(values["expires_at"]),
        reference=values.get("reference"),
        resend_if_lost=values.get("resend_if_lost", False),
        validity_seconds=int(values["validity_seconds"]) if "validity_seconds" in values else None,
        category=values.get("category"),
        body=values.get("body"),
        test=values.get("test", False),
        costs=costs_of(values),
        network=values.get("network"),
        reports={key: _entry(entry) for key, entry in values["reports"].items()},
        providers={int(attempt): name for attempt, name in values.get("providers", {}).items()},
    )


def stored(item: Item) -> Record:
    """A stored item as a record; raises ``Unavailable``, with the id, if it cannot be read."""
    try:
        return from_item(item)
    except UNREADABLE as error:
        raise Unavailable(f"record {item['message_id']['S']} cannot be read: {type(error).__name__}") from error


def _state(values: Mapping[str, Any]) -> State:
    others = (other.split("#", 1) for other in values.get("other_ids", ()))
    return State(
        status=Status(values["status"]),
        attempt=int(values["attempt"]),
        at=values["status_at"],
        provider=values["provider"],
        ids={int(attempt): provider_id for attempt, provider_id in values["ids"].items()},
        other_ids=frozenset((int(attempt), other) for attempt, other in others),
        failure=_failure(values.get("failure")),
    )


def _failure(values: Mapping[str, Any] | None) -> RankedFailure | None:
    if values is None:
        return None
    failure = Failure(
        category=Category(values["category"]),
        reason=Reason(values["reason"]),
        code=values.get("code"),
        message=values.get("message"),
    )
    return RankedFailure(failure=failure, order=int(values["order"]))


def _send(values: Mapping[str, Any]) -> Send:
    return Send(
        phase=SendPhase(values["state"]),
        attempt=int(values["attempt"]),
        token=values["token"],
        until=int(values["until"]),
        cause=values.get("cause"),
        request=values.get("request"),
    )


def _entry(values: Mapping[str, Any]) -> Entry:
    lag = values.get("lag")
    return Entry(
        word=values["word"],
        received=values["received"],
        attempt=int(values["attempt"]),
        source=values.get("source", str(Source.CALLBACK)),
        code=values.get("code"),
        occurred=values.get("occurred") if lag is None else before(values["received"], int(lag)),
        text=values.get("text"),
        foreign=values.get("foreign", False),
        fields=values.get("fields", {}),
    )


def _without_none(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}

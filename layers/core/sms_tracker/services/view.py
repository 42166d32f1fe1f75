"""How a record is shown to the client that sent it."""

from __future__ import annotations

from typing import Any

from sms_tracker import providers
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import OWN_WORDS


def message(record: Record) -> dict[str, Any]:
    """The record with its timeline, oldest report first; ``failure`` only while the status is one."""
    state, failure = record.state, record.state.shown_failure
    return {
        "message_id": record.message_id,
        "version": record.version,
        "status": str(state.status),
        "final": state.status.final,
        "outcome": str(state.status.outcome),
        "status_at": state.at,
        "provider": state.provider,
        "provider_message_id": state.provider_message_id,
        "attempt": state.attempt,
        "client": record.client,
        "to": record.to or None,
        "from": record.sender,
        "reference": record.reference,
        "body": record.body,
        "encoding": str(record.segmentation.encoding),
        "segments": record.segmentation.segments,
        "price": record.price,
        "network": record.network,
        "failure": None
        if failure is None
        else {
            "category": str(failure.category),
            "reason": str(failure.reason),
            "code": failure.code,
            "message": failure.message,
        },
        "send": str(record.send.phase),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "reports": [_report(entry, state.provider) for entry in _in_time(record)],
    }


def _in_time(record: Record) -> list[Entry]:
    return [entry for _, entry in sorted(record.reports.items(), key=lambda pair: (pair[1].received, pair[0]))]


def _report(entry: Entry, provider: str) -> dict[str, Any]:
    status = OWN_WORDS.get(entry.word) or providers.load(provider).status(entry.word, entry.code)
    return {
        "word": entry.word,
        "status": None if status is None else str(status),
        "code": entry.code,
        "message": entry.text,
        "occurred_at": entry.occurred,
        "received_at": entry.received,
        "attempt": entry.attempt,
        "source": entry.source,
        "other_recipient": entry.foreign,
        "fields": dict(entry.fields),
    }

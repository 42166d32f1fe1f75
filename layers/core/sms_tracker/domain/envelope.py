"""The message in the queue ``reports``: the verified raw fields of one report, not yet interpreted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sms_tracker.domain.callback import CallbackTarget, token_matches
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.report import Source, is_timestamp
from sms_tracker.domain.status import MAX_ATTEMPT

VERSION = 1
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One queued report. ``tries`` counts the look-ups by provider id that found no message."""

    provider: str
    message_id: str | None
    attempt: int
    source: Source
    received_at: str
    fields: Mapping[str, str] = field(repr=False)
    tries: int = 0


def received(
    provider: str, target: CallbackTarget, fields: Mapping[str, str], *, key: bytes, received_at: str
) -> Envelope | None:
    """The envelope of an authentic report; None if another stack on the same account sent the message.

    Without a token the message id is not trusted: the message is found by its provider id. ``key`` is the service's.
    """
    if target.token is not None and not token_matches(key, provider, target):
        return None
    return Envelope(
        provider=provider,
        message_id=target.message_id if target.token else None,
        attempt=target.attempt,
        source=Source.CALLBACK,
        received_at=received_at,
        fields=fields,
    )


def encode(envelope: Envelope) -> str:
    """JSON, version 1; ``tries`` is left out at 0."""
    values: dict[str, object] = {
        "v": VERSION,
        "provider": envelope.provider,
        "message_id": envelope.message_id,
        "attempt": envelope.attempt,
        "source": str(envelope.source),
        "received_at": envelope.received_at,
        "fields": dict(envelope.fields),
    }
    return _encode({**values, "tries": envelope.tries} if envelope.tries else values)


def decode(body: str) -> Envelope:
    """The inverse; raises ``Unreadable``, with the reason for the DLQ."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("the message is not JSON") from None
    if not isinstance(values, dict) or values.get("v") != VERSION:
        raise Unreadable("the message is not an envelope of version 1")
    try:
        envelope = Envelope(
            provider=values["provider"],
            message_id=values["message_id"],
            attempt=values["attempt"],
            source=Source(values["source"]),
            received_at=values["received_at"],
            fields=values["fields"],
            tries=values.get("tries", 0),
        )
    except (KeyError, ValueError):
        raise Unreadable("the envelope lacks a field or names an unknown source") from None
    if not _well_typed(envelope):
        raise Unreadable("a field of the envelope has the wrong type")
    if not is_timestamp(envelope.received_at):
        raise Unreadable("received_at is not a time")
    return envelope


def is_raw(body: str) -> bool:
    """Whether a body is a JSON object without a version: an event that a provider's service put into the queue."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(values, dict) and "v" not in values


def _well_typed(envelope: Envelope) -> bool:
    texts = (envelope.provider, envelope.received_at)
    return (
        all(type(text) is str for text in texts)
        and type(envelope.message_id) in {str, type(None)}
        and type(envelope.attempt) is type(envelope.tries) is int  # not bool
        and 1 <= envelope.attempt <= MAX_ATTEMPT
        and isinstance(envelope.fields, dict)
        and all(type(value) is str for value in envelope.fields.values())
    )

"""What providers send, as queued: reports in the queue ``reports``, replies in the queue ``inbound``.

Both hold the verified raw fields, not yet interpreted. :class:`Inbound` is a reply once it is interpreted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sms_tracker.domain.callback import CallbackTarget, token_matches
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.report import Source, is_timestamp
from sms_tracker.domain.status import MAX_ATTEMPT

if TYPE_CHECKING:
    from sms_tracker.domain.opt_out import Keyword

VERSION = 1
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


# --- Reports


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


def envelope_of(
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


def encode_report(envelope: Envelope) -> str:
    """The body of a queued report: JSON, version 1; ``tries`` is left out at 0."""
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


def decode_report(body: str) -> Envelope:
    """The inverse of :func:`encode_report`; raises ``Unreadable``, with the reason for the DLQ."""
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
    return (
        type(envelope.provider) is type(envelope.received_at) is str
        and type(envelope.message_id) in {str, type(None)}
        and type(envelope.attempt) is type(envelope.tries) is int  # not bool
        and 1 <= envelope.attempt <= MAX_ATTEMPT
        and isinstance(envelope.fields, dict)
        and {*map(type, envelope.fields.values())} <= {str}
    )


# --- Replies, and refusals because of an opt-out


@dataclass(frozen=True, slots=True, kw_only=True)
class RawInbound:
    """The verified raw fields of an inbound webhook or event, as queued."""

    provider: str
    received_at: str
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedSend:
    """An attempt that a provider refused because the recipient opted out, as queued."""

    message_id: str
    attempt: int


def encode_reply(queued: RawInbound | RefusedSend) -> str:
    """The body of a queued reply or refusal: JSON, version 1."""
    if isinstance(queued, RefusedSend):
        kind, values = "refused", {"message_id": queued.message_id, "attempt": queued.attempt}
    else:
        kind = "inbound"
        values = {"provider": queued.provider, "received_at": queued.received_at, "fields": dict(queued.fields)}
    return _encode({"v": VERSION, kind: values})


def decode_reply(body: str) -> RawInbound | RefusedSend:
    """The inverse of :func:`encode_reply`; raises ``Unreadable``, with the reason for the DLQ."""
    try:
        values = json.loads(body)
        if values["v"] != VERSION:
            raise Unreadable("the message is not of version 1")
        return _decode_refused(values["refused"]) if "refused" in values else _decode_inbound(values["inbound"])
    except (ValueError, RecursionError, LookupError, TypeError):
        raise Unreadable("the message is not an envelope") from None


def _decode_refused(values: Mapping[str, Any]) -> RefusedSend:
    return RefusedSend(message_id=str(values["message_id"]), attempt=int(values["attempt"]))


def _decode_inbound(values: Mapping[str, Any]) -> RawInbound:
    fields = values["fields"]
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise Unreadable("the fields are not texts")
    received_at = str(values["received_at"])
    if not is_timestamp(received_at):
        raise Unreadable("received_at is not a time")
    return RawInbound(provider=str(values["provider"]), received_at=received_at, fields=fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A reply as its provider means it: one text, or a notice of an opt-out, which has no text.

    ``sender`` is the person's number, E.164 or a short code; ``to``: our number, and its messaging service if any.
    ``signal`` is the keyword that the provider recognised. ``at`` is the provider's time, RFC 3339. ``answers`` is the
    provider's id of our message that this one answers, if the provider states it.
    """

    provider_message_id: str
    sender: str = field(repr=False)
    to: tuple[str, ...]
    text: str | None = field(repr=False)
    signal: Keyword | None = None
    at: str | None = None
    answers: str | None = None


def encodable(inbound: Inbound) -> Inbound:
    """A copy with a question mark for each lone surrogate (half of an emoji), which UTF-8 cannot encode."""
    text = inbound.text
    return replace(
        inbound,
        provider_message_id=_encodable(inbound.provider_message_id),
        sender=_encodable(inbound.sender),
        to=tuple(map(_encodable, inbound.to)),
        text=None if text is None else _encodable(text),
    )


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

"""Inbound messages: texts that people send to our numbers, and the messages of the queue ``inbound``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.report import is_timestamp

if TYPE_CHECKING:
    from sms_tracker.domain.opt_out import Keyword

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One text, or a provider's notice of an opt-out, which has no text.

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


def encode(queued: RawInbound | RefusedSend) -> str:
    """JSON, version 1."""
    if isinstance(queued, RefusedSend):
        kind, values = "refused", {"message_id": queued.message_id, "attempt": queued.attempt}
    else:
        kind = "inbound"
        values = {"provider": queued.provider, "received_at": queued.received_at, "fields": dict(queued.fields)}
    return json.dumps({"v": VERSION, kind: values}, separators=(",", ":"))


def decode(body: str) -> RawInbound | RefusedSend:
    """The inverse; raises ``Unreadable``, with the reason for the DLQ."""
    try:
        values = json.loads(body)
        if values["v"] != VERSION:
            raise Unreadable("the message is not of version 1")
        return _refused(values["refused"]) if "refused" in values else _raw_inbound(values["inbound"])
    except (ValueError, RecursionError, LookupError, TypeError):
        raise Unreadable("the message is not an envelope") from None


def _refused(values: Mapping[str, Any]) -> RefusedSend:
    return RefusedSend(message_id=str(values["message_id"]), attempt=int(values["attempt"]))


def _raw_inbound(values: Mapping[str, Any]) -> RawInbound:
    fields = values["fields"]
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise Unreadable("the fields are not texts")
    received_at = str(values["received_at"])
    if not is_timestamp(received_at):
        raise Unreadable("received_at is not a time")
    return RawInbound(provider=str(values["provider"]), received_at=received_at, fields=fields)

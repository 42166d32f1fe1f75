"""What comes inbound: texts that people send to our numbers, and the queue's envelopes of what may opt somebody out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sms_tracker.domain.errors import Unreadable

if TYPE_CHECKING:
    from sms_tracker.domain.keywords import Keyword

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One text, or a provider's notice of an opt-out, which has no text.

    ``sender`` is the person's number, E.164 or a short code; ``to`` are our number and the service that it belongs to.
    ``signal`` is the provider's own verdict on the text. ``at`` is the provider's time, RFC 3339.
    """

    provider_message_id: str
    sender: str = field(repr=False)
    to: tuple[str, ...]
    text: str | None = field(repr=False)
    signal: Keyword | None = None
    at: str | None = None


def encodable(inbound: Inbound) -> Inbound:
    """The same with a question mark for each half of a surrogate pair (a cut emoji), which UTF-8 cannot carry."""
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
class Heard:
    """A verified inbound webhook or event, as queued: its raw fields."""

    provider: str
    received_at: str
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedSend:
    """A provider refused an attempt because the recipient opted out. The message's record has the rest."""

    message_id: str
    attempt: int


def encode(queued: Heard | RefusedSend) -> str:
    """JSON, version 1."""
    if isinstance(queued, RefusedSend):
        known: dict[str, object] = {"refused": {"message_id": queued.message_id, "attempt": queued.attempt}}
    else:
        heard = {"provider": queued.provider, "received_at": queued.received_at, "fields": dict(queued.fields)}
        known = {"inbound": heard}
    return json.dumps({"v": VERSION, **known}, separators=(",", ":"))


def decode(body: str) -> Heard | RefusedSend:
    """The inverse; raises ``Unreadable``, with the reason for the DLQ."""
    try:
        values = json.loads(body)
        if values["v"] != VERSION:
            raise Unreadable("the message is not of version 1")
        return _refused(values["refused"]) if "refused" in values else _heard(values["inbound"])
    except (ValueError, RecursionError, LookupError, TypeError):
        raise Unreadable("the message is not an envelope") from None


def _refused(values: Mapping[str, Any]) -> RefusedSend:
    return RefusedSend(message_id=str(values["message_id"]), attempt=int(values["attempt"]))


def _heard(values: Mapping[str, Any]) -> Heard:
    fields = values["fields"]
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise Unreadable("the fields are not texts")
    return Heard(provider=str(values["provider"]), received_at=str(values["received_at"]), fields=fields)

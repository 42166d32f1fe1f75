"""What a client asks for in a query string, and where a page ends, as text."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import phonenumbers
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.indexes import Position, Span
from sms_tracker.domain.report import clean, timestamp
from sms_tracker.domain.status import Status
from sms_tracker.providers.parsing import pairs
from sms_tracker.read.search import SearchQuery
from sms_tracker.services.send_request import refusal

_DEFAULT_LIMIT, _MAX_LIMIT = 20, 100
_DEFAULT_SPAN = timedelta(days=7)
EVER = "2000-01-01T00:00:00.000Z"
"""Before any message of this service; a search looks back no further, whatever it asks for."""


def parameters(query: str) -> dict[str, str]:
    """A raw query's; raises ``InvalidMessage`` where one comes twice, for nobody knows which is meant."""
    found = pairs(query)
    times = Counter(name for name, _ in found)
    if len(times) < len(found):
        raise InvalidMessage([FieldError(clean(name), "comes twice") for name in times if times[name] > 1])
    return dict(found)


def _time(given: str) -> str:
    try:
        moment = datetime.fromisoformat(given.replace(" ", "+"))
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError("is no RFC 3339 time, such as 2026-01-31T12:00:00Z") from None


def _limit(given: str) -> int:
    if re.fullmatch("[0-9]{1,3}", given) and 1 <= int(given) <= _MAX_LIMIT:
        return int(given)
    raise ValueError(f"must be 1 to {_MAX_LIMIT}")


def _number(given: str) -> str:
    try:
        # An unescaped plus arrives as a space, so a number without one is taken as international all the same.
        number = phonenumbers.parse("+" + given.strip().removeprefix("+"), None)
    except phonenumbers.NumberParseException:
        raise ValueError("is not an international number") from None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _position(given: str) -> Position:
    try:
        at, message_id = json.loads(base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True))
        if isinstance(message_id, str) and (at == "" or timestamp(datetime.fromisoformat(at)) == at):
            return Position(at, message_id)
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise ValueError("is none that this service gave out")


Number = Annotated[str, BeforeValidator(_number), Field(json_schema_extra={"format": "phone-number"})]
Time = Annotated[str, BeforeValidator(_time), Field(json_schema_extra={"format": "date-time"})]
Limit = Annotated[Annotated[int, Field(ge=1, le=_MAX_LIMIT)], BeforeValidator(_limit)]
Cursor = Annotated[
    Position, PlainValidator(_position), WithJsonSchema({"type": "string", "format": "cursor", "minLength": 1})
]


class ListQuery(BaseModel):
    """The parameters of ``GET /messages``; the longest words are those that can be stored, and be keys of an index."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Annotated[
        Number | None, Field(description="Recipient, as an international number", examples=["+31612345678"])
    ] = None
    reference: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=128)] | None,
        Field(description="The client's own reference", examples=["order-42"]),
    ] = None
    provider_message_id: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=256)] | None,
        Field(description="The provider's id of the message"),
    ] = None
    status: Annotated[Status | None, Field(description="Status that a message has now")] = None
    client: Annotated[
        str | None, Field(description="Whose messages; another than the key's own client needs the scope `admin`")
    ] = None
    since: Annotated[
        Time | None,
        Field(
            description="Created at this time or later. Without it a search by status or time alone looks back seven "
            "days, any other at everything",
            examples=["2026-01-30T00:00:00Z"],
        ),
    ] = None
    until: Annotated[
        Time | None,
        Field(description="Created at this time or earlier; not before `since`", examples=["2026-01-31T00:00:00Z"]),
    ] = None
    limit: Annotated[Limit, Field(description="Messages on a page at most")] = _DEFAULT_LIMIT
    cursor: Annotated[Cursor | None, Field(description="`cursor` of the page before, to go on from there")] = None


def criteria(query: Mapping[str, str], *, client: str | None, now: datetime) -> SearchQuery:
    """Read the parameters of ``GET /messages``; raises ``InvalidMessage`` with every one that is wrong.

    ``client`` is whose messages the caller may see, of those it asked for; None for all.
    """
    try:
        asked = ListQuery.model_validate(query)
    except ValidationError as error:
        raise refusal(error, "parameter") from None
    until = min(asked.until or timestamp(now), timestamp(now))
    narrow = asked.to or asked.reference or asked.provider_message_id
    since = max(asked.since or (EVER if narrow else _before(until)), EVER)
    if since > until:
        raise InvalidMessage([FieldError("since", "is after until, or after now")])
    if client is None and asked.reference:
        raise InvalidMessage([FieldError("client", "is needed with reference, which is a client's own word")])
    return SearchQuery(
        client=client,
        now=timestamp(now),
        span=Span(since=since, until=until),
        limit=asked.limit,
        to=asked.to,
        reference=asked.reference,
        provider_message_id=asked.provider_message_id,
        status=asked.status,
        after=asked.cursor,
    )


def cursor(position: Position) -> str:
    """A position as an opaque, URL-safe word."""
    return base64.urlsafe_b64encode(json.dumps([position.at, position.message_id]).encode()).rstrip(b"=").decode()


def _before(until: str) -> str:
    return EVER if until < EVER else timestamp(datetime.fromisoformat(until) - _DEFAULT_SPAN)

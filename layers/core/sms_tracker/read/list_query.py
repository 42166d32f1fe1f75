"""The parameters of GET /messages, and the cursor of its next page."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)

from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.indexes import EARLIEST, Position, Span
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Status
from sms_tracker.read.parameters import Client, Time
from sms_tracker.read.search import SearchQuery
from sms_tracker.services.numbers import e164
from sms_tracker.services.validation import invalid_message

_DEFAULT_LIMIT, _MAX_LIMIT = 20, 100
_DEFAULT_SPAN = timedelta(days=7)


def _limit(given: str) -> int:
    if re.fullmatch("[0-9]{1,3}", given) and 1 <= int(given) <= _MAX_LIMIT:
        return int(given)
    raise ValueError(f"must be 1 to {_MAX_LIMIT}")


def _number(given: str, info: ValidationInfo[frozenset[str] | None]) -> str:
    """An unescaped plus arrives as a space. Digits alone are international unless there is one country."""
    text, countries = given.strip(), info.context
    if text[:1].isdecimal() and (given.startswith(" ") or countries is None or len(countries) > 1):
        text = f"+{text}"
    return e164(text, countries)


def _position(given: str) -> Position:
    try:
        at, message_id = json.loads(base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True))
        if isinstance(message_id, str) and (at == "" or timestamp(datetime.fromisoformat(at)) == at):
            return Position(at, message_id)
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise ValueError("is not a cursor of this service")


Number = Annotated[str, BeforeValidator(_number), Field(json_schema_extra={"format": "phone-number"})]
Limit = Annotated[Annotated[int, Field(ge=1, le=_MAX_LIMIT)], BeforeValidator(_limit)]
Cursor = Annotated[
    Position, PlainValidator(_position), WithJsonSchema({"type": "string", "format": "cursor", "minLength": 1})
]


class ListQuery(BaseModel):
    """The parameters of ``GET /messages``. Lengths are limited to those that are stored and indexed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Annotated[
        Number | None, Field(description="Recipient, written as in `POST /messages`", examples=["+31612345678"])
    ] = None
    reference: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=128)] | None,
        Field(description="The client's own reference", examples=["order-42"]),
    ] = None
    provider_message_id: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=256)] | None,
        Field(description="The provider's id of the message"),
    ] = None
    status: Annotated[Status | None, Field(description="Current status")] = None
    client: Client = None
    since: Annotated[
        Time | None,
        Field(
            description="Created at this time or later. If absent, a search by status or time alone covers seven days, "
            "any other search all messages",
            examples=["2026-01-30T00:00:00Z"],
        ),
    ] = None
    until: Annotated[
        Time | None,
        Field(description="Created at this time or earlier; not before `since`", examples=["2026-01-31T00:00:00Z"]),
    ] = None
    limit: Annotated[Limit, Field(description="Messages on a page, at most")] = _DEFAULT_LIMIT
    cursor: Annotated[Cursor | None, Field(description="`cursor` of the previous page")] = None


def criteria(
    query: Mapping[str, str], *, client: str | None, now: datetime, countries: frozenset[str] | None = None
) -> SearchQuery:
    """Read the parameters of ``GET /messages``; raises ``InvalidMessage`` with every wrong one.

    ``client`` is the client to search, None for all. ``countries`` (ISO 3166, None for all) are those that the
    deployment sends to: see :func:`sms_tracker.services.numbers.e164`.
    """
    try:
        parsed = ListQuery.model_validate(query, context=countries)
    except ValidationError as error:
        raise invalid_message(error, "parameter") from None
    until = min(parsed.until or timestamp(now), timestamp(now))
    narrow = parsed.to or parsed.reference or parsed.provider_message_id
    since = max(parsed.since or (EARLIEST if narrow else _before(until)), EARLIEST)
    if since > until:
        raise InvalidMessage([FieldError("since", "is after until, or after now")])
    if client is None and parsed.reference:
        raise InvalidMessage([FieldError("client", "is required with reference, which is unique per client only")])
    return SearchQuery(
        client=client,
        now=timestamp(now),
        span=Span(since=since, until=until),
        limit=parsed.limit,
        to=parsed.to,
        reference=parsed.reference,
        provider_message_id=parsed.provider_message_id,
        status=parsed.status,
        after=parsed.cursor,
    )


def cursor(position: Position) -> str:
    """A position as an opaque, URL-safe text."""
    return base64.urlsafe_b64encode(json.dumps([position.at, position.message_id]).encode()).rstrip(b"=").decode()


def _before(until: str) -> str:
    return EARLIEST if until < EARLIEST else timestamp(datetime.fromisoformat(until) - _DEFAULT_SPAN)

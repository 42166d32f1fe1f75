"""The query parameters of the read routes, and the cursor of GET /messages."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from sms_tracker import providers
from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.http import ADMIN, READ, Caller, query_pairs
from sms_tracker.domain.indexes import EARLIEST, Position, Span
from sms_tracker.domain.report import clean, parse_time, timestamp
from sms_tracker.domain.status import Outcome, Reason, Status
from sms_tracker.read.search import SearchQuery
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.validation import (
    decode_cursor,
    encode_cursor,
    invalid_message,
    known_provider,
    number_in_query,
)

LISTS = frozenset({"status"})
"""Parameters that may be repeated, or have several values separated by commas."""
_UNESCAPED_PLUS = re.compile(r"(?<=[0-9:.]{5}) (?=[0-9:]{4,5}$)")
"""The space in place of the + before an offset; not the space between date and time."""


def parameters(query: str) -> dict[str, str]:
    """Parse a raw query string. The values of a repeated name in ``LISTS`` are joined by commas.

    Raises ``InvalidMessage`` for any other repeated name.
    """
    given: dict[str, list[str]] = {}
    for name, value in query_pairs(query):
        given.setdefault(name, []).append(value)
    if repeated := [name for name, values in given.items() if len(values) > 1 and name not in LISTS]:
        raise InvalidMessage([FieldError(clean(name), "must be given once") for name in repeated])
    return {name: ",".join(values) for name, values in given.items()}


def _time(given: str) -> str:
    try:
        return timestamp(parse_time(_UNESCAPED_PLUS.sub("+", given)))
    except ValueError:
        raise ValueError("must be an RFC 3339 time, such as 2026-01-31T12:00:00Z") from None


Time = Annotated[str, BeforeValidator(_time), Field(json_schema_extra={"format": "date-time"})]
Provider = Annotated[
    Annotated[str, AfterValidator(known_provider), Field(json_schema_extra={"enum": [*providers.all_names()]})] | None,
    Field(description="Only this provider's messages"),
]
Client = Annotated[
    Annotated[str, StringConstraints(min_length=1)] | None,
    Field(description="Only this client's messages; a client other than the key's own needs the scope `admin`"),
]


def read_denied(caller: Caller, query: Mapping[str, str]) -> ApiResponse | None:
    """403 if ``caller`` may not read, or names another client without the scope ``admin``; otherwise None."""
    if not caller.scopes & {READ, ADMIN}:
        return responses.scope_missing(READ)
    if ADMIN not in caller.scopes and query.get("client", caller.client) != caller.client:
        return responses.scope_missing(ADMIN)
    return None


def client_filter(caller: Caller, query: Mapping[str, str]) -> str | None:
    """``caller`` reads only this client's messages; None for those of all clients."""
    return query.get("client") if ADMIN in caller.scopes else caller.client


_DEFAULT_LIMIT, _MAX_LIMIT = 20, 100
_DEFAULT_SPAN = timedelta(days=7)


def _limit(given: str) -> int:
    if re.fullmatch("[0-9]{1,3}", given) and 1 <= int(given) <= _MAX_LIMIT:
        return int(given)
    raise ValueError(f"must be 1 to {_MAX_LIMIT}")


def _statuses(given: str) -> list[Status]:
    try:
        return [Status(word) for word in given.split(",")]
    except ValueError:
        raise ValueError(f"must be one of: {', '.join(Status)}") from None


class _Cursor(NamedTuple):
    """A decoded cursor: the end of the previous page, and the digest of its search's parameters."""

    position: Position
    parameters: str


def _decoded_cursor(given: str) -> _Cursor:
    try:
        at, message_id, parameters = json.loads(decode_cursor(given))
        are_texts = isinstance(message_id, str) and isinstance(parameters, str)
        if are_texts and (at == "" or timestamp(datetime.fromisoformat(at)) == at):
            return _Cursor(Position(at, message_id), parameters)
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise ValueError("must be the cursor of a previous page")


Number = Annotated[str, BeforeValidator(number_in_query), Field(json_schema_extra={"format": "phone-number"})]
Limit = Annotated[Annotated[int, Field(ge=1, le=_MAX_LIMIT)], BeforeValidator(_limit)]
Statuses = Annotated[list[Status], BeforeValidator(_statuses), Field(min_length=1)]
Cursor = Annotated[
    _Cursor, PlainValidator(_decoded_cursor), WithJsonSchema({"type": "string", "format": "cursor", "minLength": 1})
]


class ListQuery(BaseModel):
    """The parameters of ``GET /messages``. The greatest lengths are those of the stored values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Annotated[
        Number | None,
        Field(
            description="Recipient, written as in `POST /messages`; the `+` of an international number may be missing",
            examples=["+31612345678"],
        ),
    ] = None
    reference: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=128)] | None,
        Field(description="The client's own reference", examples=["order-42"]),
    ] = None
    provider_message_id: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=256)] | None,
        Field(description="The provider's id of the message"),
    ] = None
    status: Annotated[
        Statuses | None, Field(description="Current status, any of several: repeat it, or separate them by commas")
    ] = None
    outcome: Annotated[Outcome | None, Field(description="Outcome of the current status")] = None
    provider: Provider = None
    reason: Annotated[Reason | None, Field(description="Reason of the failure: failed messages only")] = None
    client: Client = None
    since: Annotated[
        Time | None,
        Field(
            description="Created at this time or later. If absent, a search by `to`, `reference` or "
            "`provider_message_id` covers all messages, any other the seven days before `until`",
            examples=["2026-01-30T00:00:00Z"],
        ),
    ] = None
    until: Annotated[
        Time | None,
        Field(description="Created at this time or earlier; not before `since`", examples=["2026-01-31T00:00:00Z"]),
    ] = None
    limit: Annotated[Limit, Field(description="Messages on a page, at most")] = _DEFAULT_LIMIT
    cursor: Annotated[
        Cursor | None, Field(description="`cursor` of the previous page; good for the same other parameters only")
    ] = None

    @property
    def digest(self) -> str:
        """A digest of every parameter that selects messages; part of each cursor."""
        selecting = self.model_dump_json(exclude={"cursor", "limit"})
        return hashlib.sha256(selecting.encode()).hexdigest()[:8]

    @property
    def statuses(self) -> frozenset[Status]:
        """The statuses that ``status``, ``outcome`` and ``reason`` allow together."""
        matching = (status for status in self.status or Status if self.outcome in (None, status.outcome))
        return frozenset(status for status in matching if self.reason is None or status.outcome is Outcome.FAILURE)


def read_query(
    query: Mapping[str, str], *, client: str | None, now: datetime, countries: frozenset[str] | None = None
) -> SearchQuery:
    """Read the parameters of ``GET /messages``; raises ``InvalidMessage`` with every wrong one.

    ``client`` is the client to search, None for all; ``countries`` as for :func:`sms_tracker.services.numbers.e164`.
    """
    try:
        parsed = ListQuery.model_validate(query, context=countries)
    except ValidationError as error:
        raise invalid_message(error, "parameter") from None
    until = min(parsed.until or timestamp(now), timestamp(now))
    narrow = parsed.to or parsed.reference or parsed.provider_message_id
    since = max(parsed.since or (EARLIEST if narrow else _default_since(until)), EARLIEST)
    if flaw := _contradiction(parsed, client, is_backwards=since > until):
        raise InvalidMessage([flaw])
    return SearchQuery(
        client=client,
        now=timestamp(now),
        span=Span(since=since, until=until),
        limit=parsed.limit,
        to=parsed.to,
        reference=parsed.reference,
        provider_message_id=parsed.provider_message_id,
        statuses=parsed.statuses,
        provider=parsed.provider,
        reason=parsed.reason,
        after=parsed.cursor.position if parsed.cursor else None,
        parameters=parsed.digest,
    )


def _contradiction(parsed: ListQuery, client: str | None, *, is_backwards: bool) -> FieldError | None:
    """A contradiction between parameters that are valid alone."""
    if is_backwards:
        return FieldError("since", "must not be after until, nor after now")
    if client is None and parsed.reference:
        return FieldError("client", "is required with reference, which is unique per client only")
    if parsed.cursor and parsed.cursor.parameters != parsed.digest:
        return FieldError("cursor", "is of a search with other parameters; leave it out to start again")
    return None


def encoded_cursor(position: Position, parameters: str) -> str:
    """A position in the search with these ``parameters`` (a digest), as an opaque, URL-safe text."""
    return encode_cursor(json.dumps([position.at, position.message_id, parameters]))


def _default_since(until: str) -> str:
    return EARLIEST if until < EARLIEST else timestamp(datetime.fromisoformat(until) - _DEFAULT_SPAN)

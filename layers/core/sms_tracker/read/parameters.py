"""The query parameters that the read routes share: parsing, times, and the choice of a client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from sms_tracker import providers
from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.http import ADMIN, READ, Caller, query_pairs
from sms_tracker.domain.report import clean, parse_time, timestamp
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse

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


def _provider(given: str) -> str:
    if given not in providers.all_names():
        raise ValueError(f"must be one of: {', '.join(providers.all_names())}")
    return given


Time = Annotated[str, BeforeValidator(_time), Field(json_schema_extra={"format": "date-time"})]
Provider = Annotated[
    Annotated[str, AfterValidator(_provider), Field(json_schema_extra={"enum": [*providers.all_names()]})] | None,
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
    """The client whose messages ``caller`` reads, None for all clients."""
    return query.get("client") if ADMIN in caller.scopes else caller.client

"""What the read routes' query strings have in common: parsing, times, and the choice of a client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from sms_tracker import providers
from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.http import pairs
from sms_tracker.domain.report import clean, instant, timestamp
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse

READ, ADMIN = "read", "admin"
"""The scopes that allow reading a client's own records, and everybody's."""
LISTS = frozenset({"status"})
"""The parameters with several values: repeated, or separated by commas."""
_UNESCAPED_PLUS = re.compile(r"(?<=[0-9:.]{5}) (?=[0-9:]{4,5}$)")
"""The space before an offset. The space between date and time follows fewer characters after a hyphen."""


def parameters(query: str) -> dict[str, str]:
    """Parse a raw query string. The values of a repeated name in ``LISTS`` are joined by commas.

    Raises ``InvalidMessage`` for any other repeated name, which is ambiguous.
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs(query):
        given.setdefault(name, []).append(value)
    if repeated := [name for name, values in given.items() if len(values) > 1 and name not in LISTS]:
        raise InvalidMessage([FieldError(clean(name), "must be given once") for name in repeated])
    return {name: ",".join(values) for name, values in given.items()}


def _time(given: str) -> str:
    try:
        return timestamp(instant(_UNESCAPED_PLUS.sub("+", given)))
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
    str | None,
    Field(description="Only this client's messages; a client other than the key's own needs the scope `admin`"),
]


@dataclass(frozen=True, slots=True)
class ClientFilter:
    """The client whose records may be read, None for all."""

    client: str | None


def client_filter(query: Mapping[str, str], *, client: str, scopes: frozenset[str]) -> ClientFilter | ApiResponse:
    """The filter by the parameter ``client``, which only ``admin`` may set to another client; or a 403."""
    if not scopes & {READ, ADMIN}:
        return responses.scope_missing(READ)
    if ADMIN in scopes:
        return ClientFilter(query.get("client"))
    return ClientFilter(client) if query.get("client", client) == client else responses.scope_missing(ADMIN)

"""What the read routes' query strings have in common: parsing, times, and the choice of a client."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.report import clean, instant, timestamp
from sms_tracker.providers.parsing import pairs
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse

READ, ADMIN = "read", "admin"
"""The scopes that allow reading a client's own records, and everybody's."""
_UNESCAPED_PLUS = re.compile(r"(?<=[0-9:.]{5}) (?=[0-9:]{4,5}$)")
"""The space before an offset. The space between date and time follows fewer characters after a hyphen."""


def parameters(query: str) -> dict[str, str]:
    """Parse a raw query string; raises ``InvalidMessage`` for a repeated name, which is ambiguous."""
    found = pairs(query)
    times = Counter(name for name, _ in found)
    if len(times) < len(found):
        raise InvalidMessage([FieldError(clean(name), "comes twice") for name in times if times[name] > 1])
    return dict(found)


def _time(given: str) -> str:
    try:
        return timestamp(instant(_UNESCAPED_PLUS.sub("+", given)))
    except ValueError:
        raise ValueError("is not an RFC 3339 time, such as 2026-01-31T12:00:00Z") from None


Time = Annotated[str, BeforeValidator(_time), Field(json_schema_extra={"format": "date-time"})]
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

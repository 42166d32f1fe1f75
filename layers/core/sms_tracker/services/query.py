"""What a client asks for in a query string, and where a page ends, as text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import phonenumbers

from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.search import Position, Span
from sms_tracker.domain.status import Status
from sms_tracker.services.find import Criteria

_KNOWN = frozenset({"to", "reference", "provider_message_id", "status", "since", "until", "limit", "cursor", "client"})
_DEFAULT_LIMIT, _MAX_LIMIT = 20, 100
_DEFAULT_SPAN = timedelta(days=7)
EVER = "2000-01-01T00:00:00.000Z"
"""Before any message of this service; a search looks back no further, whatever it asks for."""
_LONGEST = {"reference": 128, "provider_message_id": 256}
"""Characters of what can be stored under these names; a longer one would be no key of an index."""


def criteria(query: Mapping[str, str], *, client: str | None, now: datetime) -> Criteria:
    """Read the parameters of ``GET /messages``; raises ``InvalidMessage`` with every one that is wrong.

    ``client`` is whose messages the caller may see, of those it asked for; None for all. Without ``since`` a search by
    time or status looks back seven days; the others look at everything.
    """
    errors = [FieldError(name, "is no parameter of this request") for name in sorted(query.keys() - _KNOWN)]
    narrow = query.keys() & {"to", "reference", "provider_message_id"}
    until = min(moment(query, "until", errors) or timestamp(now), timestamp(now))
    since = max(moment(query, "since", errors) or (EVER if narrow else _before(until)), EVER)
    if since > until:
        errors.append(FieldError("since", "is after until, or after now"))
    if client is None and "reference" in query:
        errors.append(FieldError("client", "is needed with reference, which is a client's own word"))
    found = Criteria(
        client=client,
        now=timestamp(now),
        span=Span(since=since, until=until),
        limit=_limit(query, errors),
        to=_number(query, errors),
        reference=_word(query, "reference", errors),
        provider_message_id=_word(query, "provider_message_id", errors),
        status=_status(query, errors),
        after=_after(query, errors),
    )
    if errors:
        raise InvalidMessage(errors)
    return found


def cursor(position: Position) -> str:
    """A position as an opaque, URL-safe word."""
    return base64.urlsafe_b64encode(json.dumps([position.at, position.message_id]).encode()).rstrip(b"=").decode()


def _after(query: Mapping[str, str], errors: list[FieldError]) -> Position | None:
    given = query.get("cursor")
    if given is None:
        return None
    try:
        at, message_id = json.loads(base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True))
        if isinstance(message_id, str) and (at == "" or timestamp(datetime.fromisoformat(at)) == at):
            return Position(at, message_id)
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    errors.append(FieldError("cursor", "is none that this service gave out"))
    return None


def _before(until: str) -> str:
    return EVER if until < EVER else timestamp(datetime.fromisoformat(until) - _DEFAULT_SPAN)


def moment(query: Mapping[str, str], name: str, errors: list[FieldError]) -> str | None:
    """A parameter that is a time, in our form; what is wrong with it goes to ``errors``."""
    given = query.get(name)
    if given is None:
        return None
    try:
        read = datetime.fromisoformat(given.replace(" ", "+"))
        return timestamp(read if read.tzinfo else read.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        errors.append(FieldError(name, "is no RFC 3339 time, such as 2026-01-31T12:00:00Z"))
        return None


def _limit(query: Mapping[str, str], errors: list[FieldError]) -> int:
    given = query.get("limit", str(_DEFAULT_LIMIT))
    if re.fullmatch("[0-9]{1,3}", given) and 1 <= int(given) <= _MAX_LIMIT:
        return int(given)
    errors.append(FieldError("limit", f"must be 1 to {_MAX_LIMIT}"))
    return _DEFAULT_LIMIT


def _word(query: Mapping[str, str], name: str, errors: list[FieldError]) -> str | None:
    given, longest = query.get(name), _LONGEST[name]
    if given is not None and not 1 <= len(given) <= longest:
        errors.append(FieldError(name, f"must have 1 to {longest} characters"))
    return given


def _number(query: Mapping[str, str], errors: list[FieldError]) -> str | None:
    given = query.get("to")
    if given is None:
        return None
    try:
        # An unescaped plus arrives as a space, so a number without one is taken as international all the same.
        number = phonenumbers.parse("+" + given.strip().removeprefix("+"), None)
    except phonenumbers.NumberParseException:
        errors.append(FieldError("to", "is not an international number"))
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _status(query: Mapping[str, str], errors: list[FieldError]) -> Status | None:
    given = query.get("status")
    if given is None:
        return None
    try:
        return Status(given)
    except ValueError:
        errors.append(FieldError("status", f"must be one of: {', '.join(Status)}"))
        return None

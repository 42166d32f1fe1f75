"""Parsing of wire formats, shared by the providers: JSON, query strings, URLs, times, numbers, texts, keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import quote

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import query_pairs
from sms_tracker.domain.report import clean, parse_time, timestamp

OURS = frozenset({"message_id", "attempt", "token", "bodySHA256"})
"""Query parameters of a callback URL that are not the provider's: ours, and Twilio's body hash."""

NUMBERS = {"E.164": r"\+[1-9][0-9]{6,14}", "a short code of 3 to 8 digits": r"[0-9]{3,8}"}
"""Senders that are numbers, as :attr:`sms_tracker.providers.base.Provider.SENDERS` lists them."""


def json_object(body: bytes) -> dict[str, object]:
    """The JSON object in ``body``, empty if there is none. Fractions become text, to keep all digits."""
    value = _json_value(body)
    return value if isinstance(value, dict) else {}


def _json_value(body: bytes) -> object:
    try:
        return json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        return None


def json_fields(body: bytes) -> dict[str, str]:
    """The JSON object in a webhook's body as :func:`flat` fields; of a list, each object under its index.

    Raises ``Unreadable`` if there is no such object.
    """
    value = _json_value(body)
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value) if isinstance(item, dict)}
    if not isinstance(value, dict) or not value:
        raise Unreadable("the body is not a JSON object")
    return flat(value)


def flat(value: Mapping[str, object]) -> dict[str, str]:
    """A JSON object's scalars as text, nested objects as ``outer[inner]``, nulls left out."""
    fields: dict[str, str] = {}
    for name, item in value.items():
        parts = {f"{name}[{key}]": part for key, part in item.items()} if isinstance(item, dict) else {name: item}
        for key, part in parts.items():
            if part is not None:
                fields[key] = part if isinstance(part, str) else json.dumps(part)
    return fields


_MAX_FIELDS = 200


def query_fields(query: str) -> dict[str, str]:
    """The fields of a raw query string or form, without :data:`OURS`. Of a repeated name, the last one counts.

    Raises ``Unreadable`` for more than 200 fields.
    """
    if query.count("&") >= _MAX_FIELDS:
        raise Unreadable("too many fields")
    return {name: value for name, value in query_pairs(query) if name not in OURS}


def url_variants(url: str) -> Iterator[str]:
    """``url`` as received, then with the other encodings of its query. Each is yielded once.

    API Gateway may change the sender's encoding: ``[ ] : ,`` raw or escaped, a space as ``+`` or ``%20``. All variants
    are the same query, and each is checked in full, so the check stays as strong.
    """
    base, mark, query = url.partition("?")
    seen = {url}
    yield url
    if not mark:
        return
    for brackets in (None, False, True):
        for space in (None, "+", "%20"):
            variant = f"{base}?{_reencode(query, escaped=brackets, space=space)}"
            if variant not in seen:
                seen.add(variant)
                yield variant


_ESCAPES = {"[": "%5B", "]": "%5D", ":": "%3A", ",": "%2C"}


def _reencode(query: str, *, escaped: bool | None, space: str | None) -> str:
    if escaped is not None:
        for char, escape in _ESCAPES.items():
            query = query.replace(char, escape) if escaped else re.sub(escape, char, query, flags=re.IGNORECASE)
    return query if space is None else re.sub(r"\+|%20", lambda _: space, query)


def octets(text: str) -> bytes:
    """The bytes of a header or URL. Never raises: invalid text gives bytes that match no signature."""
    return text.encode("utf-8", "surrogatepass")


def e164(number: str) -> str | None:
    """Digits with or without ``+`` as E.164; None if they are no such number."""
    digits = number.strip().removeprefix("+")
    return f"+{digits}" if re.fullmatch(r"[1-9][0-9]{3,14}", digits) else None


def rfc3339(value: str | None) -> str | None:
    """A provider's RFC 3339 time in our form; an unreadable one cleaned. No zone means UTC."""
    if not value:
        return None
    try:
        return timestamp(parse_time(value))
    except ValueError:
        return clean(value)


def known_time(value: str | None) -> str | None:
    """An RFC 3339 time in our form; None if it is missing or unreadable."""
    try:
        return timestamp(parse_time(value)) if value else None
    except ValueError:
        return None


def rfc2822(value: str | None) -> str | None:
    """A provider's RFC 2822 time in our form; an unreadable one cleaned. No zone and ``-0000`` mean UTC."""
    if not value:
        return None
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # slow to import, and no webhook has such a time

    try:
        read = parsedate_to_datetime(value)
        return timestamp(read if read.tzinfo else read.replace(tzinfo=UTC))
    except (ValueError, TypeError, IndexError, OverflowError):
        return clean(value)


_MAX_AGE = 10**10
"""In seconds: a signed number may be too large for ``timedelta``."""


def age(stamp: int, *, now: datetime) -> timedelta:
    """The age of a signature with Unix time ``stamp``; negative if the signer's clock is ahead."""
    seconds = int(now.timestamp()) - stamp
    return timedelta(seconds=max(-_MAX_AGE, min(_MAX_AGE, seconds)))


def field(fields: Mapping[str, str], *names: str) -> str:
    """The first non-empty one of these fields, cleaned; empty if there is none."""
    for name in names:
        if value := clean(fields.get(name, "")):
            return value
    return ""


_NO_CODE = {"", "0"}


def code(value: str | None) -> str | None:
    """An error code, cleaned. None for blank and 0, which must not outrank a real code."""
    cleaned = clean(value or "")
    return None if cleaned in _NO_CODE else cleaned


_MAX_DETAILS = 40


def details(fields: Mapping[str, str], *, without: set[str]) -> dict[str, str]:
    """The further fields of a report, cleaned: at most 40, without blank names, which cannot be stored."""
    others = ((clean(name), clean(value)) for name, value in fields.items() if name not in without)
    return dict(islice((pair for pair in others if pair[0]), _MAX_DETAILS))


def parameter_name(path: str) -> str:
    """The field in the path of an error's parameter, in lower case: ``Recipients[0]`` is ``recipients``."""
    return re.split(r"[.\[]", path, maxsplit=1)[0].strip().lower()


def path_part(value: str) -> str:
    """One segment of a URL's path. Dots are escaped too, so it is never ``..``."""
    return quote(value, safe="", errors="replace").replace(".", "%2E")


def text(value: object) -> str | None:
    """A scalar of a JSON answer as cleaned text; None for null, booleans, blank and nested values."""
    if value is None or isinstance(value, bool | dict | list):
        return None
    return clean(str(value)) or None


_PHONE_NUMBER = re.compile(r"\+?[0-9][0-9 ().-]{5,}[0-9]")


def masked(value: str | None) -> str | None:
    """A provider's text, safe to publish: the phone numbers that providers quote are masked. None if empty."""
    return clean(_PHONE_NUMBER.sub("[number]", value or "")) or None


def key_flaw(key: str) -> str | None:
    """Why a text cannot be a key, as the end of a sentence without the value; None if it can."""
    if re.search(r"[^\x21-\x7e]", key):
        return "holds a blank or another character that no key has"
    if re.fullmatch(r"[A-Z]{2}[0-9a-fA-F]{32}", key):
        return f"is a SID ({key[:2]}…), which is no secret"
    if re.match(r"(bk|bm|whsec|[a-z]+_live|[a-z]+_test)_", key):
        return "is a key of another provider (bk_, bm_, whsec_)"
    return None


_MAX_WAIT = 999_999.0
"""Seconds; the longest that a plain number states."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """``Retry-After`` in seconds, also if it is a time: counted from the answer's ``Date``. None if unreadable."""
    value = headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]{1,6}", value):
        return float(value)
    until, answered = (known_time(rfc2822(text)) for text in (value, headers.get("date")))
    if not (until and answered):
        return None
    return min(max(0.0, (parse_time(until) - parse_time(answered)).total_seconds()), _MAX_WAIT)

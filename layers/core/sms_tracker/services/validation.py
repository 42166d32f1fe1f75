"""Decode clients' input: JSON bodies, numbers, cursors; translate pydantic's errors."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError, ValidationInfo

from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.report import clean
from sms_tracker.providers.parsing import unique_members
from sms_tracker.services.numbers import e164_from_query
from sms_tracker.services.text import REPLACEMENT

Json = Mapping[str, Any]
"""A decoded JSON object."""
_MAX_ERRORS = 20
"""Fields named in one response. A request may have any number of unknown fields."""


def json_body(body: bytes) -> Json:
    """The decoded body; raises ``InvalidMessage``.

    JSON is UTF-8 (RFC 8259, 8.1), so a charset in the content type is ignored.
    """
    try:
        text = body.decode("utf-8-sig")
        payload: object = json.loads(text, object_pairs_hook=unique_members, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidMessage([FieldError("", "must be a JSON object in UTF-8, no name twice")]) from None
    if REPLACEMENT in text:  # API Gateway passes JSON as text and replaces bytes that are not UTF-8
        raise InvalidMessage([FieldError("", r"holds bytes that are not UTF-8, or U+FFFD; write that as \ufffd")])
    if not isinstance(payload, dict):
        raise InvalidMessage([FieldError("", "must be a JSON object")])
    return payload


def number_in_query(given: str, info: ValidationInfo[frozenset[str] | None]) -> str:
    """A pydantic validator: E.164. The context is the countries of :func:`sms_tracker.services.numbers.e164`."""
    return e164_from_query(given, info.context)


def encode_cursor(position: str) -> str:
    """An opaque, URL-safe text."""
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> str:
    """The inverse; raises ``ValueError``."""
    return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")  # json.loads accepts NaN and Infinity by default


def invalid_message(error: ValidationError, noun: str) -> InvalidMessage:
    """The wrong fields as sentences for the client; ``noun`` is field or parameter."""
    errors = error.errors(include_url=False)[:_MAX_ERRORS]
    return InvalidMessage(
        [FieldError(clean(".".join(map(str, item["loc"]))), _sentence(item, noun)) for item in errors]
    )


_SENTENCES = {
    "bool_type": "must be true or false",
    "enum": "must be one of: {expected}",
    "extra_forbidden": "is not a {noun} of this request",
    "greater_than_equal": "must be {ge} or more",
    "int_type": "must be a whole number",
    "less_than_equal": "must be {le} or less",
    "missing": "is required",
    "string_pattern_mismatch": "holds control characters",
    "string_too_long": "must have {max_length} or fewer characters",
    "string_too_short": "must have {min_length} or more characters",
    "string_type": "must be a string",
    "string_unicode": "holds half a surrogate pair, which no encoding can carry",
    "value_error": "{error}",
}
"""By pydantic's type of error: the end of a sentence that begins with the field's name."""


def _sentence(item: Mapping[str, Any], noun: str) -> str:
    context = item.get("ctx", {})
    expected = ", ".join(re.findall("'([^']*)'", str(context.get("expected"))))
    return _SENTENCES.get(item["type"], "is not valid").format(**{**context, "noun": noun, "expected": expected})

"""Clients' input: JSON bodies, numbers, names of providers, cursors and texts; pydantic's errors as sentences."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError, ValidationInfo

from sms_tracker import providers
from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.http import unique_members
from sms_tracker.domain.report import clean
from sms_tracker.domain.text import (
    GSM_PART,
    controls,
    gsm_look_alike,
    is_blank,
    listed_characters,
    outside_gsm,
    segment,
)
from sms_tracker.services.numbers import e164_from_query

Json = Mapping[str, Any]
"""A decoded JSON object."""

_MAX_BODY = 64 * 1024
"""Bytes; a valid body needs less than half. Megabytes of unknown fields would take a function's whole memory."""
_REPLACEMENT = "\ufffd"
"""A decoder's replacement for bytes that it cannot decode."""


def json_body(body: bytes) -> Json:
    """The decoded body; raises ``InvalidMessage``.

    JSON is UTF-8 (RFC 8259, 8.1), so a charset in the content type is ignored.
    """
    if len(body) > _MAX_BODY:
        raise InvalidMessage([FieldError("", f"must be at most {_MAX_BODY} bytes")])
    try:
        text = body.decode("utf-8-sig")
        payload: object = json.loads(text, object_pairs_hook=unique_members, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidMessage([FieldError("", "must be a JSON object in UTF-8, no name twice")]) from None
    if _REPLACEMENT in text:  # API Gateway passes JSON as text and replaces bytes that are not UTF-8
        raise InvalidMessage([FieldError("", r"holds bytes that are not UTF-8, or U+FFFD; write that as \ufffd")])
    if not isinstance(payload, dict):
        raise InvalidMessage([FieldError("", "must be a JSON object")])
    return payload


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")  # json.loads accepts NaN and Infinity by default


def number_in_query(given: str, info: ValidationInfo[frozenset[str] | None]) -> str:
    """A pydantic validator: E.164. The context is the countries of :func:`sms_tracker.services.numbers.e164`."""
    return e164_from_query(given, info.context)


def known_provider(given: str) -> str:
    """``given``, the name of a provider that a record may have; raises ``ValueError`` for any other text."""
    if given not in providers.all_names():
        raise ValueError(f"must be one of: {', '.join(providers.all_names())}")
    return given


def encode_cursor(position: str) -> str:
    """An opaque, URL-safe text."""
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> str:
    """The inverse; raises ``ValueError``."""
    return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()


_MAX_ERRORS = 20
"""Fields named in one response. A request may have any number of unknown fields."""


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


def text_hash(key: bytes, text: str) -> str:
    """HMAC-SHA256 of a text, cut to 72 bits, as 12 URL-safe characters; stored in place of the text."""
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode("utf-8", "replace"), hashlib.sha256)[:9]).decode()


MAX_SEGMENTS = 10
MAX_LENGTH = MAX_SEGMENTS * GSM_PART
"""GSM-7 characters that fit into :data:`MAX_SEGMENTS`; fewer fit in UCS-2."""


def text_to_send(text: str, *, smart: bool) -> str:
    """The text to send, with GSM look-alikes if ``smart``; raises ``ValueError`` with a message for the client."""
    if is_blank(text):
        raise ValueError("is blank: a phone would show nothing")
    if found := controls(text):
        raise ValueError(f"holds control characters, which no phone shows: {listed_characters(found)}")
    sent = gsm_look_alike(text) if smart else text
    if (segments := segment(sent).segments) > MAX_SEGMENTS:
        raise ValueError(f"needs {segments} segments; at most {MAX_SEGMENTS} are sent{_cause(sent)}")
    return sent


def _cause(text: str) -> str:
    """The characters that force UCS-2, with the remedy if there is one; empty for GSM-7."""
    if not (forcing := outside_gsm(text)):
        return ""
    smart = "; smart_encoding replaces them" if gsm_look_alike(text) != text else ""
    return f". These characters force UCS-2: {listed_characters(forcing)}{smart}"


def text_warnings(text: str) -> tuple[str, ...]:
    """Warnings about a valid text: replaceable characters that force UCS-2, letters in parts, broken characters."""
    found = []
    if (plain := gsm_look_alike(text)) != text:
        cost = f"Segments: {segment(text).segments}, with smart_encoding {segment(plain).segments}."
        found.append(f"body: these characters force UCS-2: {listed_characters(outside_gsm(text))}. {cost}")
    elif (composed := segment(unicodedata.normalize("NFC", text)).segments) < (segments := segment(text).segments):
        found.append(f"body: letters are in parts (Unicode NFD). Segments: {segments}, composed (NFC) {composed}.")
    if _REPLACEMENT in text:
        found.append("body: U+FFFD usually stands for bytes that were not UTF-8. Check how the text was decoded.")
    return tuple(found)

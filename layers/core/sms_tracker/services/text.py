"""The text of a message: validation, GSM look-alikes, warnings, and its hash."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode

from sms_tracker.domain.characters import controls, gsm_look_alike, is_blank, listed_characters
from sms_tracker.domain.segments import GSM_PART, outside_gsm, segment

MAX_SEGMENTS = 10
MAX_LENGTH = MAX_SEGMENTS * GSM_PART
"""GSM-7 characters that fit into :data:`MAX_SEGMENTS`; fewer fit in UCS-2."""
REPLACEMENT = "\ufffd"
"""A decoder's replacement for bytes that it cannot decode."""


def text_hash(key: bytes, text: str) -> str:
    """HMAC-SHA256 of a text, cut to 72 bits, as 12 URL-safe characters; stored in place of the text."""
    return urlsafe_b64encode(hmac.digest(key, text.encode("utf-8", "replace"), hashlib.sha256)[:9]).decode()


def to_send(text: str, *, smart: bool) -> str:
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


def warnings(text: str) -> tuple[str, ...]:
    """Warnings about a valid text: replaceable characters that force UCS-2, and broken characters."""
    found = []
    if (plain := gsm_look_alike(text)) != text:
        cost = f"Segments: {segment(text).segments}, with smart_encoding {segment(plain).segments}."
        found.append(f"body: these characters force UCS-2: {listed_characters(outside_gsm(text))}. {cost}")
    if REPLACEMENT in text:
        found.append("body: U+FFFD usually stands for bytes that were not UTF-8. Check how the text was decoded.")
    return tuple(found)

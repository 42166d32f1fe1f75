"""The text of a message: what is sent of it, why it may not be, and what a client may want to change."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode

from sms_tracker.domain.characters import controls, gsm_look_alike, is_blank, named
from sms_tracker.domain.segments import GSM_PART, outside_gsm, segment

MAX_SEGMENTS = 10
MAX_LENGTH = MAX_SEGMENTS * GSM_PART
"""Characters that may fit :data:`MAX_SEGMENTS`; how many do depends on which they are."""
REPLACEMENT = "\ufffd"
"""What a decoder writes for bytes that it cannot read."""


def text_hash(key: bytes, text: str) -> str:
    """HMAC-SHA256 of a text (72 bits of it, 12 URL-safe characters): stored in place of the text."""
    return urlsafe_b64encode(hmac.digest(key, text.encode("utf-8", "replace"), hashlib.sha256)[:9]).decode()


def to_send(text: str, *, smart: bool) -> str:
    """``text``, if ``smart`` with GSM look-alikes; raises ``ValueError`` with what is wrong about it."""
    if is_blank(text):
        raise ValueError("is blank: a phone would show nothing")
    if wrong := controls(text):
        raise ValueError(f"holds control characters, which no phone shows: {named(wrong)}")
    sent = gsm_look_alike(text) if smart else text
    if (segments := segment(sent).segments) > MAX_SEGMENTS:
        raise ValueError(f"needs {segments} segments; at most {MAX_SEGMENTS} are sent{_cause(sent)}")
    return sent


def _cause(text: str) -> str:
    """Which characters force UCS-2, and the way out where there is one; nothing for GSM-7."""
    if not (forcing := outside_gsm(text)):
        return ""
    smart = "; smart_encoding replaces them" if gsm_look_alike(text) != text else ""
    return f". These characters force UCS-2: {named(forcing)}{smart}"


def warnings(text: str) -> tuple[str, ...]:
    """For a text that is sent all the same: characters that alone force UCS-2 and need not, and broken ones."""
    found = []
    if (plain := gsm_look_alike(text)) != text:
        cost = f"Segments: {segment(text).segments}, with smart_encoding {segment(plain).segments}."
        found.append(f"body: these characters force UCS-2: {named(outside_gsm(text))}. {cost}")
    if REPLACEMENT in text:
        found.append("body: U+FFFD usually stands for bytes that were not UTF-8. Check how the text was decoded.")
    return tuple(found)

"""The encoding of a text and its number of segments (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM_7 = _BASIC | _EXTENDED

GSM_PART = 153
"""Septets in each part of a long message."""
_BMP_END = 0xFFFF


class Encoding(StrEnum):
    """The two alphabets of SMS."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The encoding of a text and its number of segments."""

    encoding: Encoding
    segments: int


def segment(text: str) -> Segmentation:
    """Count segments: GSM-7 160 septets alone or 153 a part, UCS-2 70 UTF-16 units alone or 67 a part.

    An extension character is two septets, a character beyond the BMP two units. Neither is split, so a part may have
    one unused place.
    """
    if is_gsm(text):
        widths = [2 if char in _EXTENDED else 1 for char in text]
        return Segmentation(Encoding.GSM_7, _parts(widths, alone=160, each=GSM_PART))
    widths = [2 if ord(char) > _BMP_END else 1 for char in text]
    return Segmentation(Encoding.UCS_2, _parts(widths, alone=70, each=67))


def is_gsm(text: str) -> bool:
    """Whether all characters are in GSM-7."""
    return _GSM_7.issuperset(text)


def outside_gsm(text: str) -> list[str]:
    """The characters that force UCS-2, each once, in the order of the text."""
    return [char for char in dict.fromkeys(text) if char not in _GSM_7]


def _parts(widths: list[int], *, alone: int, each: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return parts

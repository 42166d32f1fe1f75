"""A text: encoding and segments (3GPP TS 23.038 and 23.040), invisible characters, look-alikes in GSM-7."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Encoding(StrEnum):
    """The two alphabets of SMS."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The encoding of a text and its number of segments."""

    encoding: Encoding
    segments: int


_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM_7 = _BASIC | _EXTENDED


GSM_PART = 153
"""Septets in each part of a long message."""
_BMP_END = 0xFFFF


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


def _parts(widths: list[int], *, alone: int, each: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return parts


def is_gsm(text: str) -> bool:
    """Whether all characters are in GSM-7."""
    return _GSM_7.issuperset(text)


def outside_gsm(text: str) -> list[str]:
    """The characters that force UCS-2, each once, in the order of the text."""
    return [char for char in dict.fromkeys(text) if char not in _GSM_7]


IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point: zero-width characters, direction marks, fillers, variation selectors."""
_BLANKS = "\u2800\U0001d159"
"""Symbols that show nothing: a braille cell without dots, a note without a head."""


def is_blank(text: str) -> bool:
    """Whether the text has only white space, ignorable and blank characters, so that a phone shows nothing."""
    return all(char.isspace() or char in _BLANKS for char in IGNORABLE.sub("", text))


# --- Invisible characters

CONTROLS = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
"""Control characters except white space, as ranges of a regular expression."""
_CONTROL = re.compile(f"[{CONTROLS}]")


def controls(text: str) -> list[str]:
    """The control characters except white space, each once. Phones do not show them; ESC is no GSM-7 text."""
    return list(dict.fromkeys(_CONTROL.findall(text)))


# --- Look-alikes in GSM-7

LOOK_ALIKES: Mapping[str, str] = {
    "'": "\u2018\u2019\u201b\u2032\u2035\u0060\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u275b\u275c",
    '"': "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u2036\u02ba\u02ee\u275d\u275e\u301d\u301e\u301f",
    ",": "\u201a\u3001",
    ".": "\u00b7\u2024\u2219\u22c5\u3002",
    "...": "\u2026\u22ef",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\u2022\u2023\u25e6\u25aa\u25cf",
    "<": "\u2039",
    ">": "\u203a",
    "/": "\u2044\u2215\u00f7",
    "|": "\u2223\u00a6",
    "*": "\u204e\u2217\u2731",
    "~": "\u02dc\u223c",
    "^": "\u02c6",
    "x": "\u00d7",
    "+/-": "\u00b1",
    "<=": "\u2264",
    ">=": "\u2265",
    "->": "\u2192",
    "<-": "\u2190",
    "(C)": "\u00a9",
    "(R)": "\u00ae",
    "TM": "\u2122",
    "\n": "\u000b\u0085\u2028\u2029",
}
"""Typographic characters by what replaces them. :func:`gsm_look_alike` replaces some further kinds."""


def gsm_look_alike(text: str) -> str:
    """``text`` with typographic characters replaced, if that makes all of it GSM-7; otherwise ``text`` unchanged.

    Replaces :data:`LOOK_ALIKES`, spaces, dashes, letters with a separate accent, ligatures, wide and other styled
    forms. Removes ignorable characters. Letters keep their accents, because the spelling must not change.
    """
    if is_gsm(text):
        return text
    plain = "".join(map(_plain, IGNORABLE.sub("", unicodedata.normalize("NFC", text))))
    return plain if is_gsm(plain) else text


_REPLACED = {char: plain for plain, chars in LOOK_ALIKES.items() for char in chars}
_STYLED = ("<compat>", "<font>", "<narrow>", "<noBreak>", "<small>", "<wide>")
"""Decompositions that keep the meaning. Superscripts and fractions are left out: they would read differently."""


def _plain(char: str) -> str:
    if is_gsm(char):
        return char
    if char in _REPLACED:
        return _REPLACED[char]
    if char.isspace():
        return " "
    if unicodedata.category(char) == "Pd":
        return "-"
    styled = unicodedata.decomposition(char).startswith(_STYLED)
    return unicodedata.normalize("NFKC", char) if styled else char


_MAX_LISTED = 5


def listed_characters(chars: Iterable[str]) -> str:
    """The first ones as ``© (U+00A9)``, and how many more there are. Marks and blanks have only the code point."""
    all_chars = list(chars)
    first = ", ".join(map(_named, all_chars[:_MAX_LISTED]))
    return first if len(all_chars) <= _MAX_LISTED else f"{first} and {len(all_chars) - _MAX_LISTED} more"


def _named(char: str) -> str:
    code_point = f"U+{ord(char):04X}"
    is_visible = char.isprintable() and not is_blank(char) and unicodedata.category(char)[0] != "M"
    return f"{char} ({code_point})" if is_visible else code_point

"""The allowed destinations of a deployment: countries and number ranges as operators list them, and their flaws."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

ALL = "*"
LIKELY_CODES = {"DA": "DK", "EL": "GR", "JA": "JP", "KO": "KR", "TP": "TL", "UK": "GB", "USA": "US", "ZR": "CD"}
"""Codes that are not in ISO 3166 and can mean only one country: of languages, other lists, former countries."""
_RANGE = re.compile(r"\+[1-9][0-9]{0,14}")
_SHOWN_CODES, _SHOWN_CHARACTERS = 5, 12


@dataclass(frozen=True, slots=True)
class Destinations:
    """``countries``: ISO 3166 codes, None for all. ``ranges``: prefixes of E.164 numbers that are always allowed."""

    countries: frozenset[str] | None
    ranges: tuple[str, ...] = ()


def destinations(words: Collection[str]) -> Destinations:
    """The destinations in ``words``, which must have no :func:`destination_flaws`."""
    ranges = tuple(word for word in words if word.startswith("+"))
    countries = frozenset(words).difference(ranges)
    return Destinations(None if ALL in countries else countries, ranges)


def destination_flaws(words: Collection[str], known: Collection[str]) -> str:
    """What is wrong with the listed ``words``; empty if all are valid.

    Each word is a range, ``*``, or one of the ``known`` codes (ISO 3166). Beside ``*`` only ranges are valid.
    """
    if not words:
        return "holds no code"
    codes = {word for word in words if not word.startswith("+")}
    wrong = [word for word in words if word not in codes and not _RANGE.fullmatch(word)]
    ranges = (f"{shown(word)} is no range, such as +8816" for word in wrong)
    return ", ".join(filter(None, (code_flaws(codes, {ALL} if codes == {ALL} else known), *ranges)))


def code_flaws(codes: Collection[str], known: Collection[str]) -> str:
    """Which ``codes`` are not ``known``, with the code probably meant; empty if all are known."""
    return ", ".join(_about(code, known) for code in sorted(set(codes).difference(known))[:_SHOWN_CODES])


def _about(code: str, known: Collection[str]) -> str:
    meant = LIKELY_CODES.get(code.upper(), code.upper())
    return f"{shown(code)} is no country code" + (f", write {meant}" if meant in known else "")


def shown(word: str) -> str:
    """The first characters of an operator's word, safe to log."""
    return re.sub("[^ -~]", "?", word)[:_SHOWN_CHARACTERS]

"""Where a deployment sends to: countries and number ranges as operators list them, and what they probably meant."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

ALL = "*"
MEANT = {"DA": "DK", "EL": "GR", "JA": "JP", "KO": "KR", "TP": "TL", "UK": "GB", "USA": "US", "ZR": "CD"}
"""Codes that no country has and that can mean only one: of languages, of other lists, of the past."""
_RANGE = re.compile(r"\+[1-9][0-9]{0,14}")
_SHOWN_CODES, _SHOWN_CHARACTERS = 5, 12


@dataclass(frozen=True, slots=True)
class Destinations:
    """``countries`` are ISO 3166, None for all; ``ranges`` are beginnings of E.164 numbers, open whatever they are."""

    countries: frozenset[str] | None
    ranges: tuple[str, ...] = ()


def destinations(words: Collection[str]) -> Destinations:
    """What an operator listed, as :func:`advice` finds nothing wrong with it."""
    ranges = tuple(word for word in words if word.startswith("+"))
    countries = frozenset(words).difference(ranges)
    return Destinations(None if ALL in countries else countries, ranges)


def advice(words: Collection[str], known: Collection[str]) -> str:
    """What is wrong with the listed ``words``; empty where nothing is.

    A word is a range, ``*``, or one of the ``known`` codes (ISO 3166). ``*`` is beside ranges alone.
    """
    if not words:
        return "holds no code"
    codes = {word for word in words if not word.startswith("+")}
    wrong = [word for word in words if word not in codes and not _RANGE.fullmatch(word)]
    ranges = (f"{shown(word)} is no range, such as +8816" for word in wrong)
    return ", ".join(filter(None, (code_advice(codes, {ALL} if codes == {ALL} else known), *ranges)))


def code_advice(codes: Collection[str], known: Collection[str]) -> str:
    """Which ``codes`` are not ``known``, and what was probably meant; empty where all are."""
    return ", ".join(_about(code, known) for code in sorted(set(codes).difference(known))[:_SHOWN_CODES])


def _about(code: str, known: Collection[str]) -> str:
    meant = MEANT.get(code.upper(), code.upper())
    return f"{shown(code)} is no country code" + (f", write {meant}" if meant in known else "")


def shown(word: str) -> str:
    """The beginning of a word of an operator's, safe to log."""
    return re.sub("[^ -~]", "?", word)[:_SHOWN_CHARACTERS]

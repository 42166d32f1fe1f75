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
    taken = {ALL} if codes == {ALL} else known
    wrong = codes.difference(taken) | {word for word in words if word not in codes and not _RANGE.fullmatch(word)}
    return ", ".join(_about(word, known) for word in sorted(wrong)[:_SHOWN_CODES])


def _about(word: str, known: Collection[str]) -> str:
    meant = MEANT.get(word.upper(), word.upper())
    shown = re.sub("[^ -~]", "?", word)[:_SHOWN_CHARACTERS]
    if word.startswith("+"):
        return f"{shown} is no range, such as +8816"
    return f"{shown} is no country code" + (f", write {meant}" if meant in known else "")

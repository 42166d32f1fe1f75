"""Country codes as operators write them, and what they probably meant."""

from __future__ import annotations

import re
from collections.abc import Collection

MEANT = {"DA": "DK", "EL": "GR", "JA": "JP", "KO": "KR", "TP": "TL", "UK": "GB", "USA": "US", "ZR": "CD"}
"""Codes that no country has and that can mean only one: of languages, of other lists, of the past."""
_SHOWN_CODES, _SHOWN_CHARACTERS = 5, 12


def advice(codes: Collection[str], known: Collection[str]) -> str:
    """What is wrong with ``codes``: none, or some that are not ``known`` (ISO 3166). Empty where nothing is."""
    if not codes:
        return "holds no code"
    unknown = sorted(set(codes).difference(known))
    return ", ".join(_about(code, known) for code in unknown[:_SHOWN_CODES])


def _about(code: str, known: Collection[str]) -> str:
    meant = MEANT.get(code.upper(), code.upper())
    shown = re.sub("[^ -~]", "?", code)[:_SHOWN_CHARACTERS]
    return f"{shown} is no country code" + (f", write {meant}" if meant in known else "")

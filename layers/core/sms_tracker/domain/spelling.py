"""E.164 numbers that a country writes in two ways: reports may name a recipient differently than the request did."""

from __future__ import annotations

import re

_OPTIONAL = (
    (r"\+52", "1", r"[2-9][0-9]{9}"),
    (r"\+54", "9", r"[1-3][0-9]{9}"),
    (r"\+55[1-9][1-9]", "9", r"[689][0-9]{7}"),
    (r"\+229", "01", r"[0-9]{8}"),
)
"""What comes before digits that are sometimes left out, those digits, and what follows them.

- Mexico: 1 marked mobiles until 2020; a national number has ten digits, none begins with 1 (Twilio's SMS guidelines).
- Argentina: 9 marks a mobile that is called from abroad; its ten digits are no other line's (libphonenumber's FAQ).
- Brazil: Anatel put a 9 before every mobile of eight digits, 2012 to 2016. Not where the old number begins with 7:
  trunked radio kept those.
- Benin: 01 came before every number on 30 November 2024 (ARCEP's numbering plan).

No two subscribers share a number so: the form without these digits is no longer assigned, or the same subscriber's.
"""


def spellings(number: str) -> tuple[str, ...]:
    """Every form of a number (E.164), the same for each of them: two numbers are equal if one is in the other's."""
    for before, optional, after in _OPTIONAL:
        if found := re.fullmatch(f"({before})(?:{optional})?({after})", number):
            return found[1] + found[2], found[1] + optional + found[2]
    return (number,)

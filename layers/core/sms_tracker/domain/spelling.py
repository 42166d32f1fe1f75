"""E.164 numbers with two spellings. A report may use another one than the request."""

from __future__ import annotations

import re

_OPTIONAL = (
    (r"\+52", "1", r"[2-9][0-9]{9}"),
    (r"\+54", "9", r"[1-3][0-9]{9}"),
    (r"\+55[1-9][1-9]", "9", r"[689][0-9]{7}"),
    (r"\+229", "01", r"[0-9]{8}"),
)
"""For each kind of number: the digits before the optional ones, the optional digits, the digits after them.

- Mexico: 1 marked mobiles until 2020; a national number has ten digits, none begins with 1 (Twilio's SMS guidelines).
- Argentina: 9 marks a mobile called from abroad; no other line has its ten digits (libphonenumber's FAQ).
- Brazil: Anatel put a 9 before every mobile of eight digits, 2012 to 2016. Old numbers that begin with 7 are trunked
  radio and stayed.
- Benin: 01 was put before every number on 30 November 2024 (ARCEP's numbering plan).

The short form never belongs to another subscriber.
"""


def spellings(number: str) -> tuple[str, ...]:
    """All spellings of an E.164 number. Two numbers are the same if one is a spelling of the other."""
    for before, optional, after in _OPTIONAL:
        if found := re.fullmatch(f"({before})(?:{optional})?({after})", number):
            return found[1] + found[2], found[1] + optional + found[2]
    return (number,)

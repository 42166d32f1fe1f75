"""Random numbers for pauses and samples."""

from __future__ import annotations

import os

_BITS = 53
"""Those of a float's significand."""


def fraction() -> float:
    """At least 0, below 1, from the operating system.

    Python's own generator would repeat in every environment made from one snapshot; its ``SystemRandom`` would load
    five modules for this line (ADR 11).
    """
    return (int.from_bytes(os.urandom(7)) >> 56 - _BITS) * 2.0**-_BITS

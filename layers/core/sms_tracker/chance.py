"""A random fraction of the system's: Python's own generator would go on alike in every copy of a snapshot."""

from __future__ import annotations

import os


def chance() -> float:
    """0 or more, less than 1. SystemRandom would do, and brings six modules to every cold start."""
    return int.from_bytes(os.urandom(4)) / 2**32

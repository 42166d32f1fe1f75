"""Random fractions: every bit of a float's significand, from the operating system."""

from __future__ import annotations

import os

import pytest

from sms_tracker.jitter import fraction


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"\x00" * 7, 0.0),
        (b"\xff" * 7, 1 - 2.0**-53),
        (b"\x80" + b"\x00" * 6, 0.5),
        (b"\x00" * 6 + b"\x08", 2.0**-53),
        (b"\x00" * 6 + b"\x07", 0.0),
    ],
)
def test_the_first_53_bits_count(monkeypatch: pytest.MonkeyPatch, given: bytes, expected: float) -> None:
    monkeypatch.setattr(os, "urandom", {7: given}.__getitem__)
    assert fraction() == expected

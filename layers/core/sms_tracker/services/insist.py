"""Insist: make a write again that nobody else will make, while the request's time allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sms_tracker.domain.errors import Unavailable
from sms_tracker.services.provider_call import Pace

_PAUSE = 1.0
"""Seconds between the two at most, by chance."""

Result = TypeVar("Result")


def insist(write: Callable[[], Result], *, pace: Pace, end: float) -> Result:
    """What ``write`` returns; where the storage refuses for now it is made once more, if it can begin before ``end``.

    Each is three tries of the SDK's. A throttled table takes the second; one that is gone would take no further.
    """
    try:
        return write()
    except Unavailable:
        pause = pace.fraction() * _PAUSE
        if pace.monotonic() + pause > end:
            raise
    pace.sleep(pause)
    return write()

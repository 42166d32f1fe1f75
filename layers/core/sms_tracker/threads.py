"""Several calls at once, for calls that mostly wait for an answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import ceil
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """At most ``most`` calls at a time, behind :class:`sms_tracker.domain.ports.Each`; one call needs no thread."""

    def __init__(self, most: int) -> None:
        self._most = most

    def __call__(self, function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """See :class:`sms_tracker.domain.ports.Each`; of several that raised, the first item's error is raised."""
        waiting = deque(enumerate(items))
        results: dict[int, R] = {}
        errors: dict[int, BaseException] = {}

        def work() -> None:
            while waiting:
                try:
                    index, item = waiting.popleft()
                except IndexError:  # another thread took the last one
                    return
                try:
                    results[index] = function(item)
                except BaseException as error:  # noqa: BLE001  # raised again below
                    errors[index] = error

        others = [Thread(target=work, daemon=True) for _ in range(self._needed(len(items)) - 1)]
        for other in others:
            other.start()
        work()
        for other in others:
            other.join()
        if errors:
            raise errors[min(errors)]
        return [results[index] for index in range(len(items))]

    def _needed(self, items: int) -> int:
        """As few as take no more turns than ``most`` would: ten calls are two turns of eight, and two of five."""
        turns = ceil(items / self._most)
        return ceil(items / turns) if turns else 0

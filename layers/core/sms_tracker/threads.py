"""Several calls at once, for calls that mostly wait for an answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import ceil
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_Work = Callable[[], None]


class Threads:
    """At most ``most`` calls at a time, behind :class:`sms_tracker.domain.ports.Each`; one call needs no thread.

    Threads that were started wait for the next batch: starting one costs as much as half a call.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._started = 0

    def __del__(self) -> None:
        for _ in range(self._started):
            self._work.put(None)

    def __call__(self, function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """See :class:`sms_tracker.domain.ports.Each`; of several that raised, the first item's error is raised."""
        waiting = deque(enumerate(items))
        done: SimpleQueue[tuple[int, R | None, BaseException | None]] = SimpleQueue()

        def work() -> None:
            while waiting:
                try:
                    index, item = waiting.popleft()
                except IndexError:  # another thread took the last one
                    return
                try:
                    done.put((index, function(item), None))
                except BaseException as error:  # noqa: BLE001  # raised again below
                    done.put((index, None, error))

        self._share(work, self._needed(len(items)) - 1)
        work()
        results: list[Any] = [None] * len(items)
        errors: dict[int, BaseException] = {}
        for _ in items:
            index, results[index], error = done.get()
            if error is not None:
                errors[index] = error
        if errors:
            raise errors[min(errors)]
        return results

    def _share(self, work: _Work, others: int) -> None:
        while self._started < others:
            Thread(target=_serve, args=(self._work,), daemon=True).start()
            self._started += 1
        for _ in range(others):
            self._work.put(work)

    def _needed(self, items: int) -> int:
        """As few as take no more turns than ``most`` would: ten calls are two turns of eight, and two of five."""
        turns = ceil(items / self._most)
        return ceil(items / turns) if turns else 0


def _serve(queue: SimpleQueue[_Work | None]) -> None:
    while work := queue.get():
        work()
        del work  # it holds whose method was called, who may hold these Threads: they would never end

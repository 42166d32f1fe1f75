"""Several calls at once: really at once, never more than allowed, and in order."""

from __future__ import annotations

from threading import Barrier, Event, Lock, Thread, current_thread, get_ident
from weakref import finalize

import pytest

from sms_tracker.threads import Threads


def test_as_many_calls_as_allowed_are_under_way_at_once() -> None:
    together = Barrier(4, timeout=30)  # breaks unless four are waiting at it

    assert Threads(4)(lambda n: together.wait() >= 0 and n, range(12)) == list(range(12))


def test_never_more_calls_than_allowed_are_under_way() -> None:
    lock, under_way, most = Lock(), 0, 0
    pair = Barrier(2, timeout=30)

    def call(_: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        pair.wait()
        with lock:
            under_way -= 1

    Threads(2)(call, range(20))

    assert most == 2


def test_no_more_threads_are_started_than_make_it_quicker() -> None:
    together = Barrier(5, timeout=30)

    def call(_: int) -> int:
        together.wait()
        return get_ident()

    assert len(set(Threads(8)(call, range(10)))) == 5


def meeting(threads: Threads, calls: int) -> set[Thread]:
    """Who made that many calls, all under way at once."""
    together = Barrier(calls, timeout=30)

    def call(_: int) -> Thread:
        together.wait()
        return current_thread()

    return set(threads(call, range(calls)))


def test_the_same_threads_serve_one_batch_after_the_other() -> None:
    threads = Threads(4)

    assert meeting(threads, 2) <= meeting(threads, 4) == meeting(threads, 4)


class Owner:
    """As the processor's use case is: its own method is what its threads call."""

    def __init__(self) -> None:
        self.threads = Threads(3)

    def meet(self, calls: int) -> None:
        self.together = Barrier(calls, timeout=30)
        self.threads(self._call, range(calls))

    def _call(self, _: int) -> None:
        self.together.wait()


def test_threads_end_with_what_they_worked_for() -> None:
    threads = Threads(3)
    others = meeting(threads, 3) - {current_thread()}

    del threads

    for other in others:
        other.join(30)
    assert [other.is_alive() for other in others] == [False, False]


def test_threads_hold_nothing_of_a_batch_that_is_done() -> None:
    owner = Owner()
    gone = Event()
    finalize(owner, gone.set)

    owner.meet(3)
    del owner

    assert gone.wait(30)


@pytest.mark.parametrize("items", [[], [1], [1, 2, 3], list(range(100))])
def test_results_are_in_the_order_of_what_was_given(items: list[int]) -> None:
    assert Threads(8)(lambda n: n * n, items) == [n * n for n in items]


def test_one_call_needs_no_thread() -> None:
    assert Threads(8)(lambda _: get_ident(), ["one"]) == [get_ident()]


def test_the_first_error_in_order_is_raised_once_everything_else_was_called() -> None:
    called: list[int] = []

    def call(n: int) -> None:
        called.append(n)
        if n in {3, 7}:
            raise ValueError(n)

    with pytest.raises(ValueError, match=r"^3$"):
        Threads(4)(call, range(10))

    assert sorted(called) == list(range(10))


def test_what_ends_the_process_is_raised_too() -> None:
    def call(n: int) -> None:
        if n == 1:
            raise SystemExit

    with pytest.raises(SystemExit):
        Threads(2)(call, range(4))

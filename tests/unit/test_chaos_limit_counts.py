"""What the chaos suite concludes from the writes of the limits' counters that pass its proxy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from local.chaos.limit_counts import CounterWrites
from sms_tracker.aws.limits import LimitCounterStore
from sms_tracker.domain.limits import Counter, client_counter
from tests.limits import limits

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
CLIENT = client_counter(limits(), "shop", "NL", is_new=False, now=NOW)
RANGE = replace(CLIENT, key="range#2026-01-31#abc")


def body(write: Callable[[LimitCounterStore], object]) -> bytes:
    """The body of the store's write."""
    bodies: list[bytes] = []

    def call(operation: str, **arguments: Any) -> dict[str, Any]:
        assert operation == "UpdateItem"
        bodies.append(json.dumps(arguments).encode())
        return {}

    write(LimitCounterStore(call, "state"))
    return bodies[0]


def take(counter: Counter, token: str = "one") -> bytes:
    return body(lambda store: store.take(counter, 1, token=token, now=int(NOW.timestamp())))


def give_back(counter: Counter, token: str = "one") -> bytes:
    return body(lambda store: store.give_back(counter, 1, token=token))


def left(written: bytes, *steps: str) -> int:
    """What one write leaves counted after these steps."""
    writes = CounterWrites()
    for step in steps:
        writes.asked("UpdateItem", written)
        match step:
            case "lost":
                writes.forwarded(written, applied=True)
            case "refused" | "answered":
                writes.forwarded(written, applied=step == "answered")
                writes.answered(written)
            case "killed":
                writes.forwarded(written, applied=True)
                writes.killed(written)
            case _:
                assert step == "throttled"
    return writes.left


THROTTLED = ("throttled",) * 3


@pytest.mark.parametrize(
    ("write", "steps", "stays"),
    [
        *[(take, ("answered",), 0), (take, ("lost", "refused"), 0), (take, ("lost", "throttled", "throttled"), 1)],
        *[(take, THROTTLED, 0), (take, ("killed",), 0), (give_back, ("answered",), 0)],
        *[(give_back, ("throttled", "answered"), 0), (give_back, THROTTLED, 1)],
        *[(give_back, ("lost", "throttled", "throttled"), 0), (give_back, ("throttled", "killed"), 0)],
    ],
)
def test_a_count_without_an_answer_stays_if_it_was_applied_and_one_whose_give_back_was_not(
    write: Callable[[Counter], bytes], steps: tuple[str, ...], stays: int
) -> None:
    assert left(write(CLIENT), *steps) == stays


def test_only_writes_of_the_clients_counters_are_followed_and_other_bytes_are_another_write() -> None:
    writes = CounterWrites()
    other = json.dumps({"Key": {"message_id": {"S": "7b"}}}).encode()
    ignored = [("GetItem", take(CLIENT)), ("UpdateItem", take(RANGE)), ("UpdateItem", other)]
    for operation, call in [*ignored, *[("UpdateItem", take(CLIENT, token)) for token in ("one", "two", "two")]]:
        writes.asked(operation, call)
        writes.forwarded(call, applied=True)

    assert writes.left == 2

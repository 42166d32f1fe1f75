from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

import pytest

from sms_tracker.domain.indexes import (
    SHARDS,
    Position,
    Span,
    client_references,
    days,
    failed_shard,
    months,
    provider_keys,
    shard,
    time_shard,
)
from tests.factories import MESSAGE_ID

NEW_YEAR = Span(since="2025-12-30T23:59:59.999Z", until="2026-01-01T00:00:00.000Z")


def test_the_keys_of_the_indexes_are_those_of_the_contract_and_long_ones_are_hashed() -> None:
    assert shard(MESSAGE_ID) == "10"
    assert provider_keys("twilio", "SM1") == ("twilio#SM1",)
    assert client_references("shop", "order#42") == ("shop#order#42",)
    assert time_shard("2026-01-31T12:00:00.000Z", MESSAGE_ID) == "2026-01-31#10"
    assert failed_shard("2026-01-31T12:00:00.000Z", MESSAGE_ID) == "failed#2026-01#10"
    assert provider_keys("twilio", "SM" + "1" * 31) == ("twilio#SM" + "1" * 31,)
    assert provider_keys("twilio", "SM" + "1" * 32) == ("7zObI4QiJDyS", "twilio#SM" + "1" * 32)
    assert client_references("shop", "r" * 36) == ("UycErvLFd90K", "shop#" + "r" * 36)


def test_ids_are_spread_evenly_over_the_shards() -> None:
    counts = Counter(shard(str(UUID(int=number))) for number in range(1600))

    assert set(counts) == {f"{number:02d}" for number in range(SHARDS)}
    assert max(counts.values()) < 2 * 100


@pytest.mark.parametrize(
    ("groups_of", "firsts", "own"),
    [
        (days, ["2026-01-01#00", "2025-12-31#00", "2025-12-30#00"], (0, time_shard(NEW_YEAR.until, MESSAGE_ID))),
        (months, ["failed#2026-01#00", "failed#2025-12#00"], (1, failed_shard(NEW_YEAR.since, MESSAGE_ID))),
    ],
    ids=["days", "months"],
)
def test_a_span_touches_each_of_its_days_and_months_newest_first_with_all_their_shards(
    groups_of: Callable[[Span], Iterable[Sequence[str]]], firsts: list[str], own: tuple[int, str]
) -> None:
    groups = list(groups_of(NEW_YEAR))

    assert [group[0] for group in groups] == firsts
    assert all(len(set(group)) == SHARDS for group in groups)
    assert own[1] in groups[own[0]]
    assert list(groups_of(Span(since=NEW_YEAR.until, until=NEW_YEAR.since))) == []


def test_positions_are_sorted_by_time_and_then_by_id() -> None:
    places = [Position("2026", "b"), Position("2025", "c"), Position("2026", "a")]

    assert sorted(places) == [places[1], places[2], places[0]]

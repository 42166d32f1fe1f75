"""DynamoDB's size rules as bench and the tests of write units use them."""

from __future__ import annotations

from typing import Any

import pytest

from bench.units import KB, index_units, item_size, read_units, write_units

BY_STATUS: dict[str, Any] = {
    "IndexName": "by_status",
    "KeySchema": [{"AttributeName": "status", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["client"]},
}
SENT = {"message_id": {"S": "m1"}, "status": {"S": "sent"}, "at": {"S": "12:00"}, "client": {"S": "shop"}}


@pytest.mark.parametrize(
    ("value", "size"),
    [
        *[({"S": "abc"}, 3), ({"S": "é"}, 2), ({"N": "0"}, 1), ({"N": "7"}, 2), ({"N": "-7"}, 3)],
        *[({"N": "1700000000"}, 2), ({"N": "1777593607"}, 6), ({"BOOL": True}, 1), ({"SS": ["ab", "c"]}, 3)],
        ({"M": {}}, 3),
        ({"M": {"ab": {"S": "cd"}}}, 3 + 1 + 4),
    ],
)
def test_an_item_is_as_large_as_its_names_and_values(value: dict[str, Any], size: int) -> None:
    assert item_size({"key": value}) == len("key") + size


def test_a_value_of_a_kind_that_no_record_holds_is_not_guessed() -> None:
    with pytest.raises(AssertionError, match="NULL"):
        item_size({"key": {"NULL": True}})


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (KB, 1), (KB + 1, 2), (3 * KB, 3)])
def test_a_write_costs_a_unit_for_each_kilobyte_that_was_begun(size: int, units: int) -> None:
    assert write_units(size) == units


def test_a_read_costs_a_unit_for_four_kilobytes_and_half_where_it_may_be_stale() -> None:
    assert [read_units(size, consistent=True) for size in (0, 4 * KB, 4 * KB + 1)] == [1, 1, 2]
    assert read_units(4 * KB + 1, consistent=False) == 1


LONGER = {**SENT, "reports": {"M": {}}}
EVERYTHING = {**BY_STATUS, "Projection": {"ProjectionType": "ALL"}}


@pytest.mark.parametrize(
    ("index", "before", "after", "units"),
    [
        (BY_STATUS, SENT, LONGER, 0),
        (EVERYTHING, SENT, LONGER, 1),
        (BY_STATUS, {}, SENT, 1),
        (BY_STATUS, SENT, {}, 1),
        (BY_STATUS, SENT, {**SENT, "client": {"S": "other"}}, 1),
        (BY_STATUS, SENT, {**SENT, "status": {"S": "delivered"}}, 2),
        (BY_STATUS, SENT, {name: value for name, value in SENT.items() if name != "at"}, 1),
    ],
    ids=["not projected", "all projected", "new", "gone", "another projected value", "another key", "a key that went"],
)
def test_an_index_costs_what_is_written_to_it_and_deleted(index: Any, before: Any, after: Any, units: int) -> None:
    assert index_units([index], before, after) == units

"""The table's stream as changes: unreadable images do not stop the others."""

from __future__ import annotations

from typing import Any

import pytest

from sms_tracker.aws.items import to_item
from sms_tracker.aws.store import stream_changes
from sms_tracker.domain.record import Record
from tests.factories import record

OLD, NEW = record(), record(version=2, updated_at="2026-01-31T12:00:05.000Z")


def modified(old: Record = OLD, new: Record = NEW, *, sequence: str = "111") -> dict[str, Any]:
    images = {"OldImage": to_item(old), "NewImage": to_item(new)}
    return {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": sequence, **images}}


def with_image(**attributes: Any) -> dict[str, Any]:
    made = modified()
    made["dynamodb"]["NewImage"] |= attributes
    return made


@pytest.mark.parametrize("name", ["INSERT", "REMOVE"])
def test_a_new_and_an_expired_record_are_no_change_of_status(name: str) -> None:
    assert list(stream_changes([{**modified(), "eventName": name}])) == []


def test_modifications_are_read_in_order_with_both_their_records() -> None:
    found = list(stream_changes([modified(sequence=str(number)) for number in range(5)]))

    assert [change.sequence for change in found] == ["0", "1", "2", "3", "4"]
    assert {(change.old == OLD, change.new == NEW, change.unreadable) for change in found} == {(True, True, None)}


@pytest.mark.parametrize(
    "spoilt",
    [
        {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": "111"}},
        with_image(version={"N": "not a number"}),
        with_image(version={"N": "Infinity"}),
        with_image(version={"S": "two"}),
        with_image(status={"S": "lost"}),
        with_image(send={"S": "claimed"}),
        with_image(reports={"NULL": True}),
        with_image(reports={"M": {"f": {"S": "no map"}}}),
        with_image(failure={"M": {}}),
        with_image(other_ids={"SS": ["no attempt"]}),
        with_image(to={"X": "no such type"}),
        with_image(to={}),
        with_image(to="untyped"),
    ],
)
def test_an_image_that_cannot_be_read_is_passed_on_as_such_and_the_next_one_read(spoilt: dict[str, Any]) -> None:
    first, second = stream_changes([spoilt, modified(sequence="222")])

    assert first.sequence == "111"
    assert first.raw == spoilt
    assert (first.old, first.new) == (None, None)
    assert first.unreadable is not None
    assert first.unreadable.endswith("in the image")
    assert second.new == NEW


def test_why_an_image_cannot_be_read_shows_nothing_of_it() -> None:
    (change,) = stream_changes([with_image(status={"S": "+31612345678"})])

    assert "31612345678" not in str(change.unreadable)
    assert "31612345678" not in repr(change)

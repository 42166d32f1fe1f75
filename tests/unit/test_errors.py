from __future__ import annotations

import pytest

from sms_tracker.domain import errors
from sms_tracker.domain.bus import BusEvent
from sms_tracker.domain.errors import FieldError, InvalidMessage, SmsTrackerError, Unavailable


def test_only_what_is_unavailable_may_succeed_later_without_any_change() -> None:
    assert [kind for kind in SmsTrackerError.__subclasses__() if kind.retryable] == [Unavailable]


@pytest.mark.parametrize("kind", SmsTrackerError.__subclasses__())
def test_every_error_is_named_in_the_tree(kind: type[SmsTrackerError]) -> None:
    assert f"── {kind.__name__} " in (errors.__doc__ or "")


def test_an_invalid_message_names_its_fields_and_shows_no_value() -> None:
    error = InvalidMessage([FieldError("to", "+31612345678 is no number"), FieldError("body", "is too long")])

    assert str(error) == "invalid: to, body"
    assert [each.field for each in error.errors] == ["to", "body"]


def test_an_events_size_counts_its_bytes_and_fourteen_for_the_time() -> None:
    assert BusEvent(source="sms", detail_type="Ünit", detail="{}").size == 14 + 3 + 5 + 2

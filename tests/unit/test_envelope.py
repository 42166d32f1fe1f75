from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.envelope import Envelope, decode, encode
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.domain.status import MAX_ATTEMPT
from tests.factories import MESSAGE_ID, NOW

VALUES: dict[str, Any] = {
    "v": 1,
    "provider": "twilio",
    "message_id": MESSAGE_ID,
    "attempt": 1,
    "source": "callback",
    "received_at": NOW,
    "fields": {"MessageStatus": "sent"},
}


def envelope(**values: Any) -> Envelope:
    known = {**VALUES, "source": Source.CALLBACK, **values}
    return Envelope(**{name: value for name, value in known.items() if name != "v"})


def test_an_envelope_is_the_json_of_the_contract() -> None:
    assert json.loads(encode(envelope())) == VALUES
    assert encode(envelope()).startswith('{"v":1,"provider":"twilio",')


def test_tries_travel_only_when_there_were_any() -> None:
    assert json.loads(encode(envelope(tries=1))) == {**VALUES, "tries": 1}


@given(
    st.builds(
        Envelope,
        provider=st.text(),
        message_id=st.none() | st.text(),
        attempt=st.integers(1, MAX_ATTEMPT),
        source=st.sampled_from(Source),
        received_at=st.datetimes(timezones=st.just(UTC)).map(timestamp),
        fields=st.dictionaries(st.text(), st.text()),
        tries=st.integers(0, 3),
    )
)
def test_whatever_was_encoded_is_decoded_to_the_same(made: Envelope) -> None:
    assert decode(encode(made)) == made


@pytest.mark.parametrize("body", ["", "no json", "[", "[" * 100_000, '{"v":' + "1" * 5000 + "}"])
def test_a_body_that_is_not_json_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable, match="not JSON"):
        decode(body)


@pytest.mark.parametrize("body", ["null", "1", '"text"', "[]", "{}", '{"v":2}', '{"v":"1"}', '{"v":null}'])
def test_another_kind_or_version_of_message_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable, match="not an envelope of version 1"):
        decode(body)


@pytest.mark.parametrize("name", [name for name in VALUES if name != "v"])
def test_a_missing_field_is_unreadable(name: str) -> None:
    values = {key: value for key, value in VALUES.items() if key != name}

    with pytest.raises(Unreadable, match="lacks a field"):
        decode(json.dumps(values))


@pytest.mark.parametrize("source", ["hearsay", None, 1, [], {}])
def test_an_unknown_source_is_unreadable(source: object) -> None:
    with pytest.raises(Unreadable, match="unknown source"):
        decode(json.dumps({**VALUES, "source": source}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("provider", 1),
        ("provider", None),
        ("message_id", 0),
        ("message_id", False),
        ("message_id", []),
        ("attempt", "1"),
        ("attempt", True),
        ("attempt", 1.0),
        ("attempt", 0),
        ("attempt", MAX_ATTEMPT + 1),
        ("received_at", None),
        ("received_at", 5),
        ("tries", "1"),
        ("tries", False),
        ("fields", None),
        ("fields", ["MessageStatus"]),
        ("fields", {"MessageStatus": 1}),
        ("fields", {"MessageStatus": None}),
    ],
)
def test_a_field_of_the_wrong_type_is_unreadable(name: str, value: object) -> None:
    with pytest.raises(Unreadable, match="wrong type"):
        decode(json.dumps({**VALUES, name: value}))


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00Z", "1769860800000"]
)
def test_a_receipt_at_no_time_of_ours_is_unreadable(text: str) -> None:
    # Found in aws-powertools/powertools-lambda-python#92
    with pytest.raises(Unreadable, match="received_at is not a time"):
        decode(json.dumps({**VALUES, "received_at": text}))


def test_no_field_shows_in_what_is_printed_of_an_envelope() -> None:
    assert "MessageStatus" not in repr(envelope())

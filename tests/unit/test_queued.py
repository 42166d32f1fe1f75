"""The forms in which reports and replies are queued."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.queued import (
    Envelope,
    Inbound,
    RawInbound,
    RefusedSend,
    decode_reply,
    decode_report,
    encodable,
    encode_reply,
    encode_report,
)
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


def test_an_envelope_is_the_json_of_the_contract_and_tries_travel_only_when_there_were_any() -> None:
    assert json.loads(encode_report(envelope())) == VALUES
    assert encode_report(envelope()).startswith('{"v":1,"provider":"twilio",')
    assert json.loads(encode_report(envelope(tries=1))) == {**VALUES, "tries": 1}
    assert "MessageStatus" not in repr(envelope()), "no field shows in what is printed"


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
    assert decode_report(encode_report(made)) == made


# Found in aws-powertools/powertools-lambda-python#92
NO_TIMES = ["", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00Z", "1769860800000"]
NO_SOURCES: list[object] = ["hearsay", None, 1, [], {}]
WRONG: dict[str, list[object]] = {
    "provider": [1, None],
    "message_id": [0, False, []],
    "attempt": ["1", True, 1.0, 0, MAX_ATTEMPT + 1],
    "received_at": [None, 5],
    "tries": ["1", False],
    "fields": [None, ["MessageStatus"], {"MessageStatus": 1}, {"MessageStatus": None}],
}


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        *[(body, "not JSON") for body in ("", "no json", "[", "[" * 100_000, '{"v":' + "1" * 5000 + "}")],
        *[(body, "not an envelope of version 1") for body in ("null", "1", '"text"', "[]", "{}")],
        *[(json.dumps({"v": version}), "not an envelope of version 1") for version in (2, "1", None)],
        *[(json.dumps({**VALUES, "source": each}), "unknown source") for each in NO_SOURCES],
        *[
            (json.dumps({key: value for key, value in VALUES.items() if key != name}), "lacks a field")
            for name in VALUES
            if name != "v"
        ],
        *[(json.dumps({**VALUES, name: each}), "wrong type") for name, values in WRONG.items() for each in values],
        *[(json.dumps({**VALUES, "received_at": each}), "received_at is not a time") for each in NO_TIMES],
    ],
)
def test_any_other_body_is_unreadable_for_its_own_reason(body: str, flaw: str) -> None:
    with pytest.raises(Unreadable, match=flaw):
        decode_report(body)


# -- Replies -----------------------------------------------------------------------------------------------------------

FIELDS = {"MessageSid": "SM" + "1" * 32, "From": "+31612345678", "To": "+15551234567", "Body": "Stop"}


@pytest.mark.parametrize(
    "queued", [RawInbound(provider="twilio", received_at=NOW, fields=FIELDS), RefusedSend(message_id="a-b", attempt=2)]
)
def test_a_reply_is_read_as_it_was_written(queued: RawInbound | RefusedSend) -> None:
    assert decode_reply(encode_reply(queued)) == queued


@pytest.mark.parametrize(
    "body",
    [
        *["", "[]", "null", "{}", "[" * 100_000, '{"v":1}', '{"v":2,"inbound":{}}'],
        '{"v":1,"inbound":{"provider":"x","received_at":"2026-01-31T12:00:00.000Z","fields":{"a":1}}}',
        '{"v":1,"inbound":{"provider":"x","received_at":"yesterday","fields":{}}}',
        '{"v":1,"inbound":{"provider":"x","received_at":"2026-01-31T12:00:00","fields":{}}}',
        '{"v":1,"inbound":{"provider":"x","received_at":null,"fields":{}}}',
        '{"v":1,"refused":{"message_id":"x","attempt":"y"}}',
    ],
)
def test_any_other_body_is_no_reply(body: str) -> None:
    with pytest.raises(Unreadable):
        decode_reply(body)


@pytest.mark.parametrize("text", ["Bye \ud83d", None])
def test_halves_of_surrogate_pairs_become_question_marks_and_all_else_stays(text: str | None) -> None:
    half = "\udc4b"
    cut = Inbound(provider_message_id=f"1{half}", sender=f"2{half}", to=(f"3{half}", "4\U0001f44b"), text=text, at=NOW)

    assert encodable(cut) == Inbound(
        provider_message_id="1?", sender="2?", to=("3?", "4\U0001f44b"), text=text and "Bye ?", at=NOW
    )

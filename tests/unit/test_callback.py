from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.callback import CallbackTarget, callback_target, callback_token, callback_url, token_matches
from sms_tracker.domain.status import MAX_ATTEMPT
from tests.factories import MESSAGE_ID

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
OTHER_ID = "7d2a2b1c-0000-4000-8000-000000000000"
BASE = "https://sms.example.com/base"


def url(query: str) -> str:
    return f"{BASE}/webhooks/twilio?{query}"


def test_the_callback_url_names_provider_message_and_attempt_in_characters_that_no_gateway_rewrites() -> None:
    with_token = callback_url("", "twilio", OTHER_ID, 3, token=callback_token(KEY, "twilio", MESSAGE_ID, 3))

    assert callback_url(BASE, "twilio", MESSAGE_ID, 2) == url(f"attempt=2&message_id={MESSAGE_ID}")
    assert re.fullmatch(r"/webhooks/twilio\?[A-Za-z0-9._~=&-]+", with_token)


def test_sorting_the_parameters_of_a_callback_url_changes_nothing() -> None:
    # Found in twilio/twilio-php#790, twilio/twilio-node#1079
    made = callback_url(BASE, "twilio", MESSAGE_ID, 2, token=callback_token(KEY, "twilio", MESSAGE_ID, 2))
    address, _, query = made.partition("?")

    assert made == f"{address}?{'&'.join(sorted(query.split('&')))}"


@pytest.mark.parametrize("token", [None, callback_token(KEY, "twilio", MESSAGE_ID, 1)])
@pytest.mark.parametrize("attempt", [1, 9, 10, MAX_ATTEMPT])
def test_a_callback_url_is_read_back_as_it_was_made(attempt: int, token: str | None) -> None:
    made = callback_url(BASE, "twilio", MESSAGE_ID, attempt, token=token)

    assert callback_target(made) == CallbackTarget(MESSAGE_ID, attempt, token)
    assert callback_target(made + "#rc=5&rp=all") == CallbackTarget(MESSAGE_ID, attempt, token)


@pytest.mark.parametrize(
    "value", ["", "42", "x" * 36, MESSAGE_ID.upper(), MESSAGE_ID.replace("-", ""), f"urn:uuid:{MESSAGE_ID}", "%00"]
)
def test_an_id_that_is_not_one_of_ours_counts_as_none(value: str) -> None:
    assert callback_target(url(f"message_id={value}&attempt=2")) == CallbackTarget(None, 2, None)


@pytest.mark.parametrize("value", ["", "0", "00", "01", "20", "100", "-1", "1.0", "one", "%D9%A3", "1%0A", "9" * 5000])
def test_an_attempt_out_of_range_counts_as_the_first(value: str) -> None:
    assert callback_target(url(f"message_id={MESSAGE_ID}&attempt={value}")) == CallbackTarget(MESSAGE_ID, 1, None)


def test_the_first_of_a_repeated_parameter_is_read_and_a_url_without_a_query_has_no_target() -> None:
    query = f"message_id={MESSAGE_ID}&message_id={OTHER_ID}&attempt=2&attempt=3&token=a&token=b"

    assert callback_target(url(query)) == CallbackTarget(MESSAGE_ID, 2, "a")
    assert callback_target(f"{BASE}/webhooks/twilio") == CallbackTarget(None, 1, None)


@given(st.text())
def test_no_url_at_all_makes_it_raise(text: str) -> None:
    for anything in (text, url(text), url(f"message_id={text}"), url(f"attempt={text}"), f"//[{text}?"):
        assert 1 <= callback_target(anything).attempt <= MAX_ATTEMPT


def test_our_own_token_matches_and_is_43_url_safe_characters() -> None:
    token = callback_token(KEY, "twilio", MESSAGE_ID, 2)

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    assert token_matches(KEY, "twilio", CallbackTarget(MESSAGE_ID, 2, token))
    of_none = callback_token(KEY, "twilio", "None", 1)
    assert not token_matches(KEY, "twilio", CallbackTarget(None, 1, of_none)), "without a message none matches"


@pytest.mark.parametrize(
    "token",
    [
        callback_token(OTHER_KEY, "twilio", MESSAGE_ID, 2),
        callback_token(KEY, "messagebird", MESSAGE_ID, 2),
        *[callback_token(KEY, "twilio", OTHER_ID, 2), callback_token(KEY, "twilio", MESSAGE_ID, 1), "", "nonsense"],
        *["ü", "\ud800", None],
    ],
)
def test_a_token_for_anything_else_does_not_match(token: str | None) -> None:
    assert not token_matches(KEY, "twilio", CallbackTarget(MESSAGE_ID, 2, token))

"""The query string of GET /messages: what it may ask for, and what it is told where it is wrong."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.errors import InvalidMessage
from sms_tracker.domain.indexes import Position, Span
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Status
from sms_tracker.read.list_query import criteria, cursor
from sms_tracker.read.parameters import parameters
from sms_tracker.read.search import SearchQuery
from sms_tracker.services.numbers import e164
from tests.factories import MESSAGE_ID, NOW
from tests.fakes import START

NAMES = ("to", "reference", "provider_message_id", "status", "since", "until", "limit", "cursor", "sort")
WEEK_BEFORE = "2026-01-24T12:00:00.000Z"
OLDEST = "2000-01-01T00:00:00.000Z"


def read(**query: str) -> SearchQuery:
    return criteria(query, client="shop", now=START)


def wrong_fields(**query: str) -> list[str]:
    with pytest.raises(InvalidMessage) as caught:
        read(**query)
    return [error.field for error in caught.value.errors]


def test_parameters_are_decoded_an_empty_one_too() -> None:
    assert parameters("to=%2B31+6&cursor=") == {"to": "+31 6", "cursor": ""}
    assert parameters("") == {}


def test_a_parameter_that_comes_twice_is_refused_by_name() -> None:
    with pytest.raises(InvalidMessage) as refusal:
        parameters("limit=1&to=a&limit=1&%00=&cursor&%00=")

    assert [error.field for error in refusal.value.errors] == ["limit", ""]


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_without_parameters_the_last_seven_days_are_listed() -> None:
    assert read() == SearchQuery(client="shop", now=NOW, span=Span(since=WEEK_BEFORE, until=NOW), limit=20)


@pytest.mark.parametrize("name", ["to", "reference", "provider_message_id"])
def test_a_search_for_one_thing_looks_at_all_times(name: str) -> None:
    assert read(**{name: "31612345678"}).span == Span(since=OLDEST, until=NOW)


@pytest.mark.parametrize("given", ["+31612345678", " 31612345678", "31612345678", "+31 6 12345678"])
def test_a_number_is_understood_with_its_plus_escaped_or_not(given: str) -> None:
    assert read(to=given).to == "+31612345678"


@pytest.mark.parametrize("given", ["0612345678", "0031612345678", "31612345678O", "+3161CALLNOW", "sms:+31612345678"])
def test_a_number_is_read_as_post_messages_reads_it(given: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(to=given)
    with pytest.raises(ValueError, match=r"\w") as expected:
        e164(f"+{given}" if given[:1].isdigit() else given, None)
    assert [(error.field, error.message) for error in caught.value.errors] == [("to", str(expected.value))]


@pytest.mark.parametrize("given", ["0612345678", "0031612345678", "31612345678", " 31612345678", "+31612345678"])
def test_where_one_country_is_sent_to_its_own_forms_are_searched_for(given: str) -> None:
    found = criteria({"to": given}, client="shop", now=START, countries=frozenset({"NL"}))
    assert found.to == "+31612345678"


def test_reference_provider_id_status_and_limit_are_taken_as_they_are() -> None:
    found = read(reference="a b#c", provider_message_id="SM1", status="delivered", limit="100")

    assert (found.reference, found.provider_message_id) == ("a b#c", "SM1")
    assert (found.status, found.limit) == (Status.DELIVERED, 100)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-01-30T12:00:00Z", "2026-01-30T12:00:00.000Z"),
        ("2026-01-30T12:00:00.123456Z", "2026-01-30T12:00:00.123Z"),
        ("2026-01-30T12:00:00+02:00", "2026-01-30T10:00:00.000Z"),
        ("2026-01-30T12:00:00 02:00", "2026-01-30T10:00:00.000Z"),  # its plus was not escaped
        ("2026-01-30T12:00:00", "2026-01-30T12:00:00.000Z"),
        ("2026-01-30", "2026-01-30T00:00:00.000Z"),
        ("2026-01-30t12:00:00z", "2026-01-30T12:00:00.000Z"),
        ("2026-01-30 12:00:00Z", "2026-01-30T12:00:00.000Z"),
        ("2026-01-30 12:00", "2026-01-30T12:00:00.000Z"),
        ("2026-01-30 12:00:00.5 02:00", "2026-01-30T10:00:00.500Z"),
        ("2026-01-30T12:00 02:00", "2026-01-30T10:00:00.000Z"),
    ],
)
def test_times_are_read_in_any_zone_and_as_utc_without_one(given: str, meant: str) -> None:
    assert read(since=given).span.since == meant
    assert read(until=given).span.until == meant


def test_since_follows_until_where_only_that_is_given() -> None:
    assert read(until="2026-01-20T00:00:00Z").span.since == "2026-01-13T00:00:00.000Z"


def test_a_search_reaches_neither_into_the_future_nor_before_any_message() -> None:
    assert read(since="0001-01-01T00:00:00Z", until="9999-12-31T23:59:59Z").span == Span(since=OLDEST, until=NOW)
    assert read(to="31612345678", since="0001-01-01").span.since == OLDEST


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", "yesterday"),
        ("since", ""),
        ("since", "2026-13-01"),
        ("since", "2026-W05-5"),
        ("since", "20260130T120000Z"),
        ("until", "9999-12-31T23:59:59-23:59"),
        ("until", "1769860800"),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", ""),
        ("limit", "٣"),
        ("limit", "9" * 5000),
        ("status", "Delivered"),
        ("status", ""),
        ("to", "nobody"),
        ("to", ""),
        ("to", "1" * 500),
        ("reference", ""),
        ("reference", "r" * 129),
        ("provider_message_id", "i" * 257),
        ("Status", "sent"),
        ("page", "2"),
        ("", ""),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    assert wrong_fields(**{name: value}) == [name]


def test_everything_that_is_wrong_is_named_at_once() -> None:
    query = {"to": "x", "status": "x", "since": "x", "until": "x", "limit": "x", "cursor": "x", "x": "x"}

    assert sorted(wrong_fields(**query)) == sorted(query)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2026-01-30T00:00:00Z", "2026-01-29T00:00:00Z"),
        ("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z"),
    ],
)
def test_a_range_without_any_message_is_refused(since: str, until: str) -> None:
    assert wrong_fields(since=since, until=until) == ["since"]


def test_a_range_may_be_a_single_moment() -> None:
    assert read(since=NOW, until=NOW).span == Span(since=NOW, until=NOW)


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00Z", "1999-12-31T00:00:00Z"])
def test_an_until_before_any_message_is_refused_and_not_counted_back_from(until: str) -> None:
    assert wrong_fields(until=until) == ["since"]


@pytest.mark.parametrize("position", [Position(NOW, MESSAGE_ID), Position(NOW, "~"), Position("", MESSAGE_ID)])
def test_a_cursor_leads_back_to_its_position(position: Position) -> None:
    assert read(cursor=cursor(position)).after == position


def test_a_cursor_can_be_put_into_a_url_as_it_is() -> None:
    positions = [Position(timestamp(START + timedelta(milliseconds=n)), MESSAGE_ID) for n in range(100)]

    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", cursor(position)) for position in positions)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "not base64!",
        "ünï",
        encoded("text"),
        encoded(7),
        encoded(None),
        encoded([NOW]),
        encoded([NOW, MESSAGE_ID, 1]),
        encoded([7, MESSAGE_ID]),
        encoded([NOW, 7]),
        encoded([NOW, None]),
        encoded({"a": 1, "b": 2}),
        encoded(["2026-01", MESSAGE_ID]),
        encoded(["2026-99-99T12:00:00.000Z", MESSAGE_ID]),
        encoded(["2026-01-31T12:00:00Z", MESSAGE_ID]),
        encoded(["2026-01-31T12:00:00.000+00:00", MESSAGE_ID]),
        encoded(["~", MESSAGE_ID]),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_cursor_that_was_never_given_out_is_refused(value: str) -> None:
    assert wrong_fields(cursor=value) == ["cursor"]


@given(query=st.dictionaries(st.sampled_from(NAMES) | st.text(), st.text() | st.from_regex(r"[0-9TZ:.+\-]{0,30}")))
def test_any_query_string_is_either_read_or_refused_as_invalid(query: dict[str, Any]) -> None:
    try:
        found = criteria(query, client="shop", now=START)
    except InvalidMessage as error:
        assert error.errors  # noqa: PT017  # either outcome is right
    else:
        assert found.client == "shop"
        assert OLDEST <= found.span.since <= found.span.until <= NOW

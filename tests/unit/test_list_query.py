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
from sms_tracker.read.list_query import ListQuery, cursor, read_query
from sms_tracker.read.parameters import parameters
from sms_tracker.read.search import SearchQuery
from sms_tracker.services.numbers import e164
from tests.factories import MESSAGE_ID, NOW
from tests.fakes import START
from tests.unit.test_send_request import VOICE

NAMES = (
    "to",
    "reference",
    "provider_message_id",
    "status",
    "outcome",
    "provider",
    "reason",
    "since",
    "until",
    "limit",
    "cursor",
    "sort",
)
WEEK_BEFORE = "2026-01-24T12:00:00.000Z"
OLDEST = "2000-01-01T00:00:00.000Z"


def read(**query: str) -> SearchQuery:
    return read_query(query, client="shop", now=START)


def wrong_fields(**query: str) -> list[str]:
    with pytest.raises(InvalidMessage) as caught:
        read(**query)
    return [error.field for error in caught.value.errors]


def test_parameters_are_decoded_an_empty_one_too() -> None:
    assert parameters("to=%2B31+6&cursor=") == {"to": "+31 6", "cursor": ""}
    assert parameters("") == {}


@pytest.mark.parametrize("name", ["to", "reference", "provider_message_id", "status", "provider", "client", "since"])
def test_an_empty_parameter_is_refused_so_that_an_unset_variable_selects_nothing_unseen(name: str) -> None:
    assert wrong_fields(**{name: ""}) == [name]


def test_a_parameter_that_is_repeated_is_refused_by_name() -> None:
    with pytest.raises(InvalidMessage) as refusal:
        parameters("limit=1&to=a&limit=1&%00=&cursor&%00=")

    assert [error.field for error in refusal.value.errors] == ["limit", ""]


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_without_parameters_the_last_seven_days_are_listed() -> None:
    assert read() == SearchQuery(
        client="shop", now=NOW, span=Span(since=WEEK_BEFORE, until=NOW), limit=20, parameters=ListQuery().digest
    )


@pytest.mark.parametrize("name", ["to", "reference", "provider_message_id"])
def test_a_search_for_one_thing_looks_at_all_times(name: str) -> None:
    assert read(**{name: "31612345678"}).span == Span(since=OLDEST, until=NOW)


@pytest.mark.parametrize("given", ["+31612345678", " 31612345678", "31612345678", "+31 6 12345678"])
def test_a_number_is_understood_with_its_plus_escaped_or_not(given: str) -> None:
    assert read(to=given).to == "+31612345678"


@pytest.mark.parametrize(
    "given",
    ["0612345678", "06 1234 5678", "0031612345678", "31612345678O", "+3161CALLNOW", "sms:+31612345678", "(0)612"],
)
def test_a_number_is_read_as_post_messages_reads_it(given: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(to=given)
    with pytest.raises(ValueError, match=r"\w") as expected:
        e164(given, None)
    assert [(error.field, error.message) for error in caught.value.errors] == [("to", str(expected.value))]


def test_a_national_number_without_a_country_to_read_it_by_is_refused_with_how_to_write_it() -> None:
    for countries in (None, frozenset({"NL", "BE"})):
        with pytest.raises(InvalidMessage) as caught:
            read_query({"to": "06 12 34 56 78"}, client="shop", now=START, countries=countries)
        (wrong,) = caught.value.errors
        assert wrong.message == "has no + and country code; write it like +31612345678"


@pytest.mark.parametrize("given", ["4915112345678", "49 151 12345678", "12025550143", "32470123456"])
def test_where_one_country_is_sent_to_another_countrys_number_is_found_without_its_plus(given: str) -> None:
    found = read_query({"to": given}, client="shop", now=START, countries=frozenset({"NL"}))
    assert found.to == "+" + given.replace(" ", "")


@pytest.mark.parametrize(
    "given",
    ["0612345678", "06 12 34 56 78", "06-12345678", "0031612345678", "31612345678", " 31612345678", "+31612345678"],
)
def test_where_one_country_is_sent_to_its_own_forms_are_searched_for(given: str) -> None:
    found = read_query({"to": given}, client="shop", now=START, countries=frozenset({"NL"}))
    assert found.to == "+31612345678"


def test_reference_provider_id_status_and_limit_are_taken_as_they_are() -> None:
    found = read(reference="a b#c", provider_message_id="SM1", status="delivered", limit="100")

    assert (found.reference, found.provider_message_id) == ("a b#c", "SM1")
    assert (found.statuses, found.limit) == (frozenset({Status.DELIVERED}), 100)


@pytest.mark.parametrize("query", ["status=failed&status=expired", "status=failed,expired", "status=expired%2Cfailed"])
def test_any_of_several_statuses_may_be_asked_for(query: str) -> None:
    assert read(**parameters(query)).statuses == {Status.FAILED, Status.EXPIRED}


def test_outcome_provider_and_reason_are_taken_as_they_are() -> None:
    found = read(outcome="failure", provider="twilio", reason="blocked", since="2026-01-30T00:00:00Z")

    assert (found.provider, found.reason) == ("twilio", "blocked")
    assert found.statuses == {status for status in Status if status.outcome == "failure"}
    assert found.span.since == "2026-01-30T00:00:00.000Z"


def test_status_outcome_and_reason_limit_one_another() -> None:
    assert read().statuses == set(Status)
    assert read(outcome="success").statuses == {Status.DELIVERED, Status.READ}
    assert read(outcome="failure", status="failed,delivered").statuses == {Status.FAILED}
    assert read(reason="blocked", status="failed,delivered").statuses == {Status.FAILED}
    assert read(reason="blocked", outcome="success").statuses == set()


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
        ("status", "sent,"),
        ("status", "sent, failed"),
        ("outcome", "failed"),
        ("outcome", ""),
        ("outcome", "failure,success"),
        ("provider", "pigeon"),
        ("provider", ""),
        ("reason", "Blocked"),
        ("reason", ""),
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
    assert read(cursor=cursor(position, read().parameters)).after == position


_WITH = {"to": "+31612345678", "status": "failed", "until": "2026-01-30", "provider": "twilio"}


@pytest.mark.parametrize(
    "other",
    [
        {},
        {**_WITH, "to": "+31612345679"},
        {**_WITH, "status": "failed,expired"},
        {**_WITH, "until": "2026-01-29"},
        {**_WITH, "since": "2026-01-01"},
        {**_WITH, "provider": "messagebird"},
        {**_WITH, "outcome": "failure"},
        {**_WITH, "reason": "blocked"},
        {**_WITH, "reference": "a"},
        {**_WITH, "provider_message_id": "a"},
        {**_WITH, "client": "shop"},
    ],
)
def test_a_cursor_is_refused_with_other_parameters(other: dict[str, str]) -> None:
    following = cursor(Position(NOW, MESSAGE_ID), read(**_WITH).parameters)

    assert wrong_fields(**other, cursor=following) == ["cursor"]


@pytest.mark.parametrize("same", [{}, {"limit": "7"}, {"to": "31612345678"}, {"until": "2026-01-30T00:00:00+00:00"}])
def test_a_cursor_is_good_for_any_page_size_and_the_same_values_written_otherwise(same: dict[str, str]) -> None:
    following = cursor(Position(NOW, MESSAGE_ID), read(**_WITH).parameters)

    assert read(**{**_WITH, **same}, cursor=following).after == Position(NOW, MESSAGE_ID)


def test_a_cursor_can_be_put_into_a_url_as_it_is() -> None:
    positions = [Position(timestamp(START + timedelta(milliseconds=n)), MESSAGE_ID) for n in range(100)]

    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", cursor(position, "0a1b2c3d")) for position in positions)


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
        encoded([NOW, MESSAGE_ID]),
        encoded([NOW, MESSAGE_ID, 1]),
        encoded([NOW, MESSAGE_ID, "", ""]),
        encoded([7, MESSAGE_ID, ""]),
        encoded([NOW, 7, ""]),
        encoded([NOW, None, ""]),
        encoded({"a": 1, "b": 2, "c": 3}),
        encoded(["2026-01", MESSAGE_ID, ""]),
        encoded(["2026-99-99T12:00:00.000Z", MESSAGE_ID, ""]),
        encoded(["2026-01-31T12:00:00Z", MESSAGE_ID, ""]),
        encoded(["2026-01-31T12:00:00.000+00:00", MESSAGE_ID, ""]),
        encoded(["~", MESSAGE_ID, ""]),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_cursor_that_was_never_given_out_is_refused(value: str) -> None:
    assert wrong_fields(cursor=value) == ["cursor"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("status", "lost", f"must be one of: {', '.join(Status)}"),
        ("outcome", "failed", "must be one of: open, success, failure, unknown"),
        ("reference", "", "must have 1 or more characters"),
        ("reference", "r" * 129, "must have 128 or fewer characters"),
        ("limit", "0", "must be 1 to 100"),
        ("since", "yesterday", "must be an RFC 3339 time, such as 2026-01-31T12:00:00Z"),
        ("cursor", "x", "must be the cursor of a previous page"),
        ("page", "2", "is not a parameter of this request"),
    ],
)
def test_a_wrong_parameter_is_described_in_our_words(name: str, value: str, message: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(**{name: value})
    assert [error.message for error in caught.value.errors] == [message]


@given(query=st.dictionaries(st.sampled_from(NAMES) | st.text(), st.text() | st.from_regex(r"[0-9TZ:.+\-]{0,30}")))
def test_any_query_string_is_either_read_or_refused_as_invalid(query: dict[str, Any]) -> None:
    try:
        found = read_query(query, client="shop", now=START)
    except InvalidMessage as error:
        assert all(re.match(VOICE, each.message) for each in error.errors)  # noqa: PT017  # either outcome is right
    else:
        assert found.client == "shop"
        assert OLDEST <= found.span.since <= found.span.until <= NOW

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
from sms_tracker.read.list_query import ListQuery, encoded_cursor, parameters, read_query
from sms_tracker.read.search import SearchQuery
from sms_tracker.services.numbers import e164
from tests.factories import MESSAGE_ID, NOW
from tests.fakes import START
from tests.unit.test_send_request import VOICE

NAMES = (
    *("to", "reference", "provider_message_id", "status", "outcome", "provider", "reason"),
    *("since", "until", "limit", "cursor", "sort"),
)
WEEK_BEFORE = "2026-01-24T12:00:00.000Z"
OLDEST = "2000-01-01T00:00:00.000Z"


def read(**query: str) -> SearchQuery:
    return read_query(query, client="shop", now=START)


def flaws(**query: str) -> dict[str, str]:
    """What is said of each wrong field."""
    with pytest.raises(InvalidMessage) as caught:
        read(**query)
    return {error.field: error.message for error in caught.value.errors}


def test_parameters_are_decoded_and_a_repeated_one_is_refused_by_name() -> None:
    with pytest.raises(InvalidMessage) as refusal:
        parameters("limit=1&to=a&limit=1&%00=&cursor&%00=")

    assert [error.field for error in refusal.value.errors] == ["limit", ""]
    assert parameters("to=%2B31+6&cursor=") == {"to": "+31 6", "cursor": ""}
    assert parameters("") == {}


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_without_parameters_the_last_seven_days_are_listed() -> None:
    assert read() == SearchQuery(
        client="shop", now=NOW, span=Span(since=WEEK_BEFORE, until=NOW), limit=20, parameters=ListQuery().digest
    )


@pytest.mark.parametrize(
    ("times", "since", "until"),
    [
        ({"until": "2026-01-20T00:00:00Z"}, "2026-01-13T00:00:00.000Z", "2026-01-20T00:00:00.000Z"),
        ({"since": NOW, "until": NOW}, NOW, NOW),
        ({"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}, OLDEST, NOW),
        ({"to": "31612345678", "since": "0001-01-01"}, OLDEST, NOW),
        *[({name: "31612345678"}, OLDEST, NOW) for name in ("to", "reference", "provider_message_id")],
    ],
)
def test_a_search_reaches_over_the_times_that_are_given(times: dict[str, str], since: str, until: str) -> None:
    assert read(**times).span == Span(since=since, until=until)


ANYWHERE, DUTCH = None, frozenset({"NL"})
OWN_FORMS = ("0612345678", "06 12 34 56 78", "06-12345678", "0031612345678")


@pytest.mark.parametrize(
    ("countries", "given", "number"),
    [
        (ANYWHERE, "+31 6 12345678", "+31612345678"),
        *[(each, given, "+31612345678") for each in (ANYWHERE, DUTCH) for given in ("+31612345678", " 31612345678")],
        *[(each, "31612345678", "+31612345678") for each in (ANYWHERE, DUTCH)],
        *[(DUTCH, given, "+31612345678") for given in OWN_FORMS],
        (DUTCH, "49 151 12345678", "+4915112345678"),
        *[(DUTCH, given, f"+{given}") for given in ("4915112345678", "12025550143", "32470123456")],
    ],
)
def test_a_number_is_found_in_each_of_its_forms(countries: frozenset[str] | None, given: str, number: str) -> None:
    assert read_query({"to": given}, client="shop", now=START, countries=countries).to == number


@pytest.mark.parametrize(
    "given",
    ["0612345678", "06 1234 5678", "0031612345678", "31612345678O", "+3161CALLNOW", "sms:+31612345678", "(0)612"],
)
def test_a_number_is_refused_as_post_messages_refuses_it(given: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as expected:
        e164(given, None)
    assert flaws(to=given) == {"to": str(expected.value)}


@pytest.mark.parametrize("countries", [None, frozenset({"NL", "BE"})])
def test_a_national_number_without_a_country_to_read_it_by_is_refused(countries: frozenset[str] | None) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read_query({"to": "06 12 34 56 78"}, client="shop", now=START, countries=countries)
    (wrong,) = caught.value.errors
    assert wrong.message == "has no + and country code; write it like +31612345678"


def test_every_other_parameter_is_taken_as_it_is() -> None:
    found = read(reference="a b#c", provider_message_id="SM1", status="delivered", limit="100")
    failed = read(outcome="failure", provider="twilio", reason="blocked", since="2026-01-30T00:00:00Z")

    assert (found.reference, found.provider_message_id) == ("a b#c", "SM1")
    assert (found.statuses, found.limit) == (frozenset({Status.DELIVERED}), 100)
    assert (failed.provider, failed.reason, failed.span.since) == ("twilio", "blocked", "2026-01-30T00:00:00.000Z")
    assert failed.statuses == {status for status in Status if status.outcome == "failure"}


@pytest.mark.parametrize("query", ["status=failed&status=expired", "status=failed,expired", "status=expired%2Cfailed"])
def test_any_of_several_statuses_may_be_asked_for(query: str) -> None:
    assert read(**parameters(query)).statuses == {Status.FAILED, Status.EXPIRED}


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


WRONG = {
    "since": ["yesterday", "", "2026-13-01", "2026-W05-5", "20260130T120000Z"],
    "until": ["9999-12-31T23:59:59-23:59", "1769860800"],
    "limit": ["0", "101", "-1", "ten", "", "٣", "9" * 5000],
    "status": ["Delivered", "", "sent,", "sent, failed"],
    "outcome": ["failed", "", "failure,success"],
    "provider": ["pigeon", ""],
    "reason": ["Blocked", ""],
    "to": ["nobody", "", "1" * 500],
    "reference": ["", "r" * 129],
    "provider_message_id": ["", "i" * 257],
    "client": [""],
    "Status": ["sent"],
    "page": ["2"],
    "": [""],
}


@pytest.mark.parametrize(("name", "value"), [(name, each) for name, values in WRONG.items() for each in values])
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    assert [*flaws(**{name: value})] == [name]


def test_everything_that_is_wrong_is_named_at_once() -> None:
    names = ("to", "status", "since", "until", "limit", "cursor", "x")

    assert flaws(**dict.fromkeys(names, "x")).keys() == {*names}


@pytest.mark.parametrize(
    "times",
    [
        {"since": "2026-01-30T00:00:00Z", "until": "2026-01-29T00:00:00Z"},
        {"since": "2027-01-01T00:00:00Z", "until": "2028-01-01T00:00:00Z"},
        {"since": "0001-01-01T00:00:00Z", "until": "0001-01-02T00:00:00Z"},
        {"until": "0001-01-01T00:00:00Z"},  # not counted back from
        {"until": "1999-12-31T00:00:00Z"},
    ],
)
def test_a_range_without_any_message_is_refused(times: dict[str, str]) -> None:
    assert [*flaws(**times)] == ["since"]


@pytest.mark.parametrize("position", [Position(NOW, MESSAGE_ID), Position(NOW, "~"), Position("", MESSAGE_ID)])
def test_a_cursor_leads_back_to_its_position(position: Position) -> None:
    assert read(cursor=encoded_cursor(position, read().parameters)).after == position


_WITH = {"to": "+31612345678", "status": "failed", "until": "2026-01-30", "provider": "twilio"}


@pytest.mark.parametrize(
    "changed",
    [
        *[{"to": "+31612345679"}, {"status": "failed,expired"}, {"until": "2026-01-29"}, {"since": "2026-01-01"}],
        *[{"provider": "messagebird"}, {"outcome": "failure"}, {"reason": "blocked"}, {"reference": "a"}],
        *[{"provider_message_id": "a"}, {"client": "shop"}],
    ],
)
def test_a_cursor_is_refused_with_other_parameters(changed: dict[str, str]) -> None:
    following = encoded_cursor(Position(NOW, MESSAGE_ID), read(**_WITH).parameters)

    assert [*flaws(cursor=following)] == ["cursor"]
    assert [*flaws(**{**_WITH, **changed}, cursor=following)] == ["cursor"]


@pytest.mark.parametrize("same", [{}, {"limit": "7"}, {"to": "31612345678"}, {"until": "2026-01-30T00:00:00+00:00"}])
def test_a_cursor_is_good_for_any_page_size_and_the_same_values_written_otherwise(same: dict[str, str]) -> None:
    following = encoded_cursor(Position(NOW, MESSAGE_ID), read(**_WITH).parameters)

    assert read(**{**_WITH, **same}, cursor=following).after == Position(NOW, MESSAGE_ID)


def test_a_cursor_can_be_put_into_a_url_as_it_is() -> None:
    positions = [Position(timestamp(START + timedelta(milliseconds=n)), MESSAGE_ID) for n in range(100)]

    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", encoded_cursor(position, "0a1b2c3d")) for position in positions)


@pytest.mark.parametrize(
    "value",
    [
        *["", "x", "not base64!", "ünï", *map(encoded, ["text", 7, None, {"a": 1, "b": 2, "c": 3}])],
        *map(encoded, [[NOW], [NOW, MESSAGE_ID], [NOW, MESSAGE_ID, 1], [NOW, MESSAGE_ID, "", ""]]),
        *map(encoded, [[7, MESSAGE_ID, ""], [NOW, 7, ""], [NOW, None, ""]]),
        *[encoded([at, MESSAGE_ID, ""]) for at in ("~", "2026-01", "2026-99-99T12:00:00.000Z", "2026-01-31T12:00:00Z")],
        encoded(["2026-01-31T12:00:00.000+00:00", MESSAGE_ID, ""]),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_cursor_that_was_never_given_out_is_refused(value: str) -> None:
    assert [*flaws(cursor=value)] == ["cursor"]


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
    assert flaws(**{name: value}) == {name: message}


@given(query=st.dictionaries(st.sampled_from(NAMES) | st.text(), st.text() | st.from_regex(r"[0-9TZ:.+\-]{0,30}")))
def test_any_query_string_is_either_read_or_refused_as_invalid(query: dict[str, Any]) -> None:
    try:
        found = read_query(query, client="shop", now=START)
    except InvalidMessage as error:
        assert all(re.match(VOICE, each.message) for each in error.errors)  # noqa: PT017  # either outcome is right
    else:
        assert found.client == "shop"
        assert OLDEST <= found.span.since <= found.span.until <= NOW

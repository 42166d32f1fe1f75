"""Reports: order, fingerprint, values and times; the spellings of a number."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sms_tracker.domain.cost import Price
from sms_tracker.domain.report import (
    MAX_VALUE,
    Report,
    Source,
    clean,
    parse_time,
    spellings,
    timestamp,
    timestamp_before,
)
from sms_tracker.domain.status import Status
from tests.factories import NOW, report

# -- Reports -----------------------------------------------------------------------------------------------------------

LATER = "2026-01-31T12:00:05.250Z"


@pytest.mark.parametrize("status", [None, *Status])
def test_only_the_failures_are_failures_and_a_report_without_a_status_has_no_order(status: Status | None) -> None:
    failures = {Status.CANCELED, Status.EXPIRED, Status.FAILED, Status.UNDELIVERED}
    assert report(status).is_failure is (status in failures)
    assert (report(status).order is None) is (status is None)
    assert report(Status.SENT, attempt=2).order == 44


UNREADABLE = [
    *(None, "", "yesterday", "2601311200"),
    "2026-01-31T12:00:05Z",  # a time, but not as timestamp() writes it: it would not sort
    "2026-01-31T12:00:05.250+00:00",
    "2026-01-31T12:00:05.250",
    "2026-02-30T12:00:05.250Z",  # no such day
    "0001-01-01T00:00:00.000+23:59",  # before the first day in UTC
    "٢٠٢٦-01-31T12:00:05.250Z",
]


@pytest.mark.parametrize("occurred", UNREADABLE)
def test_it_became_true_at_the_providers_time_or_if_that_is_unreadable_when_received(occurred: str | None) -> None:
    assert report(occurred=LATER).at == LATER
    assert (report(occurred=occurred).at, report(occurred=occurred).lag) == (NOW, None)


@pytest.mark.parametrize(
    "again",
    [
        {"received": LATER, "source": Source.ANSWER, "price": Price("1", "EUR"), "details": {"further": "field"}},
        {"source": Source.LOOKUP, "occurred": NOW},
        {"source": Source.LOOKUP, "occurred": LATER},
        {"code": ""},
    ],
    ids=["delivered twice", "looked up", "looked up twice", "a blank value for a missing one"],
)
def test_one_claim_has_one_fingerprint(again: dict[str, Any]) -> None:
    assert report(**again).fingerprint == report(code=None).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        *({"provider": "messagebird"}, {"attempt": 2}, {"word": "SENT"}, {"code": "30003"}),
        *({"provider_message_id": "SM" + "2" * 32}, {"provider_message_id": None}),
        *({"occurred": NOW}, {"occurred": "raw"}),
    ],
)
def test_claims_that_differ_in_what_they_say_have_different_fingerprints(other: dict[str, Any]) -> None:
    assert report(**other).fingerprint != report().fingerprint
    assert report(word="a", code="bc").fingerprint != report(word="ab", code="c").fingerprint


@given(st.text() | st.just("\ud800"), st.text(), st.none() | st.text())
@example("twilio", "\ud800", None)
def test_a_fingerprint_is_8_url_safe_characters_of_anything(provider: str, word: str, code: str | None) -> None:
    fingerprint = Report(provider=provider, word=word, status=None, received=NOW, code=code).fingerprint
    assert re.fullmatch(r"[A-Za-z0-9_-]{8}", fingerprint)


def test_a_fingerprint_never_changes_since_it_is_stored() -> None:
    assert report(code="30003", occurred=NOW).fingerprints == ("NghwctyH", "NghwctyHzEvS0lyH")


MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(  # noqa: DTZ001  # UTC below
    lambda moment: timestamp(moment.replace(tzinfo=UTC))
)


@given(MOMENTS, MOMENTS)
def test_the_providers_time_follows_from_the_receipt_and_the_lag(received: str, occurred: str) -> None:
    lag = report(received=received, occurred=occurred).lag
    assert lag is not None
    assert timestamp_before(received, lag) == occurred


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("a\x00b\r\nc\x7fd\x85e\u2028f\u2029g", "abcdefg"),
        ("Größe 世 €", "Größe 世 €"),
        ("\n" * 10 + "a" * 300, "a" * MAX_VALUE),  # cut after the controls are gone
        ("a\ud800b", "a?b"),
    ],
)
def test_control_characters_are_removed_from_a_providers_value(value: str, cleaned: str) -> None:
    assert clean(value) == cleaned


@given(st.text())
def test_a_clean_value_stays_as_it_is_and_can_be_stored(value: str) -> None:
    cleaned = clean(value)
    assert clean(cleaned) == cleaned
    assert len(cleaned) <= MAX_VALUE
    assert cleaned.encode().decode() == cleaned


def test_a_timestamp_is_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 31, 13, 0, 5, 250_999, tzinfo=timezone(timedelta(hours=1)))
    assert timestamp(moment) == LATER
    assert timestamp(datetime(2026, 1, 31, tzinfo=UTC)) == "2026-01-31T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520Z"),  # the examples of RFC 3339
        ("1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57.000Z"),
        ("1990-12-31T23:59:60Z", "1991-01-01T00:00:00.000Z"),
        ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000Z"),
        ("1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31 12:00:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00-00:00", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00.000000000001Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00." + "9" * 50 + "Z", "2026-01-31T12:00:00.999Z"),
        ("2026-01-31T12:00:00+0200", "2026-01-31T10:00:00.000Z"),
        ("2026-01-31T12:00", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("2024-02-29T00:00:00+23:59", "2024-02-28T00:01:00.000Z"),
    ],
)
def test_a_time_of_rfc_3339_is_read(text: str, meant: str) -> None:
    # Found in RFC 3339
    assert timestamp(parse_time(text)) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-01", "2026-W05-1", "2026-031", "20260131T120000Z", "2026-01-31Z", "2026-01-31_12:00:00Z"),
        *(f"2026-01-31T{time}" for time in ("12Z", "12:00:00,5Z", "12:00:00.Z", "24:00:00Z", "12:60:00Z", "12:00:61Z")),
        "2026-01-31T12:00:60Z",  # no leap second: those end a day
        *(f"2026-01-31T12:00:00{offset}" for offset in ("+24:00", "+01:60", "\u221201:00", "Z ", "Z\n")),
        *("2026-02-29T12:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:60Z"),
        "\u0662\u0660\u0662\u0666-01-31T12:00:00Z",
    ],
)
def test_any_other_text_is_no_time(text: str) -> None:
    # Found in RFC 3339
    with pytest.raises(ValueError):  # noqa: PT011  # any: callers have their own words
        parse_time(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_timestamp_is_read_back(moment: datetime) -> None:
    assert timestamp(parse_time(timestamp(moment))) == timestamp(moment)


# -- Spellings: two of one number are equal, two numbers never are -----------------------------------------------------

PAIRS = [
    ("+525512345678", "+5215512345678"),
    ("+541123456789", "+5491123456789"),
    ("+543838123456", "+5493838123456"),
    ("+551187654321", "+5511987654321"),
    ("+556291234567", "+5562991234567"),
    ("+22997123456", "+2290197123456"),
]
ALONE = [
    *("+31612345678", "+12025550143", "+551112345678", "+551171234567", "+5499123456789", "+2290297123456"),
    "+5511912345678",  # without its 9 it would be a landline's
    "+5511971234567",  # 7123-4567 is a trunked radio's number of its own
    "+5211234567890",  # no Mexican number begins with 1
    "+52155123456",  # too short
]


@pytest.mark.parametrize("pair", PAIRS)
def test_both_spellings_of_a_number_are_known_by_each(pair: tuple[str, str]) -> None:
    # Found in chatwoot/chatwoot#14926, google/libphonenumber#2693
    assert [spellings(each) for each in pair] == [pair, pair]


@pytest.mark.parametrize("number", ALONE)
def test_any_other_number_has_one_spelling(number: str) -> None:
    assert spellings(number) == (number,)


@pytest.mark.parametrize("mobile", ["6", "8", "9"])
def test_no_brazilian_area_still_assigns_the_shorter_spelling(mobile: str) -> None:
    # Found in openclaw/openclaw#25819, cakephp/localized#9
    numbers = [phonenumbers.parse(f"+55{area}{mobile}7654321") for area in range(11, 100)]
    assert not any(map(phonenumbers.is_valid_number, numbers))


@pytest.mark.parametrize("number", ["+5215512345678", "+22997123456"])
def test_the_old_spelling_of_mexico_and_benin_is_no_longer_assigned(number: str) -> None:
    # Found in mobi/telephone_number#138
    assert not phonenumbers.is_valid_number(phonenumbers.parse(number))


def of_a_country(code: str) -> st.SearchStrategy[str]:
    return st.from_regex(rf"\A\+{code}[0-9]{{7,12}}\Z")


@given(st.sampled_from(["52", "54", "55", "229", "31", "1"]).flatmap(of_a_country))
def test_being_equal_is_the_same_from_every_side(number: str) -> None:
    known = spellings(number)
    assert number in known
    assert {spellings(each) for each in known} == {known}
    assert all(len(one) != len(other) for one, other in product(known, known) if one != other)

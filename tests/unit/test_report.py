from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.cost import Price
from sms_tracker.domain.report import MAX_VALUE, Report, Source, before, clean, parse_time, timestamp
from sms_tracker.domain.status import Status
from tests.factories import NOW, report

LATER = "2026-01-31T12:00:05.250Z"


def test_a_report_without_a_status_has_no_order() -> None:
    assert report(None, word="received").order is None
    assert report(Status.SENT, attempt=2).order == 44


@pytest.mark.parametrize("status", [None, *Status])
def test_only_the_failures_are_failures(status: Status | None) -> None:
    failures = {Status.CANCELED, Status.EXPIRED, Status.FAILED, Status.UNDELIVERED}

    assert report(status).is_failure is (status in failures)


def test_a_readable_time_of_the_provider_is_when_it_became_true() -> None:
    assert report(occurred=LATER).at == LATER


@pytest.mark.parametrize(
    "occurred",
    [
        None,
        "",
        "yesterday",
        "2601311200",
        "2026-01-31T12:00:05Z",  # a time, but not as timestamp() writes it: it would not sort
        "2026-01-31T12:00:05.250+00:00",
        "2026-01-31T12:00:05.250",
        "2026-02-30T12:00:05.250Z",  # no such day
        "0001-01-01T00:00:00.000+23:59",  # before the first day in UTC
        "٢٠٢٦-01-31T12:00:05.250Z",
    ],
)
def test_without_a_readable_time_it_became_true_when_received(occurred: str | None) -> None:
    assert report(occurred=occurred).at == NOW


def test_two_deliveries_of_one_claim_have_one_fingerprint() -> None:
    again = report(received=LATER, source=Source.ANSWER, price=Price("1", "EUR"), details={"further": "field"})

    assert report().fingerprint == again.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "messagebird"},
        {"attempt": 2},
        {"provider_message_id": "SM" + "2" * 32},
        {"provider_message_id": None},
        {"word": "SENT"},
        {"code": "30003"},
        {"occurred": NOW},
        {"occurred": "raw"},
    ],
)
def test_claims_that_differ_in_what_they_say_have_different_fingerprints(other: dict[str, Any]) -> None:
    assert report(**other).fingerprint != report().fingerprint


def test_looking_up_twice_is_one_claim_whatever_its_time() -> None:
    first, second = (report(source=Source.LOOKUP, occurred=occurred) for occurred in (NOW, LATER))

    assert first.fingerprint == second.fingerprint == report().fingerprint


def test_neighbouring_values_do_not_run_into_each_other() -> None:
    assert report(word="a", code="bc").fingerprint != report(word="ab", code="c").fingerprint


def test_a_missing_value_and_a_blank_one_are_the_same_claim() -> None:
    assert report(code=None).fingerprint == report(code="").fingerprint


@given(st.text(), st.text(), st.none() | st.text())
def test_a_fingerprint_is_8_url_safe_characters_of_anything(provider: str, word: str, code: str | None) -> None:
    fingerprint = Report(provider=provider, word=word, status=None, received=NOW, code=code).fingerprint

    assert len(fingerprint) == 8
    assert fingerprint.replace("-", "").replace("_", "").isalnum()
    assert fingerprint.isascii()


def test_a_fingerprint_never_changes_since_it_is_stored() -> None:
    assert report(code="30003", occurred=NOW).fingerprints == ("NghwctyH", "NghwctyHzEvS0lyH")


def test_a_lone_surrogate_has_a_fingerprint_too() -> None:
    assert len(report(word="\ud800").fingerprint) == 8


MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(  # noqa: DTZ001  # UTC below
    lambda moment: timestamp(moment.replace(tzinfo=UTC))
)


@given(MOMENTS, MOMENTS)
def test_the_providers_time_follows_from_the_receipt_and_the_lag(received: str, occurred: str) -> None:
    lag = report(received=received, occurred=occurred).lag

    assert lag is not None
    assert before(received, lag) == occurred


@pytest.mark.parametrize("occurred", [None, "", "yesterday", "2026-02-30T00:00:00.000Z", "2026-01-31T12:00:00Z"])
def test_a_time_that_cannot_be_read_has_no_lag(occurred: str | None) -> None:
    assert report(received=NOW, occurred=occurred).lag is None


def test_control_characters_are_removed_from_a_providers_value() -> None:
    assert clean("a\x00b\r\nc\x7fd\x85e\u2028f\u2029g") == "abcdefg"
    assert clean("Größe 世 €") == "Größe 世 €"


def test_a_providers_value_is_cut_after_the_controls_are_gone() -> None:
    assert clean("\n" * 10 + "a" * 300) == "a" * MAX_VALUE


def test_invalid_unicode_becomes_question_marks() -> None:
    assert clean("a\ud800b") == "a?b"


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
        "",
        "now",
        "2026-01",
        "2026-W05-1",
        "2026-031",
        "20260131T120000Z",
        "2026-01-31T12Z",
        "2026-01-31Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:60Z",  # no leap second: those end a day
        "2026-02-29T12:00:00Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00\u221201:00",
        "2026-01-31T12:00:00Z ",
        "2026-01-31T12:00:00Z\n",
        "2026-01-31_12:00:00Z",
        "\u0662\u0660\u0662\u0666-01-31T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
    ],
)
def test_any_other_text_is_no_time(text: str) -> None:
    # Found in RFC 3339
    with pytest.raises(ValueError):  # noqa: PT011  # any: callers have their own words
        parse_time(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_timestamp_is_read_back(moment: datetime) -> None:
    assert timestamp(parse_time(timestamp(moment))) == timestamp(moment)

"""What the adapters share, and how they are found."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker import providers
from sms_tracker.domain.errors import UnknownProvider, Unreadable
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Key

BASE = "https://sms.example.com/webhooks/twilio"
NOON = "2026-01-31T12:00:05.000Z"
NO_TEXT: tuple[object, ...] = (None, True, {}, [1], "", "\n")


def test_the_providers_are_found_by_their_modules() -> None:
    assert {"aws", "bird", "messagebird", "twilio"} <= set(providers.names())
    assert [providers.load(name).name for name in providers.names()] == list(providers.names())


@pytest.mark.parametrize("name", ["", "base", "wire", "twilio_report", "Twilio", "../twilio", "os"])
def test_an_unknown_provider_is_not_loaded(name: str) -> None:
    with pytest.raises(UnknownProvider):
        providers.load(name)


def test_a_keys_secret_is_not_printed() -> None:
    assert "hidden" not in repr(Key("hidden", owner="account"))


@pytest.mark.parametrize("body", [b"", b"no json", b"\xff", b"[1]", b'"text"', b"null", b"[" * 100_000])
def test_a_json_object_is_read_as_it_is_and_anything_else_as_an_empty_one(body: bytes) -> None:
    assert parsing.json_object(body) == {}
    assert parsing.json_object(b'{"a": {"b": 1}}') == {"a": {"b": 1}}


def test_a_json_webhooks_scalars_become_text_and_what_is_nested_deeper_stays_json() -> None:
    price = {"amount": 0.07, "unit": "EUR", "tax": None}
    body = {"id": "007", "count": 5, "ok": True, "none": None, "price": price, "a": {"b": {"c": 1}}, "d": [1, "x"]}

    fields = parsing.json_fields(json.dumps(body).encode())

    scalars = {"id": "007", "count": "5", "ok": "true", "price[amount]": "0.07", "price[unit]": "EUR"}
    assert fields == {**scalars, "a[b]": '{"c": 1}', "d": '[1, "x"]'}


def test_the_objects_in_a_list_are_read_under_their_indexes() -> None:
    body = [{"id": "EZ1", "data": {"sid": "SM1"}}, 2, {"id": "EZ3"}]

    fields = parsing.json_fields(json.dumps(body).encode())

    assert fields == {"0[id]": "EZ1", "0[data]": '{"sid": "SM1"}', "2[id]": "EZ3"}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[1]", b"[[]]", b"null", b"text"])
def test_an_empty_json_webhook_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parsing.json_fields(body)


def test_a_querys_fields_keep_blanks_and_the_last_of_a_repeated_name_without_ours() -> None:
    query = "id=1&blank=&id=2&plus=a+b&message_id=m&attempt=1&token=t&bodySHA256=s&price%5Bamount%5D=1"
    assert parsing.query_fields(query) == {"id": "2", "blank": "", "plus": "a b", "price[amount]": "1"}


def test_a_query_of_200_fields_is_read_and_one_more_is_not() -> None:
    assert len(parsing.query_fields("&".join(f"f{number}=1" for number in range(200)))) == 200
    with pytest.raises(Unreadable):
        parsing.query_fields("&".join(f"f{number}=1" for number in range(201)))


@given(st.text())
def test_any_query_is_read_or_unreadable(query: str) -> None:
    try:
        assert not parsing.OURS & parsing.query_fields(query).keys()
    except Unreadable:
        assert query.count("&") >= 200


def test_the_query_as_received_is_tried_first_and_a_mixed_one_in_both_pure_forms() -> None:
    received = f"{BASE}?t=1%3a2:3&s=a+b%20c"
    variants = list(parsing.url_variants(received))

    assert variants[0] == received
    assert {f"{BASE}?t=1:2:3&s=a%20b%20c", f"{BASE}?t=1%3a2%3A3&s=a+b+c"} <= set(variants)
    for plain in (BASE, f"{BASE}?a=1"):
        assert list(parsing.url_variants(plain)) == [plain]


def test_a_query_is_tried_in_each_encoding_that_a_gateway_may_have_undone() -> None:
    sent = [f"{BASE}?a{opening}0{closing}=x{space}y" for opening, closing, space in product("[", "]", ["+", "%20"])]
    escaped = [url.replace("[", "%5B").replace("]", "%5D") for url in sent]
    for received in (*sent, *escaped):
        assert set(parsing.url_variants(received)) == {*sent, *escaped}


@given(st.text(st.sampled_from("ab=&[]:,+% 025BCDabcd?#/"), max_size=30))
def test_variants_are_different_urls_of_one_and_the_same_query(query: str) -> None:
    variants = list(parsing.url_variants(f"{BASE}?{query}"))

    assert len(set(variants)) == len(variants) <= 10
    assert {unquote_plus(variant) for variant in variants} == {unquote_plus(f"{BASE}?{query}")}
    pairs = [parse_qsl(variant.partition("?")[2], keep_blank_values=True) for variant in variants]
    assert all(pair == pairs[0] for pair in pairs)


@pytest.mark.parametrize(
    ("number", "normal"),
    [
        *((number, "+31612345678") for number in ("31612345678", "+31612345678", " 31612345678\n")),
        *((number, f"+{number}") for number in ("1234", "1" * 15)),
        *((text, None) for text in ("123", "1" * 16, "0031612345678", "++31612345678", "+31 6 12345678")),
        *((text, None) for text in ("٣١٦١٢٣٤٥٦٧٨", "SHOP", "")),
    ],
)
def test_a_number_becomes_e164_or_none(number: str, normal: str | None) -> None:
    assert parsing.e164(number) == normal


@pytest.mark.parametrize(
    ("read", "value", "normal"),
    [
        *((parsing.rfc3339, f"2026-01-31{text}", NOON) for text in ("T12:00:05+00:00", "T12:00:05Z", "t12:00:05z")),
        (parsing.rfc3339, "2026-01-31T12:00:05", NOON),
        (parsing.rfc3339, "2026-01-31T13:00:05.25+01:00", "2026-01-31T12:00:05.250Z"),
        (parsing.rfc3339, "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        *((parsing.rfc3339, text, text) for text in ("2026-W05-6", "0001-01-01T00:00:00+23:59")),
        *((parsing.rfc2822, f"Sat, 31 Jan 2026 {text}", NOON) for text in ("12:00:05 +0000", "12:00:05 -0000")),
        (parsing.rfc2822, "Sat, 31 Jan 2026 13:00:05 +0100", NOON),
        (parsing.rfc2822, "Sat, 31 Feb 2026 12:00:05 +0000", "Sat, 31 Feb 2026 12:00:05 +0000"),
        (parsing.rfc2822, "Fri, 31 Dec 9999 23:59:59 -2359", "Fri, 31 Dec 9999 23:59:59 -2359"),
        *((read, "next\n week", "next week") for read in (parsing.rfc3339, parsing.rfc2822)),
        *((read, text, None) for read in (parsing.rfc3339, parsing.rfc2822) for text in (None, "")),
    ],
)
def test_a_time_is_put_in_our_form_or_kept_raw(
    read: Callable[[str | None], str | None], value: str | None, normal: str | None
) -> None:
    assert read(value) == normal


@pytest.mark.parametrize(
    ("read", "value", "normal"),
    [
        *((parsing.text, value, None) for value in NO_TEXT),
        *((parsing.text, value, text) for value, text in (("a\nb", "ab"), (31.5, "31.5"))),
        *((parsing.masked, text, None) for text in (None, "")),
        (parsing.masked, "The 'To' number +31612345678 is not valid", "The 'To' number [number] is not valid"),
        (parsing.masked, "(+1 555) 123-4567\nis a landline", "([number]is a landline"),
        (parsing.masked, "Error 30003 of 2026", "Error 30003 of 2026"),
        (parsing.code, "007", "007"),
        *((parsing.code, text, None) for text in ("0", "", None, "\x00")),
    ],
)
def test_a_scalar_is_cleaned_and_its_numbers_masked_and_a_blank_is_none(
    read: Callable[[Any], str | None], value: object, normal: str | None
) -> None:
    assert read(value) == normal


@given(st.text())
def test_no_time_at_all_makes_a_reader_raise(value: str) -> None:
    for read in (parsing.rfc3339, parsing.rfc2822):
        assert read(value) is None or value


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5.0), ("000120", 120.0), ("", None), ("-1", None), ("1.5", None), ("Wed, 21 Oct 2026", None), ("٣", None)],
)
def test_retry_after_is_read_where_it_is_a_plain_number(value: str, seconds: float | None) -> None:
    assert parsing.retry_after({"retry-after": value}) == seconds
    assert parsing.retry_after({}) is None


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 999_999.0),
        ("soon", "Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "", None),
    ],
)
def test_a_time_to_retry_after_counts_from_the_time_of_the_answer(value: str, date: str, seconds: float | None) -> None:
    # Found in Bird's SDK, RFC 9110
    assert parsing.retry_after({"retry-after": value, "date": date}) == seconds


def test_the_first_field_that_is_not_blank_is_taken_cleaned() -> None:
    fields = {"MessageSid": "\x00", "SmsSid": "SM1\n"}
    assert parsing.field(fields, "MessageSid", "SmsSid") == "SM1"
    assert parsing.field(fields, "MessageSid", "Sid") == ""


def test_details_are_forty_cleaned_fields_without_blank_names() -> None:
    fields = {"read": "1", "\x00": "2", "a\x00": "3\n", **{f"F{number}": "x" for number in range(50)}}

    details = parsing.details(fields, without={"read"})

    assert list(details)[:2] == ["a", "F0"]
    assert details["a"] == "3"
    assert len(details) == 40


def test_a_part_of_a_path_stays_one_part() -> None:
    assert parsing.path_part("../a?b#\ud800") == "%2E%2E%2Fa%3Fb%23%3F"

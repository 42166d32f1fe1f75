"""Which characters show nothing, and which have a look-alike in GSM-7."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.text import (
    LOOK_ALIKES,
    controls,
    gsm_look_alike,
    is_blank,
    is_gsm,
    listed_characters,
    segment,
)
from tests.unit.documents import ROOT

ALL = [chr(number) for number in range(sys.maxunicode + 1)]
DOCUMENT = Path(ROOT / "docs" / "texts.md").read_text("utf-8")


def of(*categories: str) -> list[str]:
    return [char for char in ALL if unicodedata.category(char) in categories]


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        *[(text, True) for text in ("", " ", "\r\n\t \f", "\u00a0", "\u200b\u200c\u200d\u2060\ufeff", "\u2800\u2800")],
        *[(text, True) for text in ("\u200e\u202a\u202c\u2066\u2069", "\u3164", "\uffa0\u115f\u1160", "\ufe0f")],
        *[(text, True) for text in ("\u00ad\u034f\u061c\u180e", "\u2028\u2029\u0085", "\U000e0020\U000e007f")],
        *[(text, True) for text in ("\U0001d159", " \u00a0\u200b\u2800\u3000 ")],
        *[
            (text, False)
            for text in (".", "\u200b.", "\u0301", "\U0001f600", "\u06dd", "\u2801", "\ue000", "\U000103ff")
        ],
    ],
)
def test_an_invisible_text_is_blank_and_one_with_anything_to_see_is_not(text: str, *, blank: bool) -> None:
    assert is_blank(text) is blank


def test_every_white_space_character_is_blank_and_no_letter_mark_digit_or_punctuation_but_fillers_is() -> None:
    visible = of("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "So", "Sm")

    assert all(is_blank(char) for char in of("Zs", "Zl", "Zp"))
    assert {char for char in visible if is_blank(char)} == set("\u115f\u1160\u3164\uffa0\u2800\U0001d159")


def test_control_characters_are_found_but_for_white_space() -> None:
    assert set(controls("".join(of("Cc")))) == set(of("Cc")) - set("\t\n\v\f\r\x85")
    assert controls("a\x00b\x00\x1b") == ["\x00", "\x1b"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        *[("“It’s here”", '"It\'s here"'), ("«déjà»", '"déjà"'), ("„ja“ ‘nee’", "\"ja\" 'nee'"), ("`code`", "'code'")],
        *[("9–17 — yes…", "9-17 - yes..."), ("10\u202f000\u00a0km", "10 000 km"), ("a\tb", "a b")],
        *[("one\u2028two\u000bthree", "one\ntwo\nthree"), ("par\u00adcel\u200b \u200eok\ufeff", "parcel ok")],
        *[("e\ufb03cient \u0133s", "efficient ijs"), ("\uff21\uff22\uff23\uff01", "ABC!")],
        *[
            ("\U0001d5e6\U0001d5ee\U0001d5f9\U0001d5f2", "Sale"),
            ("cafe\u0301", "caf\u00e9"),
            ("\u212a\u2126", "K\u03a9"),
        ],
        *[("• one • two", "- one - two"), ("©\ufe0f Shop™", "(C) ShopTM"), ("2×3 ≥ 5 → ok", "2x3 >= 5 -> ok")],
    ],
)
def test_typographic_characters_are_replaced(text: str, plain: str) -> None:
    # Found in twilio.com smart-encoding-char-list, docs.bird.com smart-encoding
    assert gsm_look_alike(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "\u201cIt\u2019s\u201d \U0001f600",  # UCS-2 all the same, so nothing is lost for nothing
        "\u201c\u041f\u0440\u0438\u0432\u0435\u0442\u201d",
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        *["\u2026\u00e1", "fa\u00e7ade", "Already - 'plain'", ""],  # an accent belongs to the spelling
        "10\u00b2 m",  # would read as 102
        "1\u00bd kg",  # would read as 11/2
    ],
)
def test_a_text_that_would_not_be_gsm_or_read_differently_stays_as_it_is(text: str) -> None:
    assert gsm_look_alike(text) == text


def test_a_look_alike_is_gsm_and_each_character_has_one_as_every_space_and_dash_of_unicode() -> None:
    chars = "".join(LOOK_ALIKES.values())

    assert all(is_gsm(plain) for plain in LOOK_ALIKES)
    assert len(set(chars)) == len(chars)
    assert not any(is_gsm(char) for char in chars)
    assert {gsm_look_alike(f"a{char}b") for char in (*of("Zs"), *of("Pd"))} == {"a b", "a-b"}


@given(st.text(st.sampled_from("".join(LOOK_ALIKES.values()) + "abc \n€\U0001f600") | st.characters(codec="utf-8")))
def test_the_result_is_gsm_or_the_text_itself_and_stays_the_same_when_repeated(text: str) -> None:
    plain = gsm_look_alike(text)

    assert plain == text or is_gsm(plain)
    assert gsm_look_alike(plain) == plain
    assert segment(plain).segments >= 1


def test_characters_are_named_by_sign_and_number_or_by_number_alone_where_there_is_no_sign() -> None:
    assert listed_characters("\u2019") == "\u2019 (U+2019)"
    assert listed_characters("\u200b\u00a0\x00\u0301\u2800") == "U+200B, U+00A0, U+0000, U+0301, U+2800"
    assert listed_characters("abcdefg") == "a (U+0061), b (U+0062), c (U+0063), d (U+0064), e (U+0065) and 2 more"


def test_the_documents_list_is_the_one_that_is_used() -> None:
    rows = [
        f"- a line feed: {listed_characters(chars)}" if to == "\n" else f"- `{to}`: {chars}"
        for to, chars in LOOK_ALIKES.items()
    ]

    assert "\n".join(["\n", *rows, "\n"]) in DOCUMENT

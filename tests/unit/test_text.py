"""Encoding and segments of a text; which characters show nothing, and which have a look-alike in GSM-7."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.text import (
    LOOK_ALIKES,
    Encoding,
    Segmentation,
    controls,
    gsm_look_alike,
    is_blank,
    is_gsm,
    listed_characters,
    outside_gsm,
    segment,
)
from tests.unit.documents import ROOT

# -- Encoding and segments ---------------------------------------------------------------------------------------------

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = "\f^{}\\[~]|€"
EMOJI = "\U0001f600"  # two UTF-16 units


def gsm(segments: int) -> Segmentation:
    return Segmentation(Encoding.GSM_7, segments)


def ucs(segments: int) -> Segmentation:
    return Segmentation(Encoding.UCS_2, segments)


def test_the_basic_alphabet_has_its_127_characters_of_one_septet() -> None:
    assert len(set(BASIC)) == 127  # 128 places, one of them the escape to the extension
    assert all(segment(char * 160) == gsm(1) for char in BASIC)
    assert all(segment(char * 161) == gsm(2) for char in BASIC)


def test_the_alphabet_is_that_of_3gpp_ts_23_038_and_nothing_else() -> None:
    # Found in common-repository/lws-sms
    places = BASIC[:0x1B] + "\x1b" + BASIC[0x1B:]  # the escape is no character of a text
    known = {0x00: "@", 0x09: "Ç", 0x0A: "\n", 0x0D: "\r", 0x10: "Δ", 0x1E: "ß", 0x24: "¤", 0x40: "¡", 0x5F: "§"}
    known |= {0x1C: "Æ", 0x1F: "É", 0x20: " ", 0x41: "A", 0x5B: "Ä", 0x60: "¿", 0x61: "a", 0x7B: "ä", 0x7F: "à"}
    assert {place: places[place] for place in known} == known
    assert {char for char in map(chr, range(0x110000)) if is_gsm(char)} == set(BASIC + EXTENDED)


def test_what_forces_ucs_2_is_named_once_in_the_order_of_the_text() -> None:
    assert outside_gsm("x’y😀’ç") == ["’", "😀", "ç"]
    assert outside_gsm(BASIC + EXTENDED) == []


@pytest.mark.parametrize("char", EXTENDED)
def test_an_extension_character_costs_two_septets(char: str) -> None:
    assert segment(char * 80) == gsm(1)
    assert segment(char * 81) == gsm(2)


@pytest.mark.parametrize("char", ["ç", "`", "\x1b", "\t", "á", "’", "я", "世", "\ud800", EMOJI])
def test_one_character_outside_the_alphabet_makes_the_text_ucs_2(char: str) -> None:
    assert segment(f"Hello {char}") == ucs(1)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("", gsm(1)),
        *(("a" * length, gsm(parts)) for length, parts in ((160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4))),
        *(("я" * length, ucs(parts)) for length, parts in ((70, 1), (71, 2), (134, 2), (135, 3), (201, 3), (202, 4))),
        ("a" * 151 + "€" + "a" * 153, gsm(2)),  # ends exactly at the border
        ("a" * 152 + "€" + "a" * 151, gsm(2)),  # first part one short, second exactly full
        ("a" * 152 + "€" + "a" * 152, gsm(3)),  # 306 septets, yet they need three parts
        ("a" * 152 + "€" + "a" * 6, gsm(1)),  # a border is of no concern to a text that fits alone
        ("я" * 66 + EMOJI + "я" * 2, ucs(1)),
        *((EMOJI * length, ucs(parts)) for length, parts in ((35, 1), (36, 2))),
        *((EMOJI * length, ucs(parts)) for length, parts in ((66, 2), (67, 3))),  # 33 a part leave one unit unused
        ("я" * 66 + EMOJI + "я" * 65, ucs(2)),
        ("я" * 66 + EMOJI + "я" * 66, ucs(3)),  # 134 units, yet they need three parts
        *(("€" * length + "я", ucs(parts)) for length, parts in ((69, 1), (70, 2))),  # an extension is one unit
    ],
    ids=lambda value: str(value) if isinstance(value, Segmentation) else f"{len(value)} characters",
)
def test_no_character_is_split_between_parts_of_160_or_153_septets_70_or_67_units(
    text: str, counted: Segmentation
) -> None:
    assert segment(text) == counted


# -- Characters --------------------------------------------------------------------------------------------------------

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

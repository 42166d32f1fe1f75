from __future__ import annotations

import pytest

from sms_tracker.domain.text import Encoding, Segmentation, is_gsm, outside_gsm, segment

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

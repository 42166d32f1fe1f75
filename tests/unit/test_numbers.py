"""Numbers as people write them: every form that is one becomes E.164, everything else is refused in words that help."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.services.numbers import e164

FORMATS = phonenumbers.PhoneNumberFormat
DIGITS = [chr(point) for point in range(0x1E960) if chr(point).isdecimal() and unicodedata.decimal(chr(point)) == 3]
SPACES = [chr(point) for point in range(0x3001) if unicodedata.category(chr(point)) == "Zs"]
HYPHENS = [chr(point) for point in range(0xFFFF) if unicodedata.category(chr(point)) == "Pd"]
INVISIBLE = [
    *"\u00ad\u034f\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufe0d\ufeff"
]


PLUSES = ["++31612345678", "+ +31612345678", "+31+612345678", "31+612345678", "31612345678+"]


def read(number: str, *countries: str) -> str:
    return e164(number, frozenset(countries) or None)


def refusal(number: str, *countries: str) -> str:
    with pytest.raises(ValueError, match=r"\w") as caught:
        read(number, *countries)
    return str(caught.value)


@pytest.mark.parametrize(
    "number",
    [
        "+31612345678",
        "tel:+31612345678",
        "TEL: +31 6 1234 5678",
        "(+31) 6-1234.5678",
        "+31 / 6 / 12345678",
        "\uff0b\uff13\uff11\uff08\uff16\uff09\uff11\uff12\uff13\uff14\uff0d\uff15\uff16\uff17\uff18",
        "+\u0663\u0661\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
        "+\u06f3\u06f1612345678",
        "\u202a+31612345678\u202c",
        "\u2068+31 6 12345678\u2069",
        "\u200e+31612345678\r\n",
        "+31\u00a06\u202f1234\u20115678",
        "+31 6 1234\u22125678",
        "+31 6 1234\u30fc5678",
        "\ufeff+31612345678",
    ],
)
def test_a_number_in_any_usual_form_is_read(number: str) -> None:
    assert read(number) == "+31612345678"


@pytest.mark.parametrize("separator", [*SPACES, *HYPHENS, *INVISIBLE, ".", "/", "(", ")", "\uff0e", "\uff0f", "\t"])
def test_every_separator_may_stand_between_digits(separator: str) -> None:
    # Found in verbb/hyper#86, woocommerce/woocommerce#58000
    assert read(f"+31{separator}612345678") == "+31612345678"


@pytest.mark.parametrize("digit", DIGITS)
def test_digits_of_every_script_are_digits(digit: str) -> None:
    # Found in google/libphonenumber#1034
    assert read(f"+{digit}1612345678") == "+31612345678"


@pytest.mark.parametrize(
    ("number", "named"),
    [
        ("+49 151 2345678O", '"O"'),
        ("+49 151 2345678\u041e", '"\u041e" (U+041E)'),  # a Cyrillic letter
        ("+316123A45678", '"A"'),
        ("+49151***45678", '"***"'),
        ("+49151xxx45678", '"xxx"'),
        ("+49151\u2022\u2022\u202245678", "U+2022"),
        ("+49151\u202645678", "U+2026"),
        ("abc+31612345600", '"abc"'),
        ("+31612345600 (Jane)", '"Jane"'),
        ("jan@+31612345600.nl", '"jan@", "nl"'),
        ("+3161CALLNOW", '"CALLNOW"'),
        ("+31612345678 ext. 5", '"ext"'),
        ("+31612345678 x5", '"x"'),
        ("+31612345678#5", '"#"'),
        ("+31612345678,,5", '",,"'),
        ("tel:+31612345678;ext=5", '";ext="'),
        ("tel:612345678;phone-context=+31", '";phone", "context="'),
        ("+31612345678;+31612345679", '";"'),
        ("+31~612345678", '"~"'),
        ("+31[6]12345678", '"[", "]"'),
        ("'+31612345678", '"\'"'),
        ("+\u00b21612345678", "U+00B2"),  # a superscript
        ("+31\u246012345678", "U+2460"),  # a digit in a circle
        ("+31\x00612345678", "U+0000"),
        ("+31\ud800612345678", "U+D800"),
        ("3.1612345678E+10", '"E"'),  # a spreadsheet's
        ("null", '"null"'),
    ],
)
def test_what_is_of_no_number_is_named(number: str, named: str) -> None:
    # Found in google/libphonenumber#1199, #1834, nyaruka/phonenumbers#63, daviddrysdale/python-phonenumbers#114
    told = refusal(number)
    assert told.startswith("holds ")
    assert named in told
    told.encode()


def test_a_long_text_is_refused_in_a_short_sentence() -> None:
    assert len(refusal("1 call me " * 25)) < 200
    assert refusal("+1" + " " * 249) == "is longer than any number"


@pytest.mark.parametrize(
    "prefix", ["whatsapp:", "WhatsApp:", "messenger:", "rcs:", "sms:", "smsto:", "sip:", "Phone: "]
)
def test_a_channels_prefix_gets_its_own_sentence(prefix: str) -> None:
    # Found in chatwoot/chatwoot#14174
    assert refusal(f"{prefix}+31612345608") == (
        f"starts with {prefix.strip()} but this service sends SMS: write the number alone"
    )


@pytest.mark.parametrize(
    ("number", "meant"),
    [
        *((number, "+4915123456789") for number in ("+49 (0) 151 23456789", "+49(0)151/23456789")),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("+31 (\u0660) 612345678", "+31612345678"),
    ],
)
def test_a_trunk_zero_in_parentheses_is_left_out(number: str, meant: str) -> None:
    # Found in google/libphonenumber#2026
    assert read(number) == meant


@pytest.mark.parametrize(
    "number", ["+31 (0)06 12345678", "+31 00612345678", "+49 (0)0 151 23456789", "+375 8 8 029 1234567"]
)
def test_a_trunk_prefix_is_left_out_once_alone(number: str) -> None:
    # Found in colinhacks/zod#5563
    assert refusal(number) == "has a trunk prefix twice; write it like +31612345678"


@pytest.mark.parametrize("prefix", ["", "0", "00", "8", "88", "015"])
def test_what_was_read_once_is_read_as_the_same(prefix: str) -> None:
    # Found in colinhacks/zod#5563
    read_once = []
    for country in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
        if example is not None:
            significant = phonenumbers.national_significant_number(example)
            with suppress(ValueError):
                read_once.append(read(f"+{example.country_code}{prefix}{significant}"))

    assert read_once
    assert [read(each) for each in read_once] == read_once


KEPT = ("+541112345678", "+5491112345678", "+525512345678", "+551131234567", "+551171234567")


@pytest.mark.parametrize(
    ("number", "meant"),
    [
        ("+52 1 55 1234 5678", "+525512345678"),
        ("+229 97 12 34 56", "+2290197123456"),
        *((number, "+5531986883193") for number in ("+55 31 8688-3193", "+55 (0)31 8688-3193")),
        *((number, number) for number in KEPT),  # assigned as written, or in no spelling
    ],
)
def test_a_number_of_an_earlier_numbering_plan_gets_its_present_spelling(number: str, meant: str) -> None:
    # Found in daviddrysdale/python-phonenumbers#306, twcclegg/libphonenumber-csharp#272, wwebjs/whatsapp-web.js#596
    assert read(number) == meant
    assert read("(031) 8688-3193", "BR") == "+5531986883193"


@pytest.mark.parametrize("number", ["", " ", "+", "tel:", "()", "+31", "+3161", "+316123456789012345", "+999612345678"])
def test_what_cannot_be_a_number_is_refused(number: str) -> None:
    assert refusal(number)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("+1 253 0000", "is not a possible number"),  # but within its city
        *((number, "may hold one + alone, in front of its digits") for number in PLUSES),
        *((number, "where digits may be left out") for number in ("+49151...45678", "+49151---45678")),
        *((number, "where digits may be left out") for number in ("+49151 - - 45678", "+4915145678//9")),
        ("+39 (0)312 3456789", "holds (0)"),  # a mobile, or the landline 0312: in Italy the zero is dialled
        *((number, "holds (0)") for number in ("+49 151 (0) 2345678", "+225 (0)712345678")),
    ],
)
def test_what_may_be_a_slip_is_refused_in_a_sentence_that_helps(number: str, told: str) -> None:
    # Found in giggsey/libphonenumber-for-php#739, floere/phony#330
    assert told in refusal(number)


def test_a_number_has_at_most_15_digits() -> None:
    # Found in marmelroy/PhoneNumberKit#373
    assert refusal("+49 800 26508025174") == "has more than 15 digits"
    assert read("+49 30 12345678901") == "+493012345678901"


@pytest.mark.parametrize("number", ["0612345678", "0031612345678", "612345678", "31612345678", "2025550143"])
@pytest.mark.parametrize("countries", [(), ("NL", "BE")])
def test_without_a_plus_a_number_needs_the_one_country(number: str, countries: tuple[str, ...]) -> None:
    # Found in data-privacy-stack/presidio#2173
    assert refusal(number, *countries) == "has no + and country code; write it like +31612345678"


@pytest.mark.parametrize(
    ("country", "meant", "forms"),
    [
        (
            "NL",
            "+31612345678",
            [
                *("0612345678", "(0)6 12345678", "0031 6 12345678", "0031 (0)6 12345678", "31612345678"),
                "tel:0612345678",
            ],
        ),
        ("NL", "+4915123456789", ["0049 151 23456789", "+49 151 23456789"]),
        ("GB", "+447700900123", ["07700 900123"]),
        ("US", "+12025550143", ["(202) 555-0143", "1-202-555-0143"]),
        ("US", "+31612345678", ["011 31 612345678"]),
        ("ES", "+34612345678", ["612 34 56 78"]),
        ("IN", "+919876543210", ["98765 43210"]),
        ("RU", "+79123456789", ["8 (912) 345-67-89"]),
        ("HU", "+36201234567", ["06 20 123 4567"]),
        ("IT", "+393123456789", ["312 345 6789"]),
    ],
)
def test_a_national_form_is_read_as_the_one_country_writes_it(country: str, meant: str, forms: list[str]) -> None:
    # Found in data-privacy-stack/presidio#2173
    assert {form: read(form, country) for form in forms} == dict.fromkeys(forms, meant)


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("12025550143", "NL"),  # American, without its plus
        ("31612345678", "DE"),
        ("612345678", "NL"),
        ("00 31 612345678", "AU"),  # where 0011 dials abroad
    ],
)
def test_digits_that_may_be_another_countrys_are_not_guessed_at(number: str, country: str) -> None:
    # Found in giggsey/libphonenumber-for-php#90
    assert refusal(number, country) == f"is not a national number of {country}; write it like +31612345678"


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_countrys_own_forms_are_read(country: str) -> None:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    number = example or phonenumbers.example_number(country)
    assert number is not None
    wanted = phonenumbers.format_number(number, FORMATS.E164)
    for form in (FORMATS.E164, FORMATS.INTERNATIONAL, FORMATS.RFC3966):
        assert read(phonenumbers.format_number(number, form)) == wanted
    assert read(phonenumbers.format_number(number, FORMATS.NATIONAL), country) == wanted


@given(st.text(st.characters()), st.integers(0, 12), st.sampled_from([frozenset({"NL"}), None]))
def test_a_number_with_anything_in_it_is_the_number_or_refused(
    text: str, position: int, countries: frozenset[str] | None
) -> None:
    written = "+31612345678"[:position] + text + "+31612345678"[position:]
    digits = [str(unicodedata.decimal(each)) for each in written if each.isdecimal()]
    try:
        found = e164(written, countries)
    except ValueError as error:
        str(error).encode()
    else:
        assert found == "+" + "".join(digits) or "0" in digits  # a trunk zero, or 00 is left out

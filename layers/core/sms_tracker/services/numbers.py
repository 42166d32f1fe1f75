"""Parse phone numbers as people write them, and check whether a message may be sent to them.

A number is parsed whole; none is searched for in a text.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult

from sms_tracker.domain.report import spellings
from sms_tracker.domain.text import IGNORABLE

if TYPE_CHECKING:
    from sms_tracker.domain.operator_rules import Destinations
_EXAMPLE = "write it like +31612345678"


def e164(given: str, countries: frozenset[str] | None) -> str:
    """A possible number as E.164; raises ``ValueError`` with a message for the client.

    A number is decimal digits of any script, one ``+`` in front, an optional ``tel:``, and separators: spaces, hyphens,
    dots, slashes, parentheses, invisible characters. Extensions and parameters (RFC 3966, ``;ext=5``) are
    refused. National forms and ``00`` are accepted only if ``countries`` (ISO 3166) is exactly one. A number that is
    assigned only in its other spelling, such as Mexico's +521, gets that one.
    """
    plain = _plain(given)
    region = next(iter(countries)) if countries and len(countries) == 1 else None
    number = _parse(plain, region)
    # The zero of "+49 (0) 151" is Germany's trunk prefix. In Italy it is a digit, so "(0)" is ambiguous there.
    digits = _digits(plain.replace("(0)", ""))
    if "(0)" in plain[1:] and not any(digits.endswith(spelling[1:]) for spelling in spellings(number)):
        raise ValueError(f"holds (0), which is not left out in that country; {_EXAMPLE}")
    return number


def e164_from_query(given: str, countries: frozenset[str] | None) -> str:
    """As :func:`e164`, but the plus of an international number may be missing.

    An unescaped plus arrives as a space.
    """
    text = given.strip()
    international = f"+{text}" if text[:1].isdecimal() else text
    try:
        return e164(international if given.startswith(" ") else text, countries)
    except ValueError:
        with suppress(ValueError):
            return e164(international, countries)
        raise


_URI_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_MAX_LENGTH = 250
"""Characters of a given number."""


def _plain(given: str) -> str:
    """Digits, ``+`` and the separators ``-./()`` in ASCII; raises ``ValueError`` for any other character."""
    if len(given) > _MAX_LENGTH:
        raise ValueError("is longer than any number")
    text = IGNORABLE.sub("", given).strip()
    prefix = _URI_SCHEME.match(text)
    if prefix and prefix[0].lower() != "tel:":
        raise ValueError(f"starts with {prefix[0][:_MAX_SHOWN]} but this service sends SMS: write the number alone")
    text = text[4:] if prefix else text
    plain = [_ascii(character) for character in text]
    if None in plain:
        raise ValueError(f"holds {_wrong_characters(text)}; a number is digits, one + in front and separators")
    found = "".join(filter(None, plain))
    if "+" in found.lstrip("-./()")[1:]:
        raise ValueError("may hold one + alone, in front of its digits")
    if repeated := re.search(r"[-./]{2,}", found):
        raise ValueError(f"holds {repeated[0][:_MAX_SHOWN]} where digits may be left out; {_EXAMPLE}")
    return found


_DASHES = "\u02d7\u2043\u2212\u30fc"
"""Characters used as hyphens outside Unicode's category Pd: minus signs, hyphen bullet, Japanese sound mark."""


def _ascii(character: str) -> str | None:
    """The ASCII form of a number's character: empty for a space, None for a wrong character."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if character.isspace():
        return ""
    if unicodedata.category(character) == "Pd" or character in _DASHES:
        return "-"
    plain = unicodedata.normalize("NFKC", character)  # fullwidth forms
    return plain if plain in {"+", ".", "/", "(", ")"} else None


_MAX_RUNS, _MAX_SHOWN = 5, 12
"""In an error: runs of wrong characters, and characters of each."""


def _wrong_characters(text: str) -> str:
    """The wrong characters in runs, with code points if they are not ASCII."""
    runs = ["".join(run) for wrong, run in groupby(text, lambda character: _ascii(character) is None) if wrong]
    return ", ".join(_named(run[:_MAX_SHOWN]) for run in runs[:_MAX_RUNS])


def _named(run: str) -> str:
    points = " ".join(f"U+{ord(character):04X}" for character in run)
    if run.isascii() and run.isprintable():
        return f'"{run}"'
    return f'"{run}" ({points})' if run.isprintable() else points


_MAX_DIGITS = 15
"""Of a number with its country code (E.164). phonenumbers finds longer ones possible, providers refuse them."""


def _parse(plain: str, region: str | None) -> str:
    digits = _digits(plain)
    national = None if "+" in plain else region
    if national is None and "+" not in plain:
        raise ValueError(f"has no + and country code; {_EXAMPLE}")
    try:
        number = phonenumbers.parse(digits if national else f"+{digits}", national)
    except phonenumbers.NumberParseException:
        raise ValueError(f"is not an international number; {_EXAMPLE}") from None
    assigned = _assigned(number)
    if phonenumbers.is_possible_number_with_reason(assigned) != ValidationResult.IS_POSSIBLE:
        raise ValueError("is not a possible number")  # IS_POSSIBLE_LOCAL_ONLY is possible only within a city
    if national and not _as_dialled(digits, number, national):
        raise ValueError(f"is not a national number of {national}; {_EXAMPLE}")
    written = _written(assigned)
    if len(written) > len("+") + _MAX_DIGITS:
        raise ValueError(f"has more than {_MAX_DIGITS} digits")
    if _written(phonenumbers.parse(written)) != written:  # only the first one was left out: another text of one number
        raise ValueError(f"has a trunk prefix twice; {_EXAMPLE}")
    return written


def _written(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _assigned(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """``number`` in the spelling that is assigned; as it is if both are, or none."""
    written = _written(number)
    others = [phonenumbers.parse(each) for each in spellings(written) if each != written]
    return next(filter(phonenumbers.is_valid_number, (number, *others)), number) if others else number


def _digits(plain: str) -> str:
    return re.sub("[^0-9]", "", plain)


def _as_dialled(digits: str, number: phonenumbers.PhoneNumber, region: str) -> bool:
    """Whether ``region`` dials ``number`` as ``digits``: with its trunk prefix, its country code, or 00.

    If not, it may be another country's number without its +, such as 12025550143 in the Netherlands.
    """
    significant = phonenumbers.national_significant_number(number)
    trunk = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True)
    if trunk and digits == trunk + significant and not significant.startswith("0"):
        return True
    return any(match.raw_string == digits for match in phonenumbers.PhoneNumberMatcher(digits, region))


_NO_COUNTRY = "001"
"""phonenumbers' region of satellite and international numbers: +870, +881, +882, +979 …"""


def country(number: str) -> str | None:
    """The probable country (ISO 3166) of ``number`` (E.164): the main one of its calling code if its range is unknown.

    None for satellite and international numbers, and for a text that is no number.
    """
    try:
        main, *_ = _regions(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return None if main == _NO_COUNTRY else main


def known_country(number: str) -> str | None:
    """As :func:`country`, but None if the number's range is unknown."""
    try:
        region: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return None if region == _NO_COUNTRY else region


_REFUSED_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number",
    PhoneNumberType.PAGER: "a pager's number",
    PhoneNumberType.UAN: "a universal access number",
    PhoneNumberType.VOICEMAIL: "a voicemail number",
}
"""Types of numbers that cost more than the country's others, or reach no phone."""
_IN_RANGES = "and those are sent to only in ranges that AllowedCountries lists"


def destination_flaw(number: str, allowed: Destinations) -> str | None:
    """Why no message may be sent to ``number`` (E.164), as the end of a sentence; None if it may.

    A number of unknown type is refused under ``*``. In a listed country it is allowed if it is as long as a mobile
    number there, because phonenumbers lists new ranges late.
    """
    if number.startswith(allowed.ranges):
        return None
    parsed = phonenumbers.parse(number)
    regions = _regions(parsed)
    if _NO_COUNTRY in regions:
        return f"is a satellite or international number of no country, {_IN_RANGES}"
    if allowed.countries is not None and not _is_in(allowed.countries, parsed, regions):
        return "is in a country that this service does not send to (AllowedCountries)"
    kind = phonenumbers.number_type(parsed)
    if kind in _REFUSED_TYPES:
        return f"is {_REFUSED_TYPES[kind]}, {_IN_RANGES}"
    if kind == PhoneNumberType.UNKNOWN and (allowed.countries is None or not _is_as_long_as_a_mobile(parsed)):
        return f"is in no range known to be in use, {_IN_RANGES}"
    return None


def _regions(parsed: phonenumbers.PhoneNumber) -> tuple[str, ...]:
    """The number's region; all regions of its calling code, the main one first, if phonenumbers has no range of it."""
    region = phonenumbers.region_code_for_number(parsed)
    regions: tuple[str, ...] = phonenumbers.region_codes_for_country_code(parsed.country_code or 0)
    return (region,) if region else regions


def _is_in(countries: frozenset[str], parsed: phonenumbers.PhoneNumber, regions: tuple[str, ...]) -> bool:
    """Whether the number is valid in one of ``countries``. Countries may share ranges, as Finland and Åland do."""
    if not countries.isdisjoint(regions):
        return True
    neighbours = countries.intersection(phonenumbers.region_codes_for_country_code(parsed.country_code or 0))
    return any(phonenumbers.is_valid_number_for_region(parsed, neighbour) for neighbour in neighbours)


def _is_as_long_as_a_mobile(parsed: phonenumbers.PhoneNumber) -> bool:
    result = phonenumbers.is_possible_number_for_type_with_reason(parsed, PhoneNumberType.MOBILE)
    return result == ValidationResult.IS_POSSIBLE

"""Where a number leads, and why a deployment does not send there (docs/adr/0021-destinations.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult

if TYPE_CHECKING:
    from sms_tracker.domain.countries import Destinations

_CLOSED = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number",
    PhoneNumberType.PAGER: "a pager's number",
    PhoneNumberType.UAN: "a universal access number",
    PhoneNumberType.VOICEMAIL: "a voicemail number",
}
"""Kinds of numbers that cost more than the country's others, or reach no phone."""
_NO_COUNTRY = "001"
"""phonenumbers' region of satellite and international numbers: +870, +881, +882, +979 …"""
_UNLESS = "and those are sent to only in ranges that AllowedCountries lists"


def country(number: str) -> str | None:
    """The country (ISO 3166) that ``number`` (E.164) is probably in; None for satellites and the like, and other text.

    The largest one where several share the calling code and phonenumbers does not know the number.
    """
    try:
        likeliest, *_ = _regions(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return None if likeliest == _NO_COUNTRY else likeliest


def refusal(number: str, allowed: Destinations) -> str | None:
    """Why ``number`` (E.164) is not sent to, as the end of a sentence; None where it is.

    A number of unknown type is refused under ``*``. In a country that is listed it is sent to if it is as long as a
    mobile number there: phonenumbers learns new ranges late.
    """
    if number.startswith(allowed.ranges):
        return None
    parsed = phonenumbers.parse(number)
    regions = _regions(parsed)
    if _NO_COUNTRY in regions:
        return f"is a satellite or international number of no country, {_UNLESS}"
    if allowed.countries is not None and not _is_in(allowed.countries, parsed, regions):
        return "is in a country that this service does not send to (AllowedCountries)"
    kind = phonenumbers.number_type(parsed)
    if kind in _CLOSED:
        return f"is {_CLOSED[kind]}, {_UNLESS}"
    if kind == PhoneNumberType.UNKNOWN and (allowed.countries is None or not _is_as_long_as_a_mobile(parsed)):
        return f"is in no range known to be in use, {_UNLESS}"
    return None


def _regions(parsed: phonenumbers.PhoneNumber) -> tuple[str, ...]:
    region = phonenumbers.region_code_for_number(parsed)
    regions: tuple[str, ...] = phonenumbers.region_codes_for_country_code(parsed.country_code or 0)
    return (region,) if region else regions


def _is_in(countries: frozenset[str], parsed: phonenumbers.PhoneNumber, regions: tuple[str, ...]) -> bool:
    """Also where phonenumbers prefers another country: the mobiles of Åland are numbers of Finland too."""
    if not countries.isdisjoint(regions):
        return True
    neighbours = countries.intersection(phonenumbers.region_codes_for_country_code(parsed.country_code or 0))
    return any(phonenumbers.is_valid_number_for_region(parsed, each) for each in neighbours)


def _is_as_long_as_a_mobile(parsed: phonenumbers.PhoneNumber) -> bool:
    found = phonenumbers.is_possible_number_for_type_with_reason(parsed, PhoneNumberType.MOBILE)
    return found == ValidationResult.IS_POSSIBLE

"""Which numbers are sent to: countries, closed kinds of numbers, listed ranges, and numbers that nobody knows yet."""

from __future__ import annotations

import phonenumbers
import pytest

from sms_tracker.domain.operator_rules import Destinations
from sms_tracker.services.numbers import country, destination_flaw

EVERYWHERE = Destinations(None)
UNLESS = ", and those are sent to only in ranges that AllowedCountries lists"
PREMIUM, SHARED = "is a premium-rate number" + UNLESS, "is a shared-cost number" + UNLESS
PERSONAL, PAGER = "is a personal number" + UNLESS, "is a pager's number" + UNLESS
UAN, VOICEMAIL = "is a universal access number" + UNLESS, "is a voicemail number" + UNLESS
NO_COUNTRY = "is a satellite or international number of no country" + UNLESS
UNKNOWN = "is in no range known to be in use" + UNLESS
ELSEWHERE = "is in a country that this service does not send to (AllowedCountries)"
CLOSED = [
    *[(number, PREMIUM) for number in ("+19005551234", "+449098790000", "+31909123456")],
    *[(number, PERSONAL) for number in ("+447012345678", "+15005550006")],
    *[("+4918012345678", SHARED), ("+447640123456", PAGER), ("+445512345678", UAN), ("+41860123456789", VOICEMAIL)],
    *[(number, NO_COUNTRY) for number in ("+979123456789", "+881612345678", "+870773111632", "+882161234567")],
    *[(number, NO_COUNTRY) for number in ("+883510012345", "+80012345678")],
    ("+882340000000", NO_COUNTRY),  # of no range that phonenumbers knows
    *[(number, UNKNOWN) for number in ("+15551234567", "+447700900123", "+33700123456")],
]
ORDINARY = [
    *["+31612345678", "+525512345678", "+5491112345678", "+5511961234567", "+2250712345678", "+38349123456"],
    *["+4689123456", "+447797123456"],
    "+3197012345678",  # machines
    "+14155550123",  # fixed line or mobile, as everywhere in North America
    "+18005551234",  # toll-free numbers there take texts
    "+541112345678",  # a mobile without its 9 looks like a fixed line
    "+815012345678",  # VoIP
]


def at(*codes: str) -> Destinations:
    return Destinations(frozenset(codes))


@pytest.mark.parametrize(("number", "expected"), CLOSED)
def test_closed_kinds_are_refused_everywhere_with_their_reason(number: str, expected: str) -> None:
    # Found in alphagov/notifications-utils#1134
    assert destination_flaw(number, EVERYWHERE) == expected


@pytest.mark.parametrize(("number", "expected"), CLOSED)
def test_a_listed_range_is_open_whatever_its_kind_and_no_other_is(number: str, expected: str) -> None:
    assert destination_flaw(number, Destinations(None, ("+31999", number[:-4]))) is None
    assert destination_flaw(number, Destinations(frozenset(), (number,))) is None
    assert destination_flaw(number, Destinations(None, (number + "0", "+31999"))) == expected


@pytest.mark.parametrize("number", ORDINARY)
def test_numbers_that_take_texts_are_open_in_their_country_alone(number: str) -> None:
    assert destination_flaw(number, EVERYWHERE) is None
    assert destination_flaw(number, at(country(number) or "")) is None
    assert destination_flaw(number, at("IS")) == ELSEWHERE


@pytest.mark.parametrize(("number", "expected"), [each for each in CLOSED if each[1] not in {UNKNOWN, NO_COUNTRY}])
def test_a_listed_country_does_not_open_its_closed_kinds(number: str, expected: str) -> None:
    assert destination_flaw(number, at(country(number) or "")) == expected


@pytest.mark.parametrize(
    ("number", "code"),
    [
        *[("+33700123456", "FR"), ("+491550123456", "DE"), ("+447700900123", "GB")],
        *[("+15551234567", "US"), ("+15551234567", "CA")],  # an area code that is not in use yet
    ],
)
def test_an_unknown_range_of_a_mobiles_length_is_open_where_its_country_is_listed(number: str, code: str) -> None:
    # Found in ruimarinho/google-libphonenumber#308, google/libphonenumber#1680, alphagov/notifications-api#4240
    assert destination_flaw(number, at(code, "IS")) is None
    assert destination_flaw(number, at("IS")) == ELSEWHERE


@pytest.mark.parametrize(("number", "code"), [("+4970012345", "DE"), ("+97150123456", "AE")])
def test_a_number_of_unknown_range_and_no_mobiles_length_is_closed_there_too(number: str, code: str) -> None:
    assert destination_flaw(number, at(code)) == UNKNOWN


MOBILES = {
    code: example
    for code in sorted(phonenumbers.SUPPORTED_REGIONS)
    if (example := phonenumbers.example_number_for_type(code, phonenumbers.PhoneNumberType.MOBILE))
}


@pytest.mark.parametrize("code", MOBILES)
def test_every_countrys_mobiles_are_open_where_it_is_listed(code: str) -> None:

    number = phonenumbers.format_number(MOBILES[code], phonenumbers.PhoneNumberFormat.E164)

    assert destination_flaw(number, at(code)) is None
    assert destination_flaw(number, EVERYWHERE) is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+31612345678", "NL"),
        ("+16135550199", "CA"),
        ("+18765550123", "JM"),
        ("+15551234567", "US"),  # of no known area code
        ("+447700900123", "GB"),
        ("+881612345678", None),
        ("+99912345678", None),  # of no calling code
        ("", None),  # forgotten
    ],
)
def test_a_number_is_in_its_likeliest_country(number: str, expected: str | None) -> None:
    assert country(number) == expected

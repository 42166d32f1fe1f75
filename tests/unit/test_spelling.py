"""Two spellings of one number are equal; two numbers never are."""

from __future__ import annotations

from itertools import product

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.report import spellings

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

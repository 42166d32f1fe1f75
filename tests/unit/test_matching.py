"""Which of a provider's messages is ours: exactly one that matches and can belong to no other record, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sms_tracker.domain.outbound import (
    Candidate,
    Matched,
    NotMatched,
    SearchCriteria,
    altered_matches,
    match,
    possible_matches,
)
from tests.factories import MESSAGE_ID, TO

SOUGHT = SearchCriteria(
    message_id=MESSAGE_ID,
    references=frozenset(),
    provider="twilio",
    to=TO,
    sender="+15551234567",
    text_hash="hash of Hello",
    since="2026-01-31T12:00:00.000Z",
    until="2026-01-31T12:05:00.000Z",
)
OURS = Candidate(
    provider_message_id="SM1", to=TO, sender="+15551234567", text="Hello", created="2026-01-31T12:00:01.000Z"
)
OTHER = replace(OURS, provider_message_id="SM2")
CERTAIN = Candidate(provider_message_id="SM3", created=OURS.created, certain=True)


def hashed(text: str) -> str:
    return f"hash of {text}"


def fits(**changes: Any) -> bool:
    return bool(possible_matches(SOUGHT, [replace(OURS, **changes)], hashed))


def test_recipient_sender_text_and_time_must_fit() -> None:
    assert fits()


def test_a_provider_may_spell_the_recipient_in_its_countrys_other_way() -> None:
    criteria, listed = replace(SOUGHT, to="+525512345678"), replace(OURS, to="+5215512345678")
    assert possible_matches(criteria, [listed], hashed) == [listed]


@pytest.mark.parametrize(
    "difference",
    [
        {"to": "+31612345679"},
        {"to": None},
        {"sender": "+15551234568"},
        {"sender": None},
        {"text": "Hello!"},
        {"text": None},
        {"created": "2026-01-31T11:59:59.999Z"},
        {"created": "2026-01-31T12:05:00.001Z"},
        {"created": "yesterday"},
        {"created": None},
    ],
)
def test_one_that_differs_in_anything_is_not_ours(difference: dict[str, Any]) -> None:
    assert not fits(**difference)


def test_our_own_id_outweighs_everything_except_the_time() -> None:
    assert possible_matches(SOUGHT, [CERTAIN], hashed) == [CERTAIN]
    assert possible_matches(SOUGHT, [replace(CERTAIN, created=None)], hashed) == []


@pytest.mark.parametrize(
    ("difference", "is_altered"),
    [
        ({"text": "Hello!"}, True),
        ({"text": None}, True),
        ({}, False),
        ({"text": "Hello!", "to": "+31612345679"}, False),
        ({"text": "Hello!", "sender": "+15551234568"}, False),
        ({"text": "Hello!", "created": "2026-01-31T11:59:59.999Z"}, False),
    ],
)
def test_one_that_differs_in_its_text_alone_may_be_ours(difference: dict[str, Any], is_altered: bool) -> None:  # noqa: FBT001
    listed = [replace(OURS, **difference)]
    altered = altered_matches(SOUGHT, listed, possible_matches(SOUGHT, listed, hashed))

    assert altered == (listed if is_altered else [])
    assert match([], held=frozenset(), rivals=0, altered=altered) == NotMatched(
        "text-differs" if is_altered else "no-candidate"
    )
    assert match([], held=frozenset({"SM1"}), rivals=0, altered=altered) == NotMatched("no-candidate")


def test_the_only_one_is_adopted() -> None:
    assert match([OURS], held=frozenset(), rivals=0) == Matched(OURS)


def test_the_only_one_that_no_other_record_holds_is_adopted() -> None:
    assert match([OTHER, OURS], held=frozenset({"SM2"}), rivals=0) == Matched(OURS)


def test_one_that_is_listed_twice_is_one() -> None:
    assert match([OURS, OURS], held=frozenset(), rivals=0) == Matched(OURS)


@pytest.mark.parametrize("held", [frozenset(), frozenset({"SM1"})])
def test_no_candidate_is_no_match(held: frozenset[str]) -> None:
    assert match([OURS] if held else [], held=held, rivals=0) == NotMatched("no-candidate")


def test_two_candidates_are_no_match() -> None:
    assert match([OURS, OTHER], held=frozenset(), rivals=0) == NotMatched("several-candidates")


def test_what_another_record_may_own_is_not_adopted() -> None:
    assert match([OURS], held=frozenset(), rivals=1) == NotMatched("another-record-may-own-it")


def test_our_own_id_settles_it_among_others_and_against_rivals() -> None:
    assert match([OURS, CERTAIN, OTHER], held=frozenset(), rivals=2) == Matched(CERTAIN)


def test_our_own_id_twice_is_two_messages() -> None:
    twice = [CERTAIN, replace(CERTAIN, provider_message_id="SM4")]
    assert match(twice, held=frozenset(), rivals=0) == NotMatched("several-candidates")


def test_another_attempts_message_is_not_this_ones() -> None:
    assert match([CERTAIN], held=frozenset({"SM3"}), rivals=0) == NotMatched("no-candidate")


def test_no_number_and_no_text_is_shown() -> None:
    shown = f"{SOUGHT} {replace(OURS, text='a text')}"
    assert not [private for private in (TO, "a text", "+15551234567") if private in shown]

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
TWIN = replace(CERTAIN, provider_message_id="SM4")


def hashed(text: str) -> str:
    return f"hash of {text}"


def fits(**changes: Any) -> bool:
    return bool(possible_matches(SOUGHT, [replace(OURS, **changes)], hashed))


def test_recipient_in_either_spelling_sender_text_and_time_must_fit() -> None:
    criteria, listed = replace(SOUGHT, to="+525512345678"), replace(OURS, to="+5215512345678")
    assert fits()
    assert possible_matches(criteria, [listed], hashed) == [listed]


@pytest.mark.parametrize(
    "difference",
    [
        *({"to": "+31612345679"}, {"to": None}, {"sender": "+15551234568"}, {"sender": None}),
        *({"text": "Hello!"}, {"text": None}, {"created": "yesterday"}, {"created": None}),
        *({"created": time} for time in ("2026-01-31T11:59:59.999Z", "2026-01-31T12:05:00.001Z")),
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


@pytest.mark.parametrize(
    ("candidates", "held", "rivals", "found"),
    [
        pytest.param([OURS], "", 0, Matched(OURS), id="the only one"),
        pytest.param([OTHER, OURS], "SM2", 0, Matched(OURS), id="the only one that no other record holds"),
        pytest.param([OURS, OURS], "", 0, Matched(OURS), id="one that is listed twice"),
        pytest.param([], "", 0, NotMatched("no-candidate"), id="none of none"),
        pytest.param([OURS], "SM1", 0, NotMatched("no-candidate"), id="none that is held"),
        pytest.param([OURS, OTHER], "", 0, NotMatched("several-candidates"), id="none of two"),
        pytest.param([OURS], "", 1, NotMatched("another-record-may-own-it"), id="none that a rival may own"),
        pytest.param([OURS, CERTAIN, OTHER], "", 2, Matched(CERTAIN), id="the one with our id, whatever the rivals"),
        pytest.param([CERTAIN, TWIN], "", 0, NotMatched("several-candidates"), id="none of two with our id"),
        pytest.param([CERTAIN], "SM3", 0, NotMatched("no-candidate"), id="none of another attempt"),
    ],
)
def test_what_is_adopted_is(candidates: list[Candidate], held: str, rivals: int, found: Matched | NotMatched) -> None:
    assert match(candidates, held=frozenset({held} - {""}), rivals=rivals) == found


def test_no_number_and_no_text_is_shown() -> None:
    shown = f"{SOUGHT} {replace(OURS, text='a text')}"
    assert not [private for private in (TO, "a text", "+15551234567") if private in shown]

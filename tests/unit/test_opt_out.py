from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.opt_out import Kind, OptOut, Statement, fold, scope
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode

NOON = datetime.fromisoformat("2026-01-31T12:00:00+00:00")


def stated(kind: Kind, minutes: int = 0, source: str = "twilio") -> Statement:
    return Statement(kind=kind, at=timestamp(NOON + timedelta(minutes=minutes)), source=source)


def blocking(*statements: Statement, hours: float = 0, transactional: bool = False) -> Kind | None:
    """The kind that blocks, for every order of these statements, each given twice."""
    now = NOON + timedelta(hours=hours)
    found = {fold(2 * order).blocked_by(now, transactional=transactional) for order in permutations(statements)}
    (block,) = found
    return block.kind if block else None


@pytest.mark.parametrize("kind", [Kind.STOP, Kind.STOP_MARKETING, Kind.REFUSED, Kind.ADDED])
def test_a_block_holds_until_its_end_a_lift_ends_every_kind_and_a_start_those_of_the_recipient(kind: Kind) -> None:
    assert OptOut().blocked_by(NOON) is None
    assert blocking(stated(kind)) is kind
    assert blocking(stated(kind), stated(Kind.LIFTED, 1)) is None
    assert blocking(stated(Kind.LIFTED, 1), stated(kind, 2)) is kind
    assert blocking(stated(kind), stated(Kind.START, 1)) is (Kind.ADDED if kind is Kind.ADDED else None)
    assert blocking(stated(Kind.START, 1), stated(kind, 2)) is kind


def test_a_removal_ends_a_manual_block_and_no_stop() -> None:
    assert blocking(stated(Kind.ADDED), stated(Kind.REMOVED, 1)) is None
    assert blocking(stated(Kind.STOP), stated(Kind.ADDED), stated(Kind.REMOVED, 1)) is Kind.STOP


@pytest.mark.parametrize(
    ("block", "end"), [(Kind.STOP, Kind.START), (Kind.ADDED, Kind.REMOVED), (Kind.REFUSED, Kind.START)]
)
def test_of_a_block_and_its_end_at_one_time_the_block_wins(block: Kind, end: Kind) -> None:
    assert blocking(stated(block), stated(end)) is block


def test_a_refusal_blocks_for_a_day() -> None:
    assert blocking(stated(Kind.REFUSED), hours=23.9) is Kind.REFUSED
    assert blocking(stated(Kind.REFUSED), hours=24) is None
    assert blocking(stated(Kind.REFUSED), stated(Kind.STOP), hours=24) is Kind.STOP


def test_a_stop_of_marketing_lets_transactional_messages_through() -> None:
    assert blocking(stated(Kind.STOP_MARKETING), transactional=True) is None
    assert blocking(stated(Kind.STOP_MARKETING), stated(Kind.ADDED), transactional=True) is Kind.ADDED


statements = st.builds(
    stated, st.sampled_from(Kind), st.integers(min_value=0, max_value=4), st.sampled_from(["twilio", "shop"])
)


@given(st.lists(statements, max_size=8), st.data())
def test_every_order_duplication_and_split_ends_alike(given: list[Statement], data: st.DataObject) -> None:
    shuffled = data.draw(
        st.permutations([*given, *data.draw(st.lists(st.sampled_from(given), max_size=5) if given else st.just([]))])
    )
    cut = data.draw(st.integers(min_value=0, max_value=len(shuffled)))

    assert fold(shuffled[cut:], base=fold(shuffled[:cut])) == fold(given)


def test_scopes_separate_what_they_name() -> None:
    about = {"provider": "twilio", "sender": "My Shop", "client": "shop"}

    assert scope(ScopeMode.SENDER, **about) == scope(
        ScopeMode.SENDER, **{**about, "sender": "MY SHOP", "client": "other"}
    )
    assert scope(ScopeMode.SENDER, **about) != scope(ScopeMode.SENDER, **{**about, "provider": "messagebird"})
    assert scope(ScopeMode.CLIENT, **about) == scope(ScopeMode.CLIENT, **{**about, "provider": "bird", "sender": "x"})
    assert scope(ScopeMode.ALL, **about) == scope(ScopeMode.ALL, provider="", sender="", client="")

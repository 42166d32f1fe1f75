"""In any order, repetition, batches and interleaving, the stored record is the fold of its reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.cost import Cost, Price
from sms_tracker.domain.ports import Messages, NotWritten, Written
from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, Record, SendPhase
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.state import State, fold
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status
from sms_tracker.domain.transition import costs
from sms_tracker.services.track import track
from tests import tables
from tests.factories import MESSAGE_ID, NOW, TO, record
from tests.fakes import MemoryMessages
from tests.moto_client import json_client

pytestmark = pytest.mark.no_cover  # thousands of examples, of what other tests have covered

FOREIGN = "+4915112345678"
TIMES = [None, "unreadable", "2026-01-31T11:59:00.000Z", "2026-01-31T12:00:01.000Z", "2026-01-31T12:00:02.000Z"]
FAILURES = [status for status in Status if status.outcome is Outcome.FAILURE]

PRICES = [None, Price("0.07", "EUR"), Price("0.075", "EUR"), Price("9", "EUR"), Price("10.5", "USD")]

Batch = tuple[Report, ...]


# -- What a message may be told ----------------------------------------------------------------------------------------


@st.composite
def claims(draw: st.DrawFn) -> Report:
    """One report of either provider about either attempt: any status, or a word without effect."""
    status = draw(st.sampled_from([None, *Status]))
    provider = draw(st.sampled_from(["twilio", "messagebird"]))
    code = draw(st.sampled_from([None, "30003", "30008"])) if status in FAILURES else None
    return Report(
        provider=provider,
        word="strange" if status is None else str(status),
        status=status,
        recognised=status is not None or draw(st.booleans()),
        received=draw(st.sampled_from([NOW, "2026-01-31T12:00:03.000Z"])),
        provider_message_id=draw(st.sampled_from([None, f"{provider}-1", f"{provider}-2", f"{provider}-3"])),
        code=code,
        failure=draw(failures(code)) if status in FAILURES else None,
        occurred=draw(st.sampled_from(TIMES)),
        attempt=draw(st.integers(1, 2)),
        source=draw(st.sampled_from(Source)),
        recipient=draw(st.sampled_from([None, None, TO, FOREIGN])),
        price=draw(st.sampled_from(PRICES)),
        segments=draw(st.sampled_from([None, 1, 35])),
    )


@st.composite
def failures(draw: st.DrawFn, code: str | None) -> Failure | None:
    """A failure for a failed status, or None."""
    if draw(st.integers(0, 9)) == 0:
        return None
    return Failure(
        category=draw(st.sampled_from(Category)),
        reason=draw(st.sampled_from([Reason.UNREACHABLE, Reason.UNKNOWN])),
        code=code,
        message=draw(st.sampled_from([None, "Unreachable handset"])),
    )


@st.composite
def histories(draw: st.DrawFn, most: int = 7) -> tuple[Batch, ...]:
    """Up to seven reports, some repeated with a new time of receipt, in any order and any batches."""
    # Reports of one claim differ in nothing but when they were received: a provider repeats itself to one recipient.
    known = draw(st.lists(claims(), min_size=1, max_size=most, unique_by=lambda each: each.fingerprint))
    again = draw(st.lists(st.sampled_from(known), max_size=4))
    repeated = [
        replace(
            each,
            received=draw(st.sampled_from([NOW, "2026-01-31T11:00:00.000Z"])),
            price=draw(st.sampled_from([each.price, *PRICES])),  # as of a look-up that finds more than its callback
        )
        for each in again
    ]
    reports = draw(st.permutations([*known, *repeated]))
    cuts = sorted(draw(st.sets(st.integers(1, len(reports) - 1)))) if len(reports) > 1 else []
    return tuple(tuple(reports[start:end]) for start, end in zip([0, *cuts], [*cuts, None], strict=True))


def told(batches: Sequence[Batch]) -> list[Report]:
    return [each for batch in batches for each in batch]


def expected(reports: Sequence[Report]) -> State:
    """The record that the reports define."""
    return fold([each for each in reports if each.recipient != FOREIGN], base=record().state)


def expected_costs(reports: Sequence[Report]) -> dict[int, Cost]:
    return costs(each for each in reports if each.recipient != FOREIGN)


# -- A table that is watched, and that others may write to just before us ----------------------------------------------


@dataclass
class Watched(MemoryMessages):
    """Keeps every earlier state, and lets another writer write before each write."""

    history: list[Record] = field(default_factory=list)
    tried: int = 0
    before: Callable[[], object] = lambda: None

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        self.before()
        self.tried += 1
        result = super().change(message_id, change)
        if isinstance(result, Written):
            self.history.append(self.records[message_id])
        return result


def new_table() -> Watched:
    return Watched({MESSAGE_ID: record()}, history=[record()])


def check(messages: Watched, reports: Sequence[Report]) -> None:
    """The record equals the fold of all reports; versions and timeline have no gap and no repetition."""
    written = messages.records[MESSAGE_ID]
    about_us = {each.fingerprint for each in reports if each.recipient != FOREIGN}
    about_others = {each.fingerprint for each in reports if each.recipient == FOREIGN}
    marked = {key for key, entry in written.reports.items() if entry.foreign}
    assert written.state == expected(reports)
    assert written.costs == expected_costs(reports)
    assert written.reports.keys() == about_us | about_others
    assert about_others - about_us <= marked <= about_others  # a claim about both is marked if it came first so
    for old, new in zip(messages.history, messages.history[1:], strict=False):
        assert new.version - old.version == (new.state != old.state)
        assert new.state.order >= old.state.order
        assert new != old


# -- The properties ----------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(histories())
def test_whatever_the_order_the_repetition_and_the_batches_the_record_is_the_fold(batches: tuple[Batch, ...]) -> None:
    messages = new_table()

    for batch in batches:
        before = messages.tried
        tracked = track(messages, MESSAGE_ID, batch, now=NOW)
        assert messages.tried - before <= 2  # one write, or one refused and one that fits
        assert tracked.decision in {"applied", "noted", "duplicate"}
        assert not tracked.overflow

    check(messages, told(batches))


@settings(max_examples=200, deadline=None)
@given(st.lists(claims(), max_size=7), st.randoms(use_true_random=False))
def test_the_fold_does_not_depend_on_order_repetition_or_batches(reports: list[Report], chance: Any) -> None:
    whole = fold(reports, base=record().state)
    shuffled = [*reports, *chance.sample(reports, len(reports) // 2)]
    chance.shuffle(shuffled)
    cut = chance.randint(0, len(shuffled))

    assert fold(shuffled, base=record().state) == whole
    assert fold(shuffled[cut:], base=fold(shuffled[:cut], base=record().state)) == whole
    assert fold(reports, base=whole) == whole
    assert costs(shuffled) == costs(reports)
    assert costs(shuffled[:cut]) | costs(shuffled[cut:], costs(shuffled[:cut])) == costs(reports)
    assert costs(reports, costs(reports)) == {}


@settings(max_examples=200, deadline=None)
@given(st.lists(claims(), min_size=1, max_size=5), st.integers(MAX_REPORTS + 1, 70), st.integers(1, 70))
def test_beyond_thirty_reports_the_join_still_applies(some: list[Report], many: int, size: int) -> None:
    reports = [replace(some[n % len(some)], source=Source.CALLBACK, occurred=f"time {n}") for n in range(many)]
    messages, overflow = new_table(), set[str]()

    for start in range(0, many, size):
        tracked = track(messages, MESSAGE_ID, reports[start : start + size], now=NOW)
        overflow |= {each.fingerprint for each in tracked.overflow}

    written = messages.records[MESSAGE_ID]
    assert written.state == expected(reports)
    assert written.costs == expected_costs(reports)
    assert len(written.reports) == MAX_REPORTS
    assert written.reports.keys().isdisjoint(overflow)
    assert written.reports.keys() | overflow == {each.fingerprint for each in reports}


@settings(max_examples=200, deadline=None)
@given(st.lists(histories(most=3), min_size=2, max_size=3), st.data())
def test_interleaved_writers_end_at_the_same_fold(writers: list[tuple[Batch, ...]], data: st.DataObject) -> None:
    """Another writer's batch may precede each write, and a third writer's may precede that one's writes."""
    messages, waiting = new_table(), [list(batches) for batches in writers]
    busy = set[int]()

    def run(writer: int) -> None:
        busy.add(writer)
        track(messages, MESSAGE_ID, waiting[writer].pop(0), now=NOW)
        busy.discard(writer)

    def let_another_in() -> None:
        ready = [writer for writer, batches in enumerate(waiting) if batches and writer not in busy]
        chosen = data.draw(st.sampled_from([None, *ready])) if ready else None
        if chosen is not None:
            run(chosen)

    messages.before = let_another_in
    while any(waiting):
        run(data.draw(st.sampled_from([writer for writer, batches in enumerate(waiting) if batches])))

    check(messages, [each for batches in writers for each in told(batches)])


# -- The same on real expressions --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store() -> Iterator[MessageStore]:
    with tables.messages_table() as (_, name):
        yield MessageStore(json_client("dynamodb"), name)


numbers = count()


def fresh(*stores: Messages) -> str:
    """A new record in each of the stores."""
    made = record(message_id=f"{next(numbers):08d}-0000-4000-8000-000000000000")
    for store in stores:
        store.put(made)
    return made.message_id


@settings(max_examples=40, deadline=None)
@given(batches=histories())
def test_the_table_ends_at_the_fold_too(store: MessageStore, batches: tuple[Batch, ...]) -> None:
    memory = MemoryMessages()
    message_id = fresh(memory, store)

    for batch in batches:
        assert track(store, message_id, batch, now=NOW) == track(memory, message_id, batch, now=NOW)

    written = store.get(message_id)
    assert written is not None
    assert written.state == expected(told(batches))
    assert written.costs == expected_costs(told(batches))
    assert written == memory.get(message_id)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Any change, even one that no decision makes."""
    added = draw(st.lists(claims(), max_size=3, unique_by=lambda each: each.fingerprint))
    guard = draw(st.sampled_from(Guard))
    foreign = frozenset(each.fingerprint for each in added if draw(st.booleans()) or each.recipient == FOREIGN)
    return Change(
        guard=guard,
        state=None if guard is Guard.LATE else fold(draw(st.lists(claims(), max_size=2)), base=record().state),
        added=tuple(added),
        costs=costs(draw(st.lists(claims(), max_size=2))),
        foreign=draw(st.sampled_from([frozenset[str](), foreign])),
        now=draw(st.sampled_from([NOW, "2026-01-31T12:00:09.000Z"])),
        version=draw(st.integers(1, 3)) if guard is Guard.SEEN else None,
        phase=draw(st.sampled_from([None, *SendPhase])) if added else None,
    )


@settings(max_examples=60, deadline=None)
@given(sequence=st.lists(changes(), min_size=1, max_size=5))
def test_table_and_fake_do_the_same_with_any_change(store: MessageStore, sequence: list[Change]) -> None:
    memory = MemoryMessages()
    message_id = fresh(memory, store)

    for change in sequence:
        if change.added or change.state or change.phase or change.costs:
            assert store.change(message_id, change) == memory.change(message_id, change)
            assert store.get(message_id) == memory.get(message_id)

"""The contract of the reconciler's state: one suite over the fake and DynamoDB on moto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

import pytest
from moto import mock_aws

from sms_tracker.aws.clients import calling
from sms_tracker.aws.reconcile_state import ReconcileStateStore
from sms_tracker.aws.store import MessageSearch, MessageStore
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.indexes import BY_ATTENTION, SHARDS, open_shard, shard
from sms_tracker.domain.ports import Messages, ReconcileState
from sms_tracker.domain.record import Send, SendPhase
from sms_tracker.domain.status import Status
from sms_tracker.services.track import track
from tests import tables
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal
from tests.factories import MESSAGE_ID, NOW, record, report
from tests.fakes import MemoryMessages, MemoryReconcileState

SOON, LATER, LATEST = "2026-01-31T12:10:00.000Z", "2026-01-31T13:00:00.000Z", "2026-02-28T00:00:00.000Z"
MINE = int(shard(MESSAGE_ID))


@dataclass(frozen=True, slots=True)
class Kept:
    """The reconciler's state and its records."""

    reconcile_state: ReconcileState
    messages: Messages

    def due(self, until: str = LATEST, limit: int = 100) -> list[str]:
        return [each for number in range(SHARDS) for each in self.reconcile_state.due(number, until=until, limit=limit)]


@contextmanager
def stored() -> Iterator[Kept]:
    with mock_aws():
        dynamodb = tables.client()
        tables.create_both(dynamodb)
        state = ReconcileStateStore(calling(dynamodb), messages="messages", state="state")
        yield Kept(state, MessageStore(calling(dynamodb), "messages"))


@pytest.fixture(params=["memory", "dynamodb"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == "memory":
        messages = MemoryMessages()
        yield Kept(MemoryReconcileState(messages), messages)
        return
    with stored() as kept:
        yield kept


def test_the_position_never_moves_back(kept: Kept) -> None:
    assert kept.reconcile_state.position("walked") is None
    for until in (SOON, LATER, SOON):
        kept.reconcile_state.advance("walked", until)
    assert kept.reconcile_state.position("walked") == LATER
    assert kept.reconcile_state.position("another") is None


def test_an_open_message_is_due_from_its_time_on_and_keeps_that_time(kept: Kept) -> None:
    kept.messages.put(record())

    assert [kept.reconcile_state.open(MESSAGE_ID, due=due) for due in (SOON, NOW, LATER)] == [True, False, False]
    track(kept.messages, MESSAGE_ID, [report(Status.SENT)], now=NOW)  # not final
    assert (kept.due(until=NOW), kept.due(until=SOON)) == ([], [MESSAGE_ID])
    assert kept.reconcile_state.due(MINE, until=SOON, limit=100) == [MESSAGE_ID]


def test_what_is_put_off_comes_later_and_its_message_is_unchanged(kept: Kept) -> None:
    kept.messages.put(record())
    kept.reconcile_state.open(MESSAGE_ID, due=NOW)
    kept.reconcile_state.put_off(MESSAGE_ID, due=LATER)

    assert (kept.due(until=SOON), kept.due(until=LATER)) == ([], [MESSAGE_ID])
    assert kept.messages.get(MESSAGE_ID) == record()


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.UNKNOWN, Status.UNDELIVERED])
def test_what_becomes_final_leaves_the_agenda_and_does_not_come_back(kept: Kept, status: Status) -> None:
    kept.messages.put(record())
    kept.reconcile_state.open(MESSAGE_ID, due=NOW)
    track(kept.messages, MESSAGE_ID, [report(status)], now=NOW)

    assert kept.due() == []
    assert not kept.reconcile_state.open(MESSAGE_ID, due=NOW)
    kept.reconcile_state.put_off(MESSAGE_ID, due=NOW)
    assert kept.due() == []


def test_a_send_that_is_taken_over_is_due_though_the_walk_has_passed_it(kept: Kept) -> None:
    known = record(send=Send(phase=SendPhase.RELEASED, attempt=1, token="a", until=0))
    kept.messages.put(known)
    again = Send(phase=SendPhase.CLAIMED, attempt=2, token="b", until=0)

    assert kept.messages.take_over(known, again, provider="twilio", now=SOON)
    assert (kept.due(until=NOW), kept.due(until=SOON)) == ([], [MESSAGE_ID])


def test_what_is_not_there_is_not_opened(kept: Kept) -> None:
    assert not kept.reconcile_state.open(MESSAGE_ID, due=NOW)
    kept.reconcile_state.put_off(MESSAGE_ID, due=NOW)
    assert kept.due() == []
    assert kept.messages.get(MESSAGE_ID) is None


def test_the_longest_overdue_come_first_within_the_limit(kept: Kept) -> None:
    ids = [str(uuid5(NAMESPACE_OID, str(number))) for number in range(120)]
    mine = [each for each in ids if int(shard(each)) == MINE]
    assert len(mine) > 2
    for number, each in enumerate(mine):
        kept.messages.put(record(message_id=each))
        kept.reconcile_state.open(each, due=f"2026-01-31T12:{50 - number:02d}:00.000Z")

    assert kept.reconcile_state.due(MINE, until=LATER, limit=2) == mine[::-1][:2]


def test_the_index_shows_open_messages_beside_failures() -> None:
    with stored() as kept:
        kept.messages.put(record())
        kept.reconcile_state.open(MESSAGE_ID, due=NOW)
        search = MessageSearch(calling(tables.client()), "messages")

        positions, _ = search.keys(BY_ATTENTION, open_shard(MINE), span=None, client=None)
        assert [(each.at, each.message_id) for each in positions] == [(NOW, MESSAGE_ID)]


@pytest.mark.parametrize("error", [UNREACHABLE, refusal("ThrottlingException")])
@pytest.mark.parametrize(
    "call",
    [
        lambda agenda: agenda.position("walked"),
        lambda agenda: agenda.advance("walked", NOW),
        lambda agenda: agenda.open(MESSAGE_ID, due=NOW),
        lambda agenda: agenda.put_off(MESSAGE_ID, due=NOW),
        lambda agenda: agenda.due(0, until=NOW, limit=1),
    ],
)
def test_tables_that_do_not_answer_are_unavailable(call: Callable[[ReconcileState], object], error: Exception) -> None:
    with mock_aws():
        dynamodb = tables.client()
        CallRecorder(dynamodb, error=error)
        with pytest.raises(Unavailable, match=r"^\w+: \w+$"):
            call(ReconcileStateStore(calling(dynamodb), messages="messages", state="state"))

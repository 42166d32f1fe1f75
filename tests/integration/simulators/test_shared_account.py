"""Two stacks that share one provider account: no report, search or key of one touches the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from local import simulators
from tests.integration.simulators import conftest
from tests.integration.simulators.running import TO, Receiver, Simulator, number
from tests.integration.simulators.service import Service


@pytest.fixture
def key() -> str:
    """The account remembers what it was asked from test to test."""
    return f"order-{uuid4()}"


@pytest.fixture(params=["bird", "messagebird"])
def account(request: pytest.FixtureRequest, urls: dict[str, Any]) -> Iterator[tuple[str, Simulator]]:
    with conftest.account(urls, request.param) as simulator:
        yield request.param, simulator


@pytest.fixture
def stacks(account: tuple[str, Simulator], receiver: Receiver) -> list[Service]:
    """Production and staging, behind one address here, which shows each stack what is meant for the other."""
    name, simulator = account
    base, credentials = receiver.url.removesuffix("/hook"), simulators.load(name).credentials(simulator.url)
    stacks = [Service(stack, name, credentials, base) for stack in ("prod", "staging")]
    if "webhook_url" in simulator.http.get("/_control/settings").json():
        simulator.settings(webhook_url=stacks[0].url)
    return stacks


def test_the_same_key_in_two_stacks_makes_two_messages(
    stacks: list[Service], account: tuple[str, Simulator], key: str
) -> None:
    ids = [stack.send(TO, key) for stack in stacks]
    repeated = [stack.send(TO, key) for stack in stacks]

    assert ids == repeated
    assert len(set(ids)) == 2
    assert account[1].idle(taken=2)["counts"] == {"posts": 2, "taken": 2}


def test_each_stack_takes_its_own_reports_and_acknowledges_those_of_the_other(
    stacks: list[Service], account: tuple[str, Simulator], receiver: Receiver, key: str
) -> None:
    ids = [stack.send(TO, key) for stack in stacks]
    account[1].idle(taken=2)
    webhooks = list(receiver.requests)

    for stack, message_id in zip(stacks, ids, strict=True):
        answers = {stack.receive(each).status // 100 for each in webhooks}
        assert stack.take_in(webhooks)["foreign"] == len(webhooks) / 2
        record = stack.record(message_id)
        assert (answers, str(record.state.status), record.state.other_ids) == ({2}, "delivered", frozenset())
        assert set(stack.messages.records) == {message_id}
        assert stack.left_over == {}


def test_a_send_whose_answer_was_lost_is_found_by_its_own_stack_alone(
    stacks: list[Service], account: tuple[str, Simulator], key: str
) -> None:
    to = number("broken-answer")
    ids = [stack.send(to, key) for stack in stacks]
    account[1].idle(taken=2)

    for stack, message_id in zip(stacks, ids, strict=True):
        assert stack.record(message_id).state.provider_message_id is None
        stack.clock.sleep(timedelta(minutes=11).total_seconds())
        stack.reconcile()
        assert stack.done["adopted"] == 1

    found = [stack.record(message_id).state.provider_message_id for stack, message_id in zip(stacks, ids, strict=True)]
    assert len({*found}) == 2
    assert None not in found
    truth = {entry["id"]: str(entry) for entry in account[1].ledger()["messages"]}
    assert all(message_id in truth[str(known)] for message_id, known in zip(ids, found, strict=True))


def test_a_stack_whose_send_never_arrived_does_not_adopt_the_others(
    stacks: list[Service], account: tuple[str, Simulator], key: str
) -> None:
    prod, staging = stacks
    simulator, to = account[1], number("delivered")
    simulator.script(to, {"name": "not taken", "like": "delivered", "answer": 503})
    lost = prod.send(to, key)
    simulator.script(to, "delivered")
    staging.send(to, key)
    simulator.idle(taken=1)

    prod.clock.sleep(timedelta(minutes=11).total_seconds())
    prod.reconcile()

    assert prod.record(lost).state.provider_message_id is None
    assert prod.done["no-candidate"] == 1

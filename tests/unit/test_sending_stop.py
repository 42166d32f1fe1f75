"""Sending stops: nothing is sent or recorded, and every message can be sent later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.operator_rules import EVERY_CLIENT, KEPT_INSTRUCTIONS, Action, Instruction, SendingStops
from sms_tracker.log import Line
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send_request import measure_send
from tests.fakes import MemoryMessages
from tests.setups import UNREACHED, SendSetup
from tests.unit.test_repeat import Lost

AT = "2026-01-31T12:00:00.000Z"


def instruction(action: Action = Action.STOP, client: str = EVERY_CLIENT, reason: str = "toll fraud") -> Instruction:
    return Instruction(action=action, client=client, by="ann", reason=reason, at=AT)


@dataclass
class Switch:
    """The cached stops of an environment; ``fail``: it could not read any."""

    stops: SendingStops = field(default_factory=SendingStops)
    fail: bool = False

    def __call__(self, client: str, /) -> Instruction | None:
        if self.fail:
            raise Unavailable("GetItem: InternalServerError")
        return self.stops.stop_of(client)

    def follow(self, action: Action, client: str = EVERY_CLIENT) -> None:
        self.stops = self.stops.after(instruction(action, client))


def stoppable(setup: SendSetup) -> Switch:
    switch = Switch()
    setup.sender = replace(setup.sender, stop_of=switch)
    return switch


def records(setup: SendSetup) -> int:
    assert isinstance(setup.messages, MemoryMessages)
    return len(setup.messages.records)


class TestRules:
    def test_a_stop_of_all_holds_for_everybody_and_one_clients_for_it_alone(self) -> None:
        one = SendingStops().after(instruction(client="shop"))
        everybody = one.after(instruction())

        assert one.stop_of("shop") == instruction(client="shop")
        assert one.stop_of("bank") is None
        assert everybody.stop_of("shop") == everybody.stop_of("bank") == instruction()

    def test_a_start_of_all_leaves_one_clients_own_stop(self) -> None:
        stops = SendingStops().after(instruction(client="shop")).after(instruction())
        started = stops.after(instruction(Action.START))
        assert (started.stop_of("bank"), started.stop_of("shop")) == (None, instruction(client="shop"))
        assert started.after(instruction(Action.START, "shop")).stops == {}

    def test_the_latest_instructions_are_kept_in_their_order(self) -> None:
        stops = SendingStops()
        for number in range(KEPT_INSTRUCTIONS + 5):
            stops = stops.after(instruction(reason=str(number)))

        assert [each.reason for each in stops.log] == [str(number) for number in range(5, KEPT_INSTRUCTIONS + 5)]
        assert stops.version == KEPT_INSTRUCTIONS + 5


class TestSend:
    def test_a_stopped_client_gets_503_with_the_reason_and_nothing_is_recorded_until_the_start(self) -> None:
        setup = SendSetup()
        switch = stoppable(setup)
        switch.follow(Action.STOP, "shop")

        reply = setup.post("order-42")

        assert (reply.status, reply.decision) == (503, "sending-stopped")
        assert "toll fraud" in str(reply.body["detail"])
        assert "ann" not in str(reply.body)
        assert (reply.body["at"], reply.headers["retry-after"]) == (AT, "60")
        assert (records(setup), setup.http.requests) == (0, [])
        assert setup.post(client="bank").status == 202
        switch.follow(Action.START, "shop")
        assert (setup.post("order-42").status, len(setup.http.requests)) == (202, 2)

    def test_a_released_message_is_not_taken_over_while_stopped(self) -> None:
        setup = SendSetup([UNREACHED])
        switch = stoppable(setup)
        assert setup.post("order-42").decision == "provider-unavailable"
        asked = len(setup.http.requests)

        switch.follow(Action.STOP)

        assert setup.post("order-42").decision == "sending-stopped"
        assert len(setup.http.requests) == asked

    def test_a_wrong_request_is_told_what_is_wrong_also_while_stopped(self) -> None:
        setup = SendSetup()
        stoppable(setup).follow(Action.STOP)
        assert setup.post(to="nobody").status == 400

    def test_an_environment_that_knows_no_state_sends_nothing(self) -> None:
        setup = SendSetup()
        stoppable(setup).fail = True

        reply = setup.post()

        assert (reply.status, reply.decision, reply.headers["retry-after"]) == (503, "unavailable", "5")
        assert reply.warnings == ("GetItem: InternalServerError",)
        assert (records(setup), setup.http.requests) == (0, [])

    @pytest.mark.parametrize(("decision", "counted"), [("sending-stopped", 0), ("unavailable", 1)])
    def test_a_stop_is_no_error_of_sending(self, decision: str, counted: int) -> None:
        line = Line()
        measure_send(ApiResponse(status=503, body={}, decision=decision), line, provider_calls=0)
        assert line.figures.get("SendErrors", 0) == counted


class TestReconciler:
    def test_a_lost_message_is_repeated_only_after_the_start(self) -> None:
        lost = Lost().sent()
        switch = stoppable(lost.sending)
        switch.follow(Action.STOP, "shop")
        before = len(lost.bird.posts)

        assert lost.run()["resent-sending-stopped"] == 1
        assert len(lost.bird.posts) == before

        switch.follow(Action.START, "shop")
        lost.clock.sleep(660)
        assert lost.run()["resent-accepted"] == 1
        assert len(lost.bird.posts) == before + 1

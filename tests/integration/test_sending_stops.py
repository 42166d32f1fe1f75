"""`make stop`, `make start`, the stored item, and its cached copy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.api_keys import new_key
from ops.sending import main, record
from ops.stack import Stack
from sms_tracker.aws.limits import STOPS_KEY, STOPS_LIFETIME, CachedStops, SendingStopStore
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.operator_rules import Action, Instruction, SendingStops
from tests import tables
from tests.fakes import FakeClock
from tests.moto_client import json_client

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
WHO = ("--by", "ann", "--why", "toll fraud")


@dataclass
class Table:
    """DynamoDB's client; ``fail`` refuses every call, ``lost`` loses the reply of the next write."""

    fail: bool = False
    lost: bool = False
    calls: list[str] = field(default_factory=list)

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        self.calls.append(operation)
        if self.fail:
            raise Unavailable(f"{operation}: InternalServerError")
        answer = json_client("dynamodb")(operation, **arguments)
        if self.lost and operation == "PutItem":
            self.lost = False
            return json_client("dynamodb")(operation, **arguments)  # the client's own retry of an applied write
        return answer


@dataclass
class Command:
    capsys: pytest.CaptureFixture[str]
    table: Table = field(default_factory=Table)

    @property
    def store(self) -> SendingStopStore:
        return SendingStopStore(self.table, "state")

    def run(self, *arguments: str) -> tuple[int, str, str]:
        def stack(name: str) -> Stack:
            made = Stack(name)
            made.sending_stops, made.outputs = self.store, {"StateTableName": "state"}
            return made

        code = main(arguments, stack, lambda: NOON)
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err


@pytest.fixture
def command(aws: None, capsys: pytest.CaptureFixture[str]) -> Command:  # noqa: ARG001  # moto is below
    tables.create(tables.client(), "StateTable", "state")
    return Command(capsys)


def test_a_stop_is_recorded_with_who_why_and_when_until_its_start(command: Command) -> None:
    code, shown, told = command.run("stop", "--client", "shop", *WHO)
    assert code == 0
    assert "within 60 s" in told
    assert shown.startswith("stopped: 2026-01-31T12:00:00.000Z stop shop by ann: toll fraud\n")
    assert command.store.read().stop_of("shop") is not None

    assert command.run("start", "--client", "shop", "--by", "bob", "--why", "key revoked")[0] == 0

    assert command.run("stop", "--list")[1].splitlines() == [
        "nothing is stopped",
        "  2026-01-31T12:00:00.000Z start shop by bob: key revoked",
        "  2026-01-31T12:00:00.000Z stop shop by ann: toll fraud",
    ]


def test_a_stop_of_a_client_without_a_key_is_recorded_and_questioned(command: Command) -> None:
    _, item = new_key("shop", ["send"])
    tables.client().put_item(TableName="state", Item=item)

    assert "no API key" not in command.run("stop", "--client", "shop", *WHO)[2]
    assert "no API key belongs to shpo" in command.run("stop", "--client", "shpo", *WHO)[2]
    assert set(command.store.read().stops) == {"shop", "shpo"}


@pytest.mark.parametrize(
    "arguments",
    [
        *(("stop", "--all"), ("stop", *WHO), ("start", "--all", "--by", "ann")),
        *(("stop", "--all", "--client", "shop", *WHO), ("stop", "--list", "--all"), ("pause", "--all", *WHO)),
        *(("stop", "--all", "--by", by, "--why", why) for by, why in ((" ", "x"), ("ann", "x" * 201), ("ann", "a\nb"))),
    ],
)
def test_an_instruction_needs_client_author_and_reason(command: Command, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.run(*arguments)
    assert command.store.read() == SendingStops()


def test_a_stop_of_all_clients_whose_reply_was_lost_is_recorded_once(command: Command) -> None:
    command.table.lost = True

    assert command.run("stop", "--all", *WHO)[0] == 0

    stops = command.store.read()
    assert (stops.version, len(stops.log), stops.stop_of("anybody") is not None) == (1, 1, True)
    assert "stop all clients by ann" in command.run("stop", "--list")[1]


INSTRUCTION = Instruction(action=Action.STOP, client="shop", by="ann", reason="x", at="2026-01-31T12:00:00.000Z")


def test_of_two_operators_at_once_both_are_recorded(command: Command) -> None:
    class Raced(SendingStopStore):
        """Another operator writes after the first read."""

        def read(self, *, consistent: bool = False) -> SendingStops:
            known = super().read(consistent=consistent)
            if known.version == 0:
                record(command.store, replace(INSTRUCTION, client="bank"))
            return known

    record(Raced(command.table, "state"), INSTRUCTION)

    assert set(command.store.read().stops) == {"shop", "bank"}


def test_endless_races_end_with_an_error(command: Command) -> None:
    class Busy(SendingStopStore):
        def save(self, stops: SendingStops) -> bool:  # noqa: ARG002  # another one always came first
            return False

    with pytest.raises(Unavailable, match="changed by others"):
        record(Busy(command.table, "state"), INSTRUCTION)


class TestCachedStops:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def stop_of(self, command: Command, clock: FakeClock) -> CachedStops:
        return CachedStops(command.store, now=clock.monotonic)

    def test_an_environment_follows_within_its_lifetime_and_reads_no_oftener(
        self, command: Command, stop_of: CachedStops, clock: FakeClock
    ) -> None:
        assert stop_of("shop") is None
        command.run("stop", "--client", "shop", *WHO)
        command.table.calls.clear()

        clock.sleep(STOPS_LIFETIME - 1)
        assert (stop_of("shop"), command.table.calls) == (None, [])

        clock.sleep(1)
        stop = stop_of("shop")
        assert stop is not None
        assert (stop.reason, stop.by, stop_of("bank")) == ("toll fraud", "ann", None)
        assert command.table.calls == ["GetItem"]

    def test_a_clock_that_was_set_back_keeps_no_old_state(
        self, command: Command, stop_of: CachedStops, clock: FakeClock
    ) -> None:
        assert stop_of("shop") is None
        command.run("stop", "--client", "shop", *WHO)

        clock.sleep(-3600)
        assert stop_of("shop") is not None

    def test_a_failed_read_leaves_the_last_state_which_the_first_one_must_have(
        self, command: Command, stop_of: CachedStops, clock: FakeClock
    ) -> None:
        command.table.fail = True
        with pytest.raises(Unavailable):
            stop_of("shop")
        command.table.fail = False
        command.run("stop", "--all", *WHO)
        assert stop_of("shop") is not None
        command.run("start", "--all", *WHO)

        for failing in (True, False):
            command.table.fail = failing
            clock.sleep(STOPS_LIFETIME)
            assert (stop_of("shop") is not None) == failing

    def test_an_item_of_another_shape_is_not_taken_for_no_stop(self, command: Command, stop_of: CachedStops) -> None:
        command.run("stop", "--all", *WHO)
        tables.client().update_item(TableName="state", Key={"pk": {"S": STOPS_KEY}}, UpdateExpression="REMOVE stops")

        with pytest.raises(Unavailable, match="sending-stops cannot be read: KeyError"):
            stop_of("shop")


def test_more_than_one_read_unit_is_never_needed(command: Command) -> None:
    longest = Instruction(action=Action.START, client="c" * 64, by="b" * 64, reason="r" * 200, at="t" * 24)
    stops = SendingStops()
    for number in range(40):
        stops = stops.after(replace(longest, at=f"{number:024}"))

    assert command.store.save(replace(stops, version=1))
    stored = tables.client().get_item(TableName="state", Key={"pk": {"S": STOPS_KEY}})["Item"]
    size = sum(len(value["S"]) + len(name) for each in stored["log"]["M"].values() for name, value in each["M"].items())
    assert size < 8 * 1024

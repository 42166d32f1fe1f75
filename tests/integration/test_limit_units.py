"""The write units that limits add to a message are those that ADR 20 states."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from bench.units import item_size, write_units
from sms_tracker.aws.clients import calling
from sms_tracker.aws.limits import LimitCounterStore
from sms_tracker.domain.limits import SendLimits
from sms_tracker.services.limits import Counted, Limiter
from tests import tables
from tests.factories import record
from tests.fakes import FakeClock, FixedSettings
from tests.limits import limits
from tests.unit.template_stack import ROOT

ADR = (ROOT / "docs" / "adr" / "0020-limits.md").read_text(encoding="utf-8")
STATED = {case: int(units) for case, units in re.findall(r"^- (.+): (\d+)$", ADR, re.MULTILINE)}
REFUSED = 8
"""Units of a message refused at a limit besides its counters: its record and three index entries come and go."""
USUAL = limits(
    daily_cap=7_000,
    client={"hour": 7_000},
    country={"day": 7_000},
    range={"day": 900},
    recipient={"hour": 5, "day": 20},
)


@dataclass
class Environment:
    """One execution environment's limiter on a table that adds up write units."""

    dynamodb: DynamoDBClient
    strict: SendLimits
    clock: FakeClock = field(default_factory=FakeClock)
    units: int = 0

    def __post_init__(self) -> None:
        store = LimitCounterStore(self._call, "state")
        self.limiter = Limiter(counters=store, settings=FixedSettings(limits=self.strict), clock=self.clock)

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            return calling(self.dynamodb)(operation, **arguments)
        finally:  # a refused write costs as much
            if operation == "UpdateItem":
                written = self.dynamodb.get_item(TableName="state", Key=arguments["Key"]).get("Item", {})
                self.units += write_units(item_size(written))

    def count(self, to: str = "+31612345678", *, not_taken: bool = False) -> int:
        """The units of one message."""
        before = self.units
        counted = self.limiter.count(record(to=to))
        if not isinstance(counted, Counted):
            return self.units - before + REFUSED
        if not_taken:
            self.limiter.give_back(counted)
        else:
            self.limiter.store_first_use(counted)
        return self.units - before


@contextmanager
def environment(strict: SendLimits) -> Iterator[Environment]:
    with mock_aws():
        client = tables.client()
        tables.create(client, "StateTable", "state")
        yield Environment(client, strict)


def begins_a_generation(one: Environment) -> int:
    for number in range(15):
        one.count(f"+316876544{number:02}")
    return one.count()


CASES: Mapping[str, tuple[SendLimits, Callable[[Environment], int]]] = {
    "to a range without a message today": (USUAL, lambda one: one.count()),
    "to a range in use": (USUAL, lambda one: [one.count(), one.count()][1]),
    "begins a generation of tokens, one in sixteen": (USUAL, begins_a_generation),
    "to a country that the client never used": (USUAL, lambda one: one.count("+32470123456")),
    "not taken, given back": (USUAL, lambda one: one.count(not_taken=True)),
    "refused by the client's limit": (limits(client={"hour": 1}), lambda one: one.count()),
    "refused by the range's limit": (limits(daily_cap=9, recipient={"hour": 1}), lambda one: one.count("+31687654321")),
    "limits from 100,000 an hour, in a claimed block": (
        limits(daily_cap=10_000_000, client={"hour": 3_600_000}),
        lambda one: one.count(),
    ),
}


def test_every_case_is_stated() -> None:
    assert STATED.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_message_takes_the_stated_units(name: str) -> None:
    strict, act = CASES[name]
    with environment(strict) as one:
        one.count("+31687654321")  # its client and its country are in use

        assert act(one) == STATED[name]


def test_a_client_with_four_messages_a_second_takes_about_a_unit_for_each() -> None:
    with environment(limits(daily_cap=7_000)) as one:
        for second in range(25):  # more than two generations of tokens, so that the counter has its usual size
            if second == 15:
                one.units = 0
            for _ in range(4):
                one.clock.now += timedelta(seconds=1 / 4)
                one.count()

    assert 4 <= one.units / 10 < 6

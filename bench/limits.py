"""What limits cost: write units of a message by case, and of one client's counter at the rates it can take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from bench.hot_item import BLOCK, HOT
from bench.report import Cell, Outcome, Plan, Progress, Table
from bench.units import item_size, write_units
from sms_tracker.aws.clients import calling
from sms_tracker.aws.limits import LimitCounterStore
from sms_tracker.domain.limits import SendLimits
from sms_tracker.services.limits import Counted, Limiter
from tests import tables
from tests.factories import record
from tests.fakes import FakeClock, FixedSettings
from tests.limits import limits

USUAL = limits(
    daily_cap=7_000,
    client={"hour": 7_000},
    country={"day": 7_000},
    range={"day": 900},
    recipient={"hour": 5, "day": 20},
)
WIDE = limits(daily_cap=10_000_000, client={"hour": 3_600_000})
_RATES = (10, 80)
_SECONDS = 25
"""More than two generations of tokens, so that a counter has its usual size."""
_SAMPLED = 10
"""Of so many writes one is looked at."""
_REFUSED = 8
"""Units of a message refused at a limit besides its counters: its record and three index entries come and go."""


@dataclass
class Environment:
    """One execution environment's limiter on a table that adds up write units."""

    dynamodb: DynamoDBClient
    strict: SendLimits
    clock: FakeClock = field(default_factory=FakeClock)
    units: int = 0
    writes: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        store = LimitCounterStore(self._call, "state")
        self.limiter = Limiter(counters=store, settings=FixedSettings(limits=self.strict), clock=self.clock)

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            return calling(self.dynamodb)(operation, **arguments)
        finally:  # a refused write costs as much
            if operation == "UpdateItem":
                self.writes += 1
                if self.writes % self.every == 0:
                    self.units += self.every * self._size(arguments["Key"])

    def _size(self, key: dict[str, Any]) -> int:
        return write_units(item_size(self.dynamodb.get_item(TableName="state", Key=key).get("Item", {})))

    def count(self, to: str = "+31612345678", *, not_taken: bool = False) -> int:
        """The units of one message."""
        before = self.units
        counted = self.limiter.count(record(to=to))
        if not isinstance(counted, Counted):
            return self.units - before + _REFUSED
        if not_taken:
            self.limiter.give_back(counted)
        return self.units - before


@contextmanager
def environment(strict: SendLimits) -> Iterator[Environment]:
    """An empty table."""
    with mock_aws():
        client = tables.client()
        tables.create(client, "StateTable", "state")
        yield Environment(client, strict)


def _case(strict: SendLimits, act: Callable[[Environment], int]) -> int:
    with environment(strict) as one:
        one.count("+31687654321")  # its client and its country are in use
        return act(one)


def _begins_a_generation(one: Environment) -> int:
    for number in range(15):
        one.count(f"+316876544{number:02}")
    return one.count()


CASES: Mapping[str, Callable[[], int]] = {
    "to a range without a message today": lambda: _case(USUAL, lambda one: one.count()),
    "to a range in use": lambda: _case(USUAL, lambda one: [one.count(), one.count()][1]),
    "begins a generation of tokens, one in sixteen": lambda: _case(USUAL, _begins_a_generation),
    "to a country that the client never used": lambda: _case(USUAL, lambda one: one.count("+32470123456")),
    "not taken, given back": lambda: _case(USUAL, lambda one: one.count(not_taken=True)),
    "refused by the client's limit": lambda: _case(limits(client={"hour": 1}), lambda one: one.count()),
    "refused by the range's limit": lambda: _case(
        limits(daily_cap=9, recipient={"hour": 1}), lambda one: one.count("+31687654321")
    ),
    "limits from 100,000 an hour, in a claimed block": lambda: _case(WIDE, lambda one: one.count()),
}


def limit_units(_: Plan, progress: Progress) -> Outcome:
    """Write units of limits: each case, and one client's counter at several rates."""
    progress("units of limits")
    figures = {f"limits.{name}": float(case()) for name, case in CASES.items()}
    rows: list[list[Cell]] = [[name.removeprefix("limits."), value] for name, value in figures.items()]
    rates: list[list[Cell]] = []
    for rate, strict in (*((each, limits(daily_cap=7_000)) for each in _RATES), (HOT, WIDE)):
        progress(f"{rate} messages a second of one client")
        block = BLOCK if strict is WIDE else 1
        figures[f"limits.{rate} a second"] = used = at_rate(rate // block, strict, block)
        rates.append([f"{rate} messages, blocks of {block}", used, used / HOT])
    return Outcome(
        (
            Table(title="A message with limits", columns=("message", "write units"), rows=rows),
            Table(
                title="One client's counter, a second", columns=("of", "write units", "of DynamoDB's 1,000"), rows=rates
            ),
        ),
        figures,
    )


def at_rate(claims: int, strict: SendLimits, block: int) -> float:
    """Write units a second of one client's counter with so many claims a second."""
    with environment(strict) as one:
        one.every = _SAMPLED
        for number in range(claims * _SECONDS):
            one.clock.now += timedelta(seconds=1 / claims)
            if number == claims * (_SECONDS - 10):
                one.units = 0
            for _ in range(block):
                one.count()
        return one.units / 10

"""The contract of limit counters: one suite over the fake and DynamoDB on moto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from bench.units import KB, item_size
from sms_tracker.aws.api import unmarshal
from sms_tracker.aws.clients import calling
from sms_tracker.aws.limits import LIMITS_PREFIX, LimitCounterStore
from sms_tracker.domain.errors import Throttled, Unavailable
from sms_tracker.domain.limits import Counter, LimitCounters, client_counter, range_counter
from tests import tables
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal
from tests.limits import MemoryCounters, limits

pytestmark = pytest.mark.no_cover  # other tests cover what it uses

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
STRICT = limits(client={"hour": 3, "day": 5}, range={"day": 100}, recipient={"day": 100})


@pytest.fixture(params=["memory", "dynamodb"])
def counters(request: pytest.FixtureRequest) -> Iterator[LimitCounters]:
    if request.param == "memory":
        yield MemoryCounters()
        return
    with dynamodb() as client:
        yield LimitCounterStore(calling(client), "state")


@contextmanager
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        client = tables.client()
        tables.create(client, "StateTable", "state")
        yield client


def counter(now: datetime = NOON, client: str = "shop") -> Counter:
    return client_counter(STRICT, client, "NL", is_new=False, now=now)


def take(counters: LimitCounters, token: str, units: int = 1, now: datetime = NOON, client: str = "shop") -> str | None:
    """The name of the exceeded limit, None if the send was counted."""
    found = counters.take(counter(now, client), units, token=token, now=int(now.timestamp()))
    return found.name if found else None


def test_exactly_as_many_sends_fit_as_the_limit_allows_and_another_client_has_its_own(counters: LimitCounters) -> None:
    assert [take(counters, f"t{number}") for number in range(5)] == [None] * 3 + ["client_per_hour"] * 2
    assert take(counters, "t9", client="bank") is None


def test_a_new_hour_counts_anew_and_the_day_goes_on(counters: LimitCounters) -> None:
    later, next_day = NOON + timedelta(hours=1), NOON + timedelta(hours=12)
    for number in range(3):
        take(counters, f"t{number}")

    assert [take(counters, f"u{number}", now=later) for number in range(3)] == [None, None, "client_per_day"]
    assert take(counters, "v", now=next_day) is None


@pytest.mark.parametrize(
    ("takes", "exceeded"),
    [
        pytest.param([("t0", 1)] * 9 + [("t1", 1), ("t2", 1), ("t3", 1)], [11], id="a repetition counts once"),
        pytest.param([("t0", 2), ("t1", 1), ("t1", 1), ("t2", 1)], [3], id="also of the last one that fits"),
        pytest.param([("t0", 2), ("t1", 2), ("t2", 1)], [1], id="a block fits as a whole or not at all"),
        pytest.param([("t0", 4)], [0], id="a block above the limit never fits"),
    ],
)
def test_units_are_counted_by_token(counters: LimitCounters, takes: list[tuple[str, int]], exceeded: list[int]) -> None:
    found = [take(counters, token, units) for token, units in takes]

    assert found == ["client_per_hour" if at in exceeded else None for at in range(len(takes))]


def test_what_is_given_back_may_be_taken_again_and_its_repetition_gives_nothing(counters: LimitCounters) -> None:
    for number in range(3):
        take(counters, f"t{number}")
    for _ in range(3):
        counters.give_back(counter(), 1, token="back")

    assert [take(counters, "t3"), take(counters, "t4")] == [None, "client_per_hour"]


def test_what_is_given_back_late_goes_to_the_window_it_was_counted_in(counters: LimitCounters) -> None:
    later = NOON + timedelta(hours=1)
    for number in range(3):
        take(counters, f"t{number}")
    for number in range(2):
        take(counters, f"u{number}", now=later)
    counters.give_back(counter(NOON), 1, token="back")

    assert take(counters, "u2", now=later) is None, "the day has room again"
    assert take(counters, "u3", now=later) == "client_per_day", "and it is the day's, not the later hour's, room"


def test_of_an_expired_counter_nothing_is_given_back(counters: LimitCounters) -> None:
    counters.give_back(counter(), 1, token="back")

    assert [take(counters, f"t{number}") for number in range(4)] == [None, None, None, "client_per_hour"]


def test_the_first_use_of_a_country_stays(counters: LimitCounters) -> None:
    assert counters.first_uses("shop") == {}
    counters.note_use("shop", "NL", day=20_000)
    counters.note_use("shop", "+882", day=20_001)
    counters.note_use("shop", "NL", day=20_002)

    assert counters.first_uses("shop") == {"NL": 20_000, "+882": 20_001}
    assert counters.first_uses("bank") == {}


# -- as only DynamoDB shows it -----------------------------------------------------------------------------------------


@dataclass
class Table:
    """The store, and the one item in its table."""

    client: DynamoDBClient

    @property
    def store(self) -> LimitCounterStore:
        return LimitCounterStore(calling(self.client), "state")

    @property
    def item(self) -> dict[str, Any]:
        (found,) = self.client.scan(TableName="state")["Items"]
        return dict(found)

    @property
    def values(self) -> dict[str, Any]:
        return unmarshal(self.item)

    def take(self, counter: Counter, token: str, now: datetime = NOON) -> None:
        assert self.store.take(counter, 1, token=token, now=int(now.timestamp())) is None


@pytest.fixture
def table() -> Iterator[Table]:
    with dynamodb() as client:
        yield Table(client)


DAILY = {"hour": 9_999, "day": 99_999}
WIDE = limits(client=DAILY, country=DAILY, new_countries={"hour": 999, "day": 999})


def busy(now: datetime, country: str = "NL") -> Counter:
    return client_counter(WIDE, "shop", country, is_new=False, now=now)


def test_a_take_is_one_write_and_about_one_in_sixteen_is_two(table: Table) -> None:
    recorder = CallRecorder(table.client)
    for second in range(160):
        at = NOON + timedelta(seconds=second)
        table.take(busy(at), f"token{second:03}", at)

    assert 160 < len(recorder.calls) <= 160 + 160 // 16
    assert table.values["d"] == 160


def test_tokens_are_kept_for_ten_seconds_however_many_there_are(table: Table) -> None:
    for at in (NOON, NOON + timedelta(seconds=9)):
        for number in range(50):
            table.take(busy(at), f"token{number:03}", at)

    assert table.values["d"] == 50


def test_a_counter_stays_below_one_write_unit_all_day(table: Table) -> None:
    sizes = []
    for minute in range(0, 24 * 60, 8):
        at = NOON - timedelta(hours=12) + timedelta(minutes=minute)
        table.take(busy(at, ("NL", "BE", "DE")[minute % 3]), f"tok{minute:05}", at)
        sizes.append(item_size(table.item))

    assert table.values["d"] == 180
    assert max(sizes) < KB


def test_a_range_with_fifty_recipients_is_below_two_write_units(table: Table) -> None:
    wide = limits(range={"hour": 100, "day": 200}, recipient={"hour": 5, "day": 20})
    for number in range(50):
        made = range_counter(wide, f"+3161234{number:04}", key=b"k" * 32, now=NOON)
        assert made
        table.take(made, f"token{number:03}")

    assert item_size(table.item) < 2 * KB


def test_nothing_in_the_table_shows_a_number_and_it_expires(table: Table) -> None:
    made = range_counter(STRICT, "+31612345678", key=b"k" * 32, now=NOON)
    assert made
    table.take(made, "t")

    assert not any("+31612345678"[at : at + 5] in str(table.item) for at in range(8))
    assert table.values["pk"].startswith(f"{LIMITS_PREFIX}range#2026-01-31#")
    assert table.values["expires_at"] == made.expires_at


def test_a_writer_that_is_always_overtaken_gives_up(table: Table) -> None:
    def overtaken(operation: str, **arguments: Any) -> dict[str, Any]:
        """Another sender begins a new set of tokens before each write."""
        table.client.update_item(
            TableName="state",
            Key=arguments["Key"],
            UpdateExpression="SET recent = :full ADD began :one",
            ExpressionAttributeValues={":full": {"SS": [f"x{n}" for n in range(16)]}, ":one": {"N": "1"}},
        )
        return calling(table.client)(operation, **arguments)

    with pytest.raises(Throttled, match="too many writes"):
        LimitCounterStore(overtaken, "state").take(busy(NOON), 1, token="mine", now=int(NOON.timestamp()))
    table.take(busy(NOON), "mine")
    assert table.values["d"] == 1


@pytest.mark.parametrize(
    ("code", "error"), [("ProvisionedThroughputExceededException", Throttled), ("InternalServerError", Unavailable)]
)
def test_throttling_and_an_outage_are_different_errors(table: Table, code: str, error: type[Exception]) -> None:
    CallRecorder(table.client, error=refusal(code))

    with pytest.raises(Unavailable) as raised:
        table.take(counter(), "t")
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.take(counter(), 1, token="t", now=0),
        lambda store: store.give_back(counter(), 1, token="t"),
        lambda store: store.first_uses("shop"),
        lambda store: store.note_use("shop", "NL", day=1),
    ],
)
def test_every_call_raises_when_the_table_is_out_of_reach(
    table: Table, call: Callable[[LimitCounterStore], object]
) -> None:
    CallRecorder(table.client, error=UNREACHABLE)

    with pytest.raises(Unavailable):
        call(table.store)

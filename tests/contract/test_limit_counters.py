"""The contract of limit counters: one suite over the fake and DynamoDB on moto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from bench.units import KB, item_size
from sms_tracker.aws.api import unmarshal
from sms_tracker.aws.clients import calling
from sms_tracker.aws.limits import PREFIX, LimitCounterStore
from sms_tracker.domain.errors import Throttled, Unavailable
from sms_tracker.domain.limits import Counter, LimitCounters, client_counter, range_counter
from tests import tables
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal
from tests.limits import MemoryCounters, limits

pytestmark = pytest.mark.no_cover  # other tests cover what it uses

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
STRICT = limits(client={"hour": 3, "day": 5}, range={"day": 100}, recipient={"day": 100})


@contextmanager
def _in_memory() -> Iterator[LimitCounters]:
    yield MemoryCounters()


@contextmanager
def _in_dynamodb() -> Iterator[LimitCounters]:
    with dynamodb() as client:
        yield LimitCounterStore(calling(client), "state")


@contextmanager
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        client = tables.client()
        tables.create(client, "StateTable", "state")
        yield client


@pytest.fixture(params=[_in_memory, _in_dynamodb], ids=["memory", "dynamodb"])
def counters(request: pytest.FixtureRequest) -> Iterator[LimitCounters]:
    made: Callable[[], AbstractContextManager[LimitCounters]] = request.param
    with made() as counters:
        yield counters


def counter(now: datetime = NOON, client: str = "shop") -> Counter:
    return client_counter(STRICT, client, "NL", is_new=False, now=now)


def take(counters: LimitCounters, token: str, units: int = 1, now: datetime = NOON, client: str = "shop") -> str | None:
    """The name of the exceeded limit, None if the send was counted."""
    found = counters.take(counter(now, client), units, token=token, now=int(now.timestamp()))
    return found.name if found else None


def test_exactly_as_many_sends_fit_as_the_limit_allows(counters: LimitCounters) -> None:
    assert [take(counters, f"t{number}") for number in range(5)] == [None] * 3 + ["client_per_hour"] * 2


def test_another_client_has_its_own_count(counters: LimitCounters) -> None:
    for number in range(3):
        take(counters, f"t{number}")

    assert take(counters, "t9", client="bank") is None


def test_a_new_hour_counts_anew_and_the_day_goes_on(counters: LimitCounters) -> None:
    later, next_day = NOON + timedelta(hours=1), NOON + timedelta(hours=12)
    for number in range(3):
        take(counters, f"t{number}")

    assert [take(counters, f"u{number}", now=later) for number in range(3)] == [None, None, "client_per_day"]
    assert take(counters, "v", now=next_day) is None


def test_a_repetition_of_a_lost_reply_counts_once(counters: LimitCounters) -> None:
    assert [take(counters, "t0") for _ in range(9)] == [None] * 9
    assert [take(counters, f"t{number}") for number in (1, 2, 3)] == [None, None, "client_per_hour"]


def test_a_repetition_of_the_last_one_that_fits_is_no_refusal(counters: LimitCounters) -> None:
    take(counters, "t0", 2)

    assert [take(counters, "t1"), take(counters, "t1"), take(counters, "t2")] == [None, None, "client_per_hour"]


def test_a_block_fits_as_a_whole_or_not_at_all(counters: LimitCounters) -> None:
    assert [take(counters, "t0", 2), take(counters, "t1", 2), take(counters, "t2")] == [None, "client_per_hour", None]


def test_a_block_above_the_limit_never_fits(counters: LimitCounters) -> None:
    assert take(counters, "t0", 4) == "client_per_hour"


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
    client: DynamoDBClient

    @property
    def item(self) -> dict[str, Any]:
        (found,) = self.client.scan(TableName="state")["Items"]
        return dict(found)

    @property
    def values(self) -> dict[str, Any]:
        return unmarshal(self.item)


@pytest.fixture
def table() -> Iterator[Table]:
    with dynamodb() as client:
        yield Table(client)


WIDE = limits(
    client={"hour": 9_999, "day": 99_999},
    country={"hour": 9_999, "day": 99_999},
    new_countries={"hour": 999, "day": 999},
)


def busy(now: datetime, country: str = "NL", *, is_new: bool = False) -> Counter:
    return client_counter(WIDE, "shop", country, is_new=is_new, now=now)


def test_a_take_is_one_write_and_about_one_in_sixteen_is_two(table: Table) -> None:
    recorder, store = CallRecorder(table.client), LimitCounterStore(calling(table.client), "state")
    for second in range(160):
        at = NOON + timedelta(seconds=second)
        assert store.take(busy(at), 1, token=f"token{second:03}", now=int(at.timestamp())) is None

    assert 160 < len(recorder.calls) <= 160 + 160 // 16
    assert table.values["d"] == 160


def test_tokens_are_kept_for_ten_seconds_however_many_there_are(table: Table) -> None:
    store = LimitCounterStore(calling(table.client), "state")
    for number in range(50):  # at once
        store.take(busy(NOON), 1, token=f"token{number:03}", now=int(NOON.timestamp()))
    at = NOON + timedelta(seconds=9)
    for number in range(50):
        assert store.take(busy(at), 1, token=f"token{number:03}", now=int(at.timestamp())) is None

    assert table.values["d"] == 50


def test_a_counter_stays_below_one_write_unit_all_day(table: Table) -> None:
    store = LimitCounterStore(calling(table.client), "state")
    sizes = []
    for minute in range(0, 24 * 60, 8):
        at = NOON - timedelta(hours=12) + timedelta(minutes=minute)
        country = ("NL", "BE", "DE")[minute % 3]
        store.take(busy(at, country), 1, token=f"tok{minute:05}", now=int(at.timestamp()))
        sizes.append(item_size(table.item))

    assert table.values["d"] == 180
    assert max(sizes) < KB


def test_a_range_with_fifty_recipients_is_below_two_write_units(table: Table) -> None:
    store = LimitCounterStore(calling(table.client), "state")
    wide = limits(range={"hour": 100, "day": 200}, recipient={"hour": 5, "day": 20})
    for number in range(50):
        made = range_counter(wide, f"+3161234{number:04}", key=b"k" * 32, now=NOON)
        assert made
        assert store.take(made, 1, token=f"token{number:03}", now=int(NOON.timestamp())) is None

    assert item_size(table.item) < 2 * KB


def test_nothing_in_the_table_shows_a_number_and_it_expires(table: Table) -> None:
    made = range_counter(STRICT, "+31612345678", key=b"k" * 32, now=NOON)
    assert made
    LimitCounterStore(calling(table.client), "state").take(made, 1, token="t", now=int(NOON.timestamp()))

    assert not any("+31612345678"[at : at + 5] in str(table.item) for at in range(8))
    assert table.values["pk"].startswith(f"{PREFIX}range#2026-01-31#")
    assert table.values["expires_at"] == made.expires_at


def test_a_writer_that_is_always_overtaken_gives_up(table: Table) -> None:
    store = LimitCounterStore(calling(table.client), "state")

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
    assert store.take(busy(NOON), 1, token="mine", now=int(NOON.timestamp())) is None
    assert table.values["d"] == 1


@pytest.mark.parametrize(
    ("code", "error"), [("ProvisionedThroughputExceededException", Throttled), ("InternalServerError", Unavailable)]
)
def test_throttling_and_an_outage_are_different_errors(table: Table, code: str, error: type[Exception]) -> None:
    CallRecorder(table.client, error=refusal(code))
    store = LimitCounterStore(calling(table.client), "state")

    with pytest.raises(Unavailable) as raised:
        store.take(counter(), 1, token="t", now=int(NOON.timestamp()))
    assert type(raised.value) is error


def test_every_call_raises_when_the_table_is_out_of_reach(table: Table) -> None:
    CallRecorder(table.client, error=UNREACHABLE)
    store = LimitCounterStore(calling(table.client), "state")
    calls: list[Callable[[], object]] = [
        lambda: store.take(counter(), 1, token="t", now=0),
        lambda: store.give_back(counter(), 1, token="t"),
        lambda: store.first_uses("shop"),
        lambda: store.note_use("shop", "NL", day=1),
    ]

    for call in calls:
        with pytest.raises(Unavailable):
            call()

"""The indexes on moto: the same walks as over records in memory, whatever the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import NAMESPACE_OID, uuid5

import pytest
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from sms_tracker.aws.clients import calling
from sms_tracker.aws.store import MessageSearch, MessageStore
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.indexes import BY_TIME, Position, Span, time_shard
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import Status
from sms_tracker.read.search import SearchQuery, find_page
from sms_tracker.services.track import track
from tests import tables
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal
from tests.factories import TO, record, report
from tests.fakes import START
from tests.memory_search import MemorySearch, walk

COUNT = 40
SPAN = Span(since=timestamp(START), until=timestamp(START + timedelta(days=1)))
SHOP = SearchQuery(client="shop", now=timestamp(START + timedelta(days=40)), span=SPAN, limit=5)
SEARCHES = {
    "to": replace(SHOP, to=TO),
    "reference": replace(SHOP, reference="order-42"),
    "provider_message_id": replace(SHOP, provider_message_id="SM1"),
    "failure": replace(SHOP, statuses=frozenset({Status.UNDELIVERED})),
    "status": replace(SHOP, statuses=frozenset({Status.SENT})),
    "time": SHOP,
    "another client": replace(SHOP, client="rival"),
    "nobody": replace(SHOP, client="nobody"),
}


def _fill(dynamodb: DynamoDBClient) -> list[Record]:
    """Messages in runs of equal times over two days, a third of them failed, some of them long after."""
    store = MessageStore(calling(dynamodb), "messages")
    ids = [str(uuid5(NAMESPACE_OID, str(number))) for number in range(COUNT)]
    for number, message_id in enumerate(ids):
        created = timestamp(START + timedelta(days=number % 2, milliseconds=number % 8 // 4))
        fresh = record(
            message_id=message_id,
            client="rival" if number % 5 == 0 else "shop",
            to="+32470123456" if number % 3 == 0 else TO,
            reference=None if number % 7 == 0 else "order-42",
            created_at=created,
            state=initial_state(attempt=1, at=created, provider="twilio"),
        )
        store.put(fresh)
        status = (Status.SENT, Status.DELIVERED, Status.UNDELIVERED)[number % 3]
        heard = timestamp(START + timedelta(days=number % 2 + 30 * (number % 2)))
        said = report(status, received=heard, provider_message_id="SM1" if number % 2 else f"SM-{number}")
        track(store, message_id, [said], now=heard)
    return [found for message_id in ids if (found := store.get(message_id)) is not None]


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[DynamoDBClient, list[Record]]]:
    with mock_aws():
        dynamodb = tables.client()
        tables.create(dynamodb, "MessagesTable", "messages")
        yield dynamodb, _fill(dynamodb)


@pytest.mark.parametrize(
    ("criteria", "page"),
    [*((criteria, 2) for criteria in SEARCHES.values()), (SEARCHES["to"], 1), (SEARCHES["failure"], 100)],
    ids=[*SEARCHES, "to by single keys", "failure by usual pages"],
)
def test_a_walk_finds_the_same_as_in_memory(
    filled: tuple[DynamoDBClient, list[Record]], criteria: SearchQuery, page: int
) -> None:
    dynamodb, stored = filled

    found = walk(MessageSearch(calling(dynamodb), "messages", page=page), criteria)

    assert found == walk(MemorySearch(stored), criteria)
    assert sorted(each.message_id for each in found) == sorted(r.message_id for r in stored if criteria.matches(r))
    assert len(found) > criteria.limit or criteria.client == "nobody"


def test_other_clients_keys_are_left_out_of_the_time_index_already(filled: tuple[DynamoDBClient, list[Record]]) -> None:
    dynamodb, stored = filled
    search = MessageSearch(calling(dynamodb), "messages")
    theirs = next(r for r in stored if r.client == "rival")
    partition = time_shard(theirs.created_at, theirs.message_id)

    seen_by = {client: search.keys(BY_TIME, partition, span=None, client=client)[0] for client in ("rival", "nobody")}

    assert Position(theirs.created_at, theirs.message_id) in seen_by["rival"]
    assert seen_by["nobody"] == []


def test_records_are_read_a_hundred_at_a_time_and_what_is_gone_is_left_out(
    filled: tuple[DynamoDBClient, list[Record]],
) -> None:
    _, stored = filled
    recorder = CallRecorder(tables.client())
    search = MessageSearch(calling(recorder.client), "messages")
    missing = [str(uuid5(NAMESPACE_OID, f"gone {number}")) for number in range(100)]

    found = search.records([*missing, *(r.message_id for r in stored)])

    assert search.records([]) == []
    assert recorder.names == ["BatchGetItem", "BatchGetItem"]
    assert sorted(r.message_id for r in found) == sorted(r.message_id for r in stored)


@pytest.mark.parametrize("error", [UNREACHABLE, refusal("ThrottlingException"), refusal("AccessDeniedException")])
def test_an_index_or_a_table_that_cannot_be_read_is_unavailable(error: Exception) -> None:
    recorder = CallRecorder(tables.client(), error=error)
    search = MessageSearch(calling(recorder.client), "messages")

    with pytest.raises(Unavailable, match=r"^Query: \w+$"):
        find_page(search, SHOP)
    with pytest.raises(Unavailable, match=r"^BatchGetItem: \w+$"):
        search.records(["an id"])


class BusyClient:
    """BatchGetItem that leaves ``left`` of its keys over each time, as a throttled table does."""

    def __init__(self, left: int) -> None:
        self.asked: list[int] = []
        self._left = left

    def batch_get_item(self, *, RequestItems: dict[str, dict[str, list[object]]]) -> dict[str, object]:  # noqa: N803  # as boto3 names it
        keys = RequestItems["messages"]["Keys"]
        self.asked.append(len(keys))
        over = keys[: self._left]
        return {"Responses": {}, "UnprocessedKeys": {"messages": {"Keys": over}} if over else {}}


def test_keys_that_are_left_over_are_asked_for_ever_later_and_for_good_make_it_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Found in zio/zio-dynamodb#64, Yelp/Tron#1023
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    free, busy = BusyClient(left=0), BusyClient(left=1)

    MessageSearch(calling(free), "messages").records(["a", "b"])
    with pytest.raises(Unavailable, match="unprocessed keys"):
        MessageSearch(calling(busy), "messages").records(["a", "b"])

    assert (free.asked, busy.asked) == ([2], [2, 1, 1, 1, 1])
    assert [pause // 0.05 for pause in pauses] == [1, 2, 4, 8]

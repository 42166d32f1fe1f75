"""Items of an earlier version in the table, and items of this one under an earlier version (ADR 18).

`former_item.json` is an item as the earlier version wrote it: Twilio's answer and two reports with times.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from types_boto3_dynamodb import DynamoDBClient

from ops.forget import Eraser
from ops.records import rebuilt
from sms_tracker.aws.api import Item
from sms_tracker.aws.clients import calling
from sms_tracker.aws.items import from_item, record_of
from sms_tracker.aws.store import MessageSearch, MessageStore, stream_changes
from sms_tracker.domain.cost import Price
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.indexes import Span
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import Report, Source, timestamp
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import Status
from sms_tracker.read.messages import message_view
from sms_tracker.read.search import SearchQuery, find_page
from sms_tracker.services.publish import PublishPolicy, status_changed
from sms_tracker.services.track import track
from tests import tables
from tests.factories import MESSAGE_ID, TO, cost, record, report

FORMER: Item = json.loads((Path(__file__).parent / "former_item.json").read_text())
LONG = "r" * 64
PROVIDER_ID = "SM" + "1" * 32
CREATED = "2026-01-31T12:00:00.123Z"
LATER = "2026-01-31T13:00:00.431Z"
FOLLOWING = report(Status.DELIVERED, received=LATER, occurred="2026-01-31T12:59:57.017Z")


def reported(number: int, word: str, status: Status, source: Source = Source.CALLBACK) -> Report:
    """One of the reports in ``former_item.json``, every ten minutes one."""
    return Report(
        provider="twilio",
        word=word,
        status=status,
        received=f"2026-01-31T12:{number}1:00.431Z",
        occurred=f"2026-01-31T12:{number}0:57.{number}17Z",
        provider_message_id=PROVIDER_ID,
        source=source,
    )


ANSWER = reported(0, "queued", Status.ACCEPTED, Source.ANSWER)
SENDING, SENT = reported(1, "sending", Status.SENDING), reported(2, "sent", Status.SENT)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of messages, and its one item."""

    dynamodb: DynamoDBClient
    store: MessageStore

    @property
    def item(self) -> Item:
        return self.dynamodb.get_item(TableName="messages", Key={"message_id": {"S": MESSAGE_ID}})["Item"]

    @property
    def record(self) -> Record:
        return from_item(self.item)

    def hold(self, item: Item) -> None:
        self.dynamodb.put_item(TableName="messages", Item=item)

    def write(self, *reports: Report) -> str:
        return track(self.store, MESSAGE_ID, reports, now=reports[-1].received).decision

    def write_the_same_message(self) -> None:
        """The message of ``former_item.json``, as this version writes it."""
        made = record(
            client="acme-web",
            reference=LONG,
            created_at=CREATED,
            updated_at=CREATED,
            state=initial_state(attempt=1, at=CREATED, provider="twilio"),
        )
        self.store.put(made)
        track(self.store, MESSAGE_ID, [ANSWER], now=ANSWER.received, phase=SendPhase.ANSWERED)
        for each in (SENDING, SENT):
            self.write(each)

    def found(self, **criteria: Any) -> list[str]:
        span = Span(since="2026-01-31T00:00:00.000Z", until="2026-01-31T23:59:59.999Z")
        query = SearchQuery(client="acme-web", now="2026-02-01T00:00:00.000Z", span=span, limit=5, **criteria)
        search = MessageSearch(calling(self.dynamodb), "messages")
        return [each.message_id for each in find_page(search, query).records]


@pytest.fixture
def table() -> Iterator[Table]:
    with tables.messages_table() as (dynamodb, name):
        yield Table(dynamodb, MessageStore(calling(dynamodb), name))


# -- Items of an earlier version ---------------------------------------------------------------------------------------


def test_an_earlier_item_is_shown_as_the_same_message_of_today(table: Table) -> None:
    table.write_the_same_message()

    former = message_view(from_item(FORMER))
    stated = {"amount": "0.0075", "currency": "USD", "observed_at": CREATED, "segments": None}
    assert former["cost"] == {"1": stated}
    assert {**former, "cost": {}} == message_view(table.record)


def test_the_price_of_an_earlier_item_gives_way_to_any_observation(table: Table) -> None:
    table.hold(FORMER)
    looked_up = replace(SENT, source=Source.LOOKUP, occurred=None, price=Price("0.0079", "USD"), segments=1)

    assert table.write(looked_up) == "noted"
    assert table.record.costs == {1: cost("0.0079", "2026-01-31T12:21:00.000Z", "USD", segments=1)}


@pytest.mark.parametrize("price", ["0.07", "free", ""])
def test_an_earlier_item_is_read_whatever_its_price(price: str) -> None:
    known = from_item({**FORMER, "price": {"S": price}}).costs

    assert known == ({1: cost(price, CREATED, "XXX")} if price == "0.07" else {})


@pytest.mark.parametrize("damaged", ["", "OkIv8s-", "OkIv8s-EUR0", "OkIv8s-EUR01-1", "OkIv8s-EUR010.0 "])
def test_a_damaged_cost_is_a_damaged_record(damaged: str) -> None:
    with pytest.raises(Unavailable):
        record_of({**FORMER, "cost": {"S": damaged}})


@pytest.mark.parametrize("repeated", [SENT, SENDING, ANSWER])
def test_a_report_in_an_earlier_item_is_a_duplicate_alone_and_beside_a_new_one(table: Table, repeated: Report) -> None:
    table.hold(FORMER)

    assert table.write(repeated) == "duplicate"
    assert table.item == FORMER
    assert table.write(repeated, FOLLOWING) == "applied"
    assert [entry.word for entry in table.record.reports.values()] == ["queued", "sending", "sent", "delivered"]


def test_a_repeated_word_that_moves_nothing_is_not_stored_again(table: Table) -> None:
    unfamiliar = replace(SENT, word="teleported", status=None, recognised=False)
    entry = {**FORMER["reports"]["M"]["GCdAUeFpNTEXXsTV"]["M"], "word": {"S": "teleported"}}
    reports = {**FORMER["reports"]["M"], unfamiliar.fingerprints[1]: {"M": entry}}
    table.hold({**FORMER, "reports": {"M": reports}})

    assert table.write(unfamiliar) == "duplicate"
    assert len(table.record.reports) == 4


def test_a_timeline_of_both_forms_is_read_rebuilt_published_and_erased_as_one(table: Table) -> None:
    table.hold(FORMER)
    table.write(FOLLOWING)
    mixed = table.record

    assert [(each["provider_status"], each["occurred_at"]) for each in message_view(mixed)["reports"]] == [
        ("queued", ANSWER.occurred),
        ("sending", SENDING.occurred),
        ("sent", SENT.occurred),
        ("delivered", FOLLOWING.occurred),
    ]
    assert rebuilt(mixed) == mixed.state
    images = {"SequenceNumber": "1", "OldImage": FORMER, "NewImage": table.item}
    (change,) = stream_changes([{"eventName": "MODIFY", "dynamodb": images}])
    assert change.old is not None
    assert change.new is not None
    policy = PublishPolicy(statuses=frozenset({"delivered"}), personal_data=False)
    published = status_changed(change.old, change.new, policy)
    assert published is not None
    assert (published.reference, published.provider_message_id) == (LONG, PROVIDER_ID)
    later = datetime.fromisoformat(LATER) + timedelta(days=30)
    assert Eraser(table.dynamodb, "messages").forget(mixed, now=later) == "forgotten"
    assert LONG not in str(table.item)


@pytest.mark.parametrize("former", [True, False])
def test_a_message_of_either_form_is_found_by_reference_and_by_the_providers_id(table: Table, *, former: bool) -> None:
    if former:
        table.hold(FORMER)
    else:
        table.write_the_same_message()

    for _ in range(2):  # as it was, and after one more write
        assert table.found(reference=LONG) == [MESSAGE_ID]
        assert table.found(provider_message_id=PROVIDER_ID) == [MESSAGE_ID]
        assert table.found(to=TO) == [MESSAGE_ID]
        assert table.store.by_provider_id("twilio", PROVIDER_ID) == MESSAGE_ID
        table.write(FOLLOWING)


# -- This version's items under an earlier version, after a rollback ---------------------------------------------------

NEEDED = {
    "message_id": "S", "version": "N", "status": "S", "attempt": "N", "status_at": "S", "provider": "S", "ids": "M",
    "send": "M", "client": "S", "from": "S", "encoding": "S", "segments": "N", "fingerprint": "S", "created_at": "S",
    "updated_at": "S", "expires_at": "N", "reports": "M",
}  # fmt: skip
"""The attributes without which the earlier version cannot read an item, with their types."""
READ = {
    "to": "S", "reference": "S", "text": "S", "body": "S", "network": "S", "failure": "M",
    "resend_if_lost": "BOOL", "validity_seconds": "N", "other_ids": "SS", "providers": "M",
}  # fmt: skip
"""The optional attributes that it reads."""
NEEDED_BY_SEND = {"state": "S", "attempt": "N", "token": "S", "until": "N"}
NEEDED_BY_ENTRY = {"word": "S", "received": "S", "attempt": "N"}
READ_BY_ENTRY = {"source": "S", "code": "S", "occurred": "S", "text": "S", "foreign": "BOOL", "fields": "M"}


def types(item: Item) -> dict[str, str]:
    return {name: next(iter(value)) for name, value in item.items()}


def flaws(item: Item) -> list[str]:
    """What the earlier version could not read in an item, or would read differently."""
    entries = [each["M"] for each in item["reports"]["M"].values()]
    checks = [(item, NEEDED, READ), (item["send"]["M"], NEEDED_BY_SEND, {})]
    checks += [(entry, NEEDED_BY_ENTRY, READ_BY_ENTRY) for entry in entries]
    found = [
        name
        for part, needed, optional in checks
        for name, kind in {**needed, **optional}.items()
        if types(part).get(name, None if name in needed else kind) != kind
    ]
    times = [entry["received"]["S"] for entry in entries]
    return found + [each for each in times if timestamp(datetime.fromisoformat(each)) != each]


def test_the_check_finds_no_fault_with_the_earlier_versions_own_item() -> None:
    assert flaws(FORMER) == []
    assert flaws({**FORMER, "ids": {"S": "1"}}) == ["ids"]


@pytest.mark.parametrize(
    "last",
    [
        FOLLOWING,
        replace(FOLLOWING, occurred="yesterday"),
        replace(FOLLOWING, word="teleported", status=None, recognised=False, details={"a": "b"}),
        report(Status.UNDELIVERED, code="30003", received=LATER, occurred=CREATED, details={"a": "b"}),
    ],
)
def test_the_earlier_version_can_read_every_attribute_that_it_needs(table: Table, last: Report) -> None:
    table.write_the_same_message()
    before = table.item
    table.write(last)

    for item in (before, table.item):
        assert flaws(item) == []


def test_a_report_that_both_versions_stored_is_one_report_of_the_record(table: Table) -> None:
    table.write_the_same_message()
    entry = {"M": {"word": {"S": "sent"}, "received": {"S": LATER}, "attempt": {"N": "1"}}}
    table.hold({**table.item, "reports": {"M": {**table.item["reports"]["M"], SENT.fingerprints[1]: entry}}})

    assert table.write(SENT) == "duplicate"
    assert rebuilt(table.record) == table.record.state
    assert table.write(FOLLOWING) == "applied"

"""The publisher's stream filter, over the changes that DynamoDB records of real writes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from local.template import parse, supported
from sms_tracker.aws.clients import calling
from sms_tracker.aws.items import from_item, to_item
from sms_tracker.aws.outbox import OutboxStore
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.bus import BusEvent, OutboxItem
from sms_tracker.domain.cost import Price
from sms_tracker.domain.record import Send, SendPhase
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import CORRECTIONS, Category, Failure, Outcome, Reason, Status
from sms_tracker.services.publish import PublishPolicy, status_changed
from sms_tracker.services.track import track
from tests import tables
from tests.event_patterns import matches
from tests.factories import MESSAGE_ID, NOW, record, report
from tests.unit.template_stack import ROOT, source, stack

Change = dict[str, Any]
FINAL = [status for status in Status if status.final]
FAILURES = [status for status in FINAL if status.outcome is Outcome.FAILURE]
EVERY = ",".join(Status)
CODE = Failure(category=Category.PERMANENT, reason=Reason.UNREACHABLE, code="30003")
NO_CODE = replace(CODE, code=None)


def patterns(**parameters: str) -> list[dict[str, Any]]:
    mappings = stack(**parameters).of("AWS::Lambda::EventSourceMapping").values()
    (filters,) = [
        each.properties["FilterCriteria"]["Filters"] for each in mappings if "FilterCriteria" in each.properties
    ]
    return [json.loads(each["Pattern"]) for each in filters]


def passes(change: Change, **parameters: str) -> bool:
    return any(matches(pattern, change) for pattern in patterns(**parameters))


class Table:
    """The messages' table with its stream, and one message in it."""

    def __init__(self) -> None:
        self.dynamodb = tables.client()
        tables.create(self.dynamodb, "MessagesTable", "messages", with_stream=True)
        self.store = MessageStore(calling(self.dynamodb), "messages", keep_raw_reports=True)
        self.store.put(record())

    def report(self, *reports: Report) -> None:
        track(self.store, MESSAGE_ID, reports, now=NOW)

    def answer(self) -> None:
        answered = report(Status.ACCEPTED, source=Source.ANSWER)
        track(self.store, MESSAGE_ID, [answered], now=NOW, phase=SendPhase.ANSWERED)

    def changes(self) -> list[Change]:
        """What the stream recorded."""
        streams = tables.session().client("dynamodbstreams", aws_access_key_id="test", aws_secret_access_key="test")
        arn = self.dynamodb.describe_table(TableName="messages")["Table"]["LatestStreamArn"]
        shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        start = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        recorded_changes: list[Change] = list(streams.get_records(ShardIterator=start["ShardIterator"])["Records"])
        return recorded_changes


@pytest.fixture
def table() -> Iterator[Table]:
    with mock_aws():
        yield Table()


def statuses(changes: Sequence[Change]) -> list[str]:
    return [change["dynamodb"]["NewImage"]["status"]["S"] for change in changes]


def at(second: int, status: Status, **further: Any) -> Report:
    return report(status, received=f"2026-01-31T12:00:{second:02d}.000Z", **further)


def test_the_filter_is_one_that_lambda_takes_and_the_emulator_is_given_each_alternative_by_itself() -> None:
    assert len(patterns()) <= 5  # "Filter criteria": five by default
    *about_final, either = patterns()
    assert all(pattern["eventName"] == ["MODIFY"] for pattern in about_final)
    assert all({"NewImage", "OldImage"} <= pattern["dynamodb"].keys() for pattern in about_final)
    assert either.keys() == {"$or"}

    adapted = supported(parse((ROOT / "template.yaml").read_text()))
    changes = adapted["Resources"]["PublisherFunction"]["Properties"]["Events"]["Changes"]["Properties"]
    assert len(changes["FilterCriteria"]["Filters"]) == len(patterns()) + 1
    assert "$or" not in json.dumps(changes)


def test_an_event_about_no_message_passes_once(table: Table) -> None:
    item = OutboxItem(identity="one", event=BusEvent(source="s", detail_type="SMS Received", detail="{}"), expires_at=1)
    outbox = OutboxStore(calling(table.dynamodb), "messages")
    assert (outbox.put(item), outbox.put(item)) == (None, item.event)
    outbox.delete(item.key)

    *_, put, deleted = table.changes()
    assert (put["eventName"], passes(put)) == ("INSERT", True)
    assert (deleted["eventName"], passes(deleted, PublishedStatuses=EVERY)) == ("REMOVE", False)


@pytest.mark.parametrize("end", [Status.DELIVERED, *FAILURES])
def test_a_message_in_order_invokes_the_publisher_once(table: Table, end: Status) -> None:
    table.answer()
    failure = CODE if end in FAILURES else None
    for second, status in enumerate((Status.SENDING, Status.SENT, end), 1):
        table.report(at(second, status, failure=failure if status is end else None, code=failure and failure.code))

    changes = table.changes()

    assert len(changes) == 5  # with the new record and the answer
    assert statuses([change for change in changes if passes(change)]) == [end]


def test_a_hundred_messages_invoke_the_publisher_at_most_a_hundred_and_ten_times() -> None:
    """Shares of a mixed load: one in fifty fails, one in twenty reports late, each has a price afterwards."""
    passed = 0
    for number in range(3):  # a failure, a late report, and what stands for the eighteen others
        with mock_aws():
            table = Table()
            table.answer()
            end = at(3, Status.UNDELIVERED, failure=CODE) if number == 0 else at(3, Status.DELIVERED)
            order = [at(1, Status.SENDING), at(2, Status.SENT), end]
            for each in order[::-1] if number == 1 else order:
                table.report(each)
            table.report(at(4, Status.SENT, price=Price("0.07", "USD"), network="20408"))
            passed += sum(map(passes, table.changes())) * (18 if number == 2 else 1)

    assert passed / 20 <= 1.1


@pytest.mark.parametrize("status", FINAL)
def test_nothing_else_about_a_final_message_invokes_the_publisher(table: Table, status: Status) -> None:
    failure = CODE if status in FAILURES else None
    table.report(at(5, status, failure=failure))
    before = len(table.changes())

    table.report(at(6, Status.SENT, price=Price("0.07", "USD"), network="20408"))  # a price
    table.report(at(2, Status.BUFFERED))  # a late report
    table.report(at(1, status, failure=failure))  # an earlier time
    if failure:
        table.report(at(7, status, failure=replace(failure, message="no route")))  # a text
    table.store.release(MESSAGE_ID, token="a-token", cause="not_sent", now=NOW)  # a claim

    after = table.changes()[before:]
    assert len(after) >= 3
    assert [change for change in after if passes(change)] == []


@pytest.mark.parametrize("status", FAILURES)
def test_a_failure_that_learns_its_code_invokes_the_publisher_and_one_that_learns_a_text_does_not(
    table: Table, status: Status
) -> None:
    table.report(at(1, status, failure=NO_CODE))
    table.report(at(2, status, failure=replace(NO_CODE, message="no route")))
    table.report(at(3, status, failure=CODE, code=CODE.code))
    table.report(at(4, status, failure=replace(CODE, message="unreachable"), code=CODE.code))

    assert [passes(change) for change in table.changes()] == [False, True, False, True, False]


def test_a_delivered_message_does_not_invoke_the_publisher_for_a_code(table: Table) -> None:
    table.report(at(1, Status.FAILED, failure=NO_CODE))
    table.report(at(2, Status.DELIVERED))
    table.report(at(3, Status.FAILED, failure=CODE, code=CODE.code))

    assert [passes(change) for change in table.changes()] == [False, True, True, False]


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("new", Status)
def test_a_change_passes_by_its_statuses(old: Status, new: Status) -> None:
    before, after = (replace(initial_state(attempt=1, at=NOW, provider="twilio"), status=each) for each in (old, new))
    images = {"OldImage": to_item(record(state=before)), "NewImage": to_item(record(state=after))}
    change = {"eventName": "MODIFY", "dynamodb": images}

    assert passes(change, PublishedStatuses=EVERY) or not (new.rank > old.rank or new.outcome is Outcome.OPEN)
    if new.rank >= old.rank:
        assert passes(change) is (new.final and new is not old)


@pytest.mark.parametrize("published", [None, EVERY, "accepted,sent", f"sent,delivered,{CORRECTIONS}"])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_order_every_change_with_an_event_or_an_outcome_passes(
    table: Table, seed: int, published: str | None
) -> None:
    rng = random.Random(seed)  # a test's choice
    parameters = {"PublishedStatuses": published} if published else {}
    default = source()["Parameters"]["PublishedStatuses"]["Default"]
    policy = PublishPolicy(statuses=frozenset((published or default).split(",")), personal_data=False)
    table.answer()
    for second in range(12):
        status = rng.choice([Status.SENDING, Status.SENT, *FINAL])
        failure = rng.choice([CODE, NO_CODE]) if status in FAILURES else None
        table.report(at(second, status, failure=failure, code=failure and failure.code))
        if second == 5:
            seen = table.store.get(MESSAGE_ID)
            assert seen is not None
            again = Send(phase=SendPhase.CLAIMED, attempt=2, token=f"token-{seed}", until=0)
            table.store.take_over(seen, again, provider="messagebird", now=NOW)

    for change in table.changes():
        if change["eventName"] == "MODIFY":
            old, new = (from_item(change["dynamodb"][image]) for image in ("OldImage", "NewImage"))
            arrived = new.state.status.final and new.state.status.outcome is not old.state.status.outcome
            assert passes(change, **parameters) or not (arrived or status_changed(old, new, policy)), (
                old.state,
                new.state,
            )


@pytest.mark.parametrize(
    ("parameters", "passing"),
    [
        ({}, [False, False, False]),
        ({"PublishedStatuses": "sent,failed"}, [False, False, True]),
        ({"PublishedStatuses": "accepted,sent"}, [False, True, True]),
    ],
)
def test_a_status_that_is_not_final_passes_only_where_it_is_published(
    table: Table, parameters: dict[str, str], passing: list[bool]
) -> None:
    table.answer()
    table.report(at(1, Status.SENT))

    assert [passes(change, **parameters) for change in table.changes()] == passing


def test_a_new_record_and_one_that_expires_do_not_pass(table: Table) -> None:
    table.report(at(1, Status.DELIVERED))
    table.dynamodb.delete_item(TableName="messages", Key={"message_id": {"S": MESSAGE_ID}})

    assert [(change["eventName"], passes(change, PublishedStatuses=EVERY)) for change in table.changes()] == [
        ("INSERT", False),
        ("MODIFY", True),
        ("REMOVE", False),
    ]

"""The operator's repairs, on tables and queues in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from types_boto3_sqs import SQSClient

from ops.records import between, earlier, opened, rebuilt, repair, stuck
from ops.redrive import Redrive, waiting
from ops.repair import main
from ops.republish import Unpublished, events, publish
from ops.stack import Stack
from sms_tracker.aws.clients import calling, client
from sms_tracker.aws.items import to_item
from sms_tracker.aws.reconcile_state import DynamoReconcileState
from sms_tracker.aws.search import MessageSearch
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.indexes import Span
from sms_tracker.domain.ports import Written
from sms_tracker.domain.record import Change, Guard, Record
from sms_tracker.domain.state import fold, recorded
from sms_tracker.domain.status import Status
from sms_tracker.providers import load
from sms_tracker.services.publish import Policy
from sms_tracker.services.track import track
from tests import tables
from tests.factories import MESSAGE_ID, NOW, record, report
from tests.fakes import START, MemoryBus, MemoryMessages

LEFT = "left: it names no message that is here; use `republish` with its time"
OTHER_ID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def found() -> Iterator[tuple[MessageStore, MessageSearch]]:
    with tables.messages_table() as (dynamodb, name):
        store = MessageStore(calling(dynamodb), name)
        store.put(record())
        yield store, MessageSearch(calling(dynamodb), name)


def stored(store: MessageStore) -> Record:
    read = store.get(MESSAGE_ID)
    assert read is not None
    return read


def test_a_record_that_its_reports_made_needs_no_repair(found: tuple[MessageStore, MessageSearch]) -> None:
    store, search = found
    track(store, MESSAGE_ID, [report(Status.SENT)], now=NOW)
    track(store, MESSAGE_ID, [report(Status.UNDELIVERED, code="30003")], now=NOW)

    (read,) = between(search, Span(since=NOW, until=NOW))

    assert repair(read, now=NOW) is None
    assert rebuilt(read).status is Status.UNDELIVERED
    assert earlier(read).status is Status.SENT


def test_a_record_that_lags_behind_its_reports_is_set_right_under_its_version(
    found: tuple[MessageStore, MessageSearch],
) -> None:
    store, _ = found
    late = Change(guard=Guard.LATE, added=(report(Status.DELIVERED),), now=NOW)
    assert isinstance(store.change(MESSAGE_ID, late), Written)
    change = repair(stored(store), now=NOW)
    assert change is not None

    assert isinstance(store.change(MESSAGE_ID, change), Written)

    assert stored(store).state.status is Status.DELIVERED
    assert stored(store).version == 2
    assert repair(stored(store), now=NOW) is None


def test_a_failure_that_no_report_supports_is_taken_back(found: tuple[MessageStore, MessageSearch]) -> None:
    store, _ = found
    track(store, MESSAGE_ID, [report(Status.SENT)], now=NOW)
    mistaken = fold([report(Status.FAILED)], base=stored(store).state)
    wrong = Change(guard=Guard.SEEN, state=mistaken, added=(), now=NOW, version=stored(store).version)
    assert isinstance(store.change(MESSAGE_ID, wrong), Written)
    change = repair(stored(store), now=NOW)
    assert change is not None

    assert isinstance(store.change(MESSAGE_ID, change), Written)

    assert (stored(store).state.status, stored(store).state.failure) == (Status.SENT, None)
    assert repair(stored(store), now=NOW) is None


def test_what_is_open_is_found_whatever_its_age(found: tuple[MessageStore, MessageSearch]) -> None:
    store, search = found
    store.put(record(message_id=OTHER_ID))
    DynamoReconcileState(calling(tables.client()), messages="messages", state="none").open(MESSAGE_ID, due=NOW)

    assert [each.message_id for each in opened(search)] == [MESSAGE_ID]


def test_what_is_stuck_says_why() -> None:
    soon, later = START + timedelta(seconds=5), START + timedelta(hours=2)

    assert stuck(record(), now=soon) is None
    assert "answer is not known" in str(stuck(record(), now=later))
    assert stuck(record(state=recorded(attempt=1, at=NOW, provider="twilio")), now=later) is not None


@pytest.fixture
def sqs(aws: None) -> SQSClient:  # noqa: ARG001  # moto is under the client
    return client("sqs")


def test_a_redrive_moves_no_more_than_its_limit_at_its_rate(sqs: SQSClient) -> None:
    source, target = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("unmatched", "reports"))
    for number in range(5):
        sqs.send_message(QueueUrl=source, MessageBody=str(number))
    pauses: list[float] = []

    moved = [*Redrive(sqs=sqs, source=source, target=target, rate=4, limit=3, sleep=pauses.append).run()]

    assert moved == [1, 2, 3]
    assert pauses == [0.25] * 3
    bodies = [each["Body"] for each in sqs.receive_message(QueueUrl=target, MaxNumberOfMessages=10)["Messages"]]
    assert len({*bodies}) == 3


def test_a_redrive_deletes_nothing_that_the_target_did_not_take(sqs: SQSClient) -> None:
    source = sqs.create_queue(QueueName="unmatched", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=source, MessageBody="a report")
    redrive = Redrive(sqs=sqs, source=source, target=f"{source}-is-gone", rate=9, limit=9)

    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        list(redrive.run())

    assert waiting(sqs, source) == 1


@pytest.fixture
def aside(sqs: SQSClient) -> str:
    """The queue ``publish-failed`` with a change of our message and Lambda's pointer to a batch."""
    url = sqs.create_queue(QueueName="publish-failed")["QueueUrl"]
    for body in (json.dumps({"dynamodb": {"Keys": {"message_id": {"S": MESSAGE_ID}}}}), '{"DDBStreamBatchInfo": {}}'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    return url


def unpublished(sqs: SQSClient, aside: str, bus: MemoryBus, *statuses: Status) -> list[str]:
    """What a redrive of it tells, once our message has had those reports."""
    messages = MemoryMessages()
    messages.put(record())
    for status in statuses:
        track(messages, MESSAGE_ID, [report(status)], now=NOW)
    policy = Policy(statuses=frozenset({"undelivered"}), personal_data=False)
    return [*Unpublished(sqs=sqs, source=aside, messages=messages, bus=bus, policy=policy).run(9)]


def test_what_was_published_is_deleted_and_what_names_no_message_is_left_in_sight(sqs: SQSClient, aside: str) -> None:
    bus = MemoryBus()

    told = unpublished(sqs, aside, bus, Status.UNDELIVERED)

    assert sorted(told) == [f"{MESSAGE_ID}: published", LEFT]
    assert [json.loads(each.detail)["version"] for each in bus.events] == [2]
    (left,) = sqs.receive_message(QueueUrl=aside, MaxNumberOfMessages=10)["Messages"]
    assert left["Body"] == '{"DDBStreamBatchInfo": {}}'


def test_what_the_bus_refuses_stays(sqs: SQSClient, aside: str) -> None:
    told = unpublished(sqs, aside, MemoryBus(refuse=lambda _: True), Status.UNDELIVERED)

    assert sorted(told) == [f"{MESSAGE_ID}: ThrottlingException", LEFT]
    assert waiting(sqs, aside) == 2


def undelivered(count: int) -> Iterator[Record]:
    """So many messages that were not delivered, each read when it is asked for."""
    failed = fold([report(Status.UNDELIVERED, code="30003")], base=record().state)
    return (record(message_id=f"{MESSAGE_ID[:-4]}{number:04}", state=failed, version=2) for number in range(count))


def test_every_event_is_published_again_however_many_there_are() -> None:
    bus, policy = MemoryBus(), Policy(statuses=frozenset({"undelivered"}), personal_data=False)

    assert publish(events(undelivered(250), policy), bus) == 250
    assert len({json.loads(each.detail)["message_id"] for each in bus.events}) == 250


def test_publishing_again_ends_where_the_bus_refuses_and_reads_nothing_beyond() -> None:
    bus, left = MemoryBus(refuse=lambda each: f"{MESSAGE_ID[:-4]}0120" in each.detail), undelivered(250)
    policy = Policy(statuses=frozenset({"undelivered"}), personal_data=False)

    with pytest.raises(ValueError, match="refused 1 of 100 after 100: ThrottlingException; run it again"):
        publish(events(left, policy), bus)

    assert len([*left]) == 50


def test_a_message_of_which_nothing_is_published_is_done_with(sqs: SQSClient, aside: str) -> None:
    bus = MemoryBus()

    assert f"{MESSAGE_ID}: nothing to publish, it is sent" in unpublished(sqs, aside, bus, Status.SENT)
    assert (bus.events, waiting(sqs, aside)) == ([], 1)


def test_a_record_that_cannot_be_read_is_named_and_holds_up_no_other(
    found: tuple[MessageStore, MessageSearch], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    item = to_item(record(message_id=OTHER_ID))
    del item["segments"]
    tables.client().put_item(TableName="messages", Item=item)
    stack = Stack("deployed")
    stack.search = found[1]
    monkeypatch.setattr("ops.repair.Stack", lambda _: stack)

    code = main(["stuck", "--from", NOW, "--to", NOW])

    told = capsys.readouterr()
    assert (code, told.err) == (1, f"left out: record {OTHER_ID} cannot be read: KeyError\n")
    assert [line.split()[0] for line in told.out.splitlines()] == [MESSAGE_ID]


def test_help_names_the_repairs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    told = capsys.readouterr().out
    assert all(name in told for name in ("rebuild", "redrive", "republish", "stuck"))


@pytest.mark.parametrize(
    ("provider", "word", "code", "status"),
    [
        ("twilio", "undelivered", "30003", Status.UNDELIVERED),
        ("messagebird", "delivery_failed", "1", Status.UNDELIVERED),
        ("messagebird", "a-new-word", None, None),
    ],
)
def test_a_stored_word_means_what_the_tables_say_today(
    provider: str, word: str, code: str | None, status: Status | None
) -> None:
    meant, failure = load(provider).meaning(word, code, None)

    assert meant is status
    assert (failure.code if failure else None) == code

"""The operator's repairs, on tables and queues in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from types_boto3_sqs import SQSClient

from ops.queues import SOURCES, TARGETS, Redrive, waiting
from ops.records import created_between, earlier, open_records, rebuilt, repair, stuck
from ops.repair import main
from ops.republish import Unpublished, events, publish
from ops.stack import Stack
from sms_tracker.aws.clients import api, calling, client
from sms_tracker.aws.items import to_item
from sms_tracker.aws.reconcile_state import ReconcileStateStore
from sms_tracker.aws.store import MessageSearch, MessageStore
from sms_tracker.domain.indexes import Span
from sms_tracker.domain.ports import NotWritten, Written
from sms_tracker.domain.record import Change, Guard, Record
from sms_tracker.domain.state import fold, initial_state
from sms_tracker.domain.status import Status
from sms_tracker.services.publish import PublishPolicy
from sms_tracker.services.track import track
from tests import tables
from tests.factories import MESSAGE_ID, NOW, record, report
from tests.fakes import START, MemoryBus, MemoryMessages

LEFT = "left: no record has its message id; use `republish` with its time"
OTHER_ID = "11111111-1111-4111-8111-111111111111"
LATE = Change(guard=Guard.LATE, added=(report(Status.DELIVERED),), now=NOW)
"""A write after which a message's reports say another status than its record."""
POLICY = PublishPolicy(statuses=frozenset({"undelivered"}), personal_data=False)


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

    (read,) = created_between(search, Span(since=NOW, until=NOW))

    assert repair(read, now=NOW) is None
    assert rebuilt(read).status is Status.UNDELIVERED
    assert earlier(read).status is Status.SENT


def repaired(store: MessageStore, wrong: Change) -> Record:
    """The record after that change was written and repaired."""
    assert isinstance(store.change(MESSAGE_ID, wrong), Written)
    change = repair(stored(store), now=NOW)
    assert change is not None
    assert isinstance(store.change(MESSAGE_ID, change), Written)
    assert repair(stored(store), now=NOW) is None
    return stored(store)


def test_a_record_that_lags_behind_its_reports_is_set_right_under_its_version(
    found: tuple[MessageStore, MessageSearch],
) -> None:
    read = repaired(found[0], LATE)

    assert (read.state.status, read.version) == (Status.DELIVERED, 2)


def test_a_failure_that_no_report_supports_is_taken_back(found: tuple[MessageStore, MessageSearch]) -> None:
    store, _ = found
    track(store, MESSAGE_ID, [report(Status.SENT)], now=NOW)
    mistaken = fold([report(Status.FAILED)], base=stored(store).state)
    wrong = Change(guard=Guard.SEEN, state=mistaken, added=(), now=NOW, version=stored(store).version)

    read = repaired(store, wrong)

    assert (read.state.status, read.state.failure) == (Status.SENT, None)


def test_what_is_open_is_found_whatever_its_age(found: tuple[MessageStore, MessageSearch]) -> None:
    store, search = found
    store.put(record(message_id=OTHER_ID))
    ReconcileStateStore(calling(tables.client()), messages="messages", state="none").open(MESSAGE_ID, due=NOW)

    assert [each.message_id for each in open_records(search)] == [MESSAGE_ID]


def test_what_is_stuck_says_why() -> None:
    soon, later = START + timedelta(seconds=5), START + timedelta(hours=2)

    assert stuck(record(), now=soon) is None
    assert "answer is unknown" in str(stuck(record(), now=later))
    assert stuck(record(state=initial_state(attempt=1, at=NOW, provider="twilio")), now=later) is not None


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


class SparseQueue:
    """A queue on many servers: a short poll finds none of its messages."""

    def __init__(self, *bodies: str) -> None:
        self.left = [{"Body": body, "ReceiptHandle": body} for body in bodies]
        self.sent: list[str] = []

    def get_queue_attributes(self, **_: object) -> dict[str, object]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.left))}}

    def receive_message(self, *, WaitTimeSeconds: int = 0, **_: object) -> dict[str, object]:  # noqa: N803  # as boto3 names it
        return {"Messages": self.left[:1]} if WaitTimeSeconds else {}

    def send_message(self, *, MessageBody: str, **_: object) -> None:  # noqa: N803  # as boto3 names it
        self.sent.append(MessageBody)

    def delete_message(self, **_: object) -> None:
        del self.left[0]


def test_messages_that_a_short_poll_does_not_find_are_moved_and_published() -> None:
    # Found in scottjbarr/sqsmv#15
    moving: Any = SparseQueue("1", "2")
    assert [*Redrive(sqs=moving, source="a", target="b", rate=9, limit=9, sleep=lambda _: None).run()] == [1, 2]

    publishing: Any = SparseQueue(CHANGE)
    messages, bus = MemoryMessages(), MemoryBus()
    messages.put(record())
    again = Unpublished(sqs=publishing, source="a", messages=messages, bus=bus, policy=POLICY)
    assert [done for done, _ in again.run(9)] == [True]


def test_a_redrive_deletes_nothing_that_the_target_did_not_take(sqs: SQSClient) -> None:
    source = sqs.create_queue(QueueName="unmatched", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=source, MessageBody="a report")
    redrive = Redrive(sqs=sqs, source=source, target=f"{source}-is-gone", rate=9, limit=9)

    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        list(redrive.run())

    assert waiting(sqs, source) == 1


CHANGE, POINTER = json.dumps({"dynamodb": {"Keys": {"message_id": {"S": MESSAGE_ID}}}}), '{"DDBStreamBatchInfo": {}}'
"""A change of our message, and Lambda's pointer to a batch."""


def put_aside(sqs: SQSClient, url: str) -> str:
    for body in (CHANGE, POINTER):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    return url


@pytest.fixture
def aside(sqs: SQSClient) -> str:
    """The queue ``publish-failed``."""
    return put_aside(sqs, sqs.create_queue(QueueName="publish-failed")["QueueUrl"])


def unpublished(sqs: SQSClient, aside: str, bus: MemoryBus, *statuses: Status) -> list[str]:
    """What a redrive of it tells, once our message has had those reports."""
    messages = MemoryMessages()
    messages.put(record())
    for status in statuses:
        track(messages, MESSAGE_ID, [report(status)], now=NOW)
    again = Unpublished(sqs=sqs, source=aside, messages=messages, bus=bus, policy=POLICY, wait=0)
    return [told for _, told in again.run(9)]


def test_what_was_published_is_deleted_and_what_names_no_message_is_left_in_sight(sqs: SQSClient, aside: str) -> None:
    bus = MemoryBus()

    told = unpublished(sqs, aside, bus, Status.UNDELIVERED)

    assert sorted(told) == [f"{MESSAGE_ID}: published", LEFT]
    assert [json.loads(each.detail)["version"] for each in bus.events] == [2]
    (left,) = sqs.receive_message(QueueUrl=aside, MaxNumberOfMessages=10)["Messages"]
    assert left["Body"] == POINTER


def test_what_the_bus_refuses_stays(sqs: SQSClient, aside: str) -> None:
    told = unpublished(sqs, aside, MemoryBus(refuse=lambda _: True), Status.UNDELIVERED)

    assert sorted(told) == [f"{MESSAGE_ID}: ThrottlingException", LEFT]
    assert waiting(sqs, aside) == 2


def undelivered(count: int) -> Iterator[Record]:
    """So many messages that were not delivered, each read when it is asked for."""
    failed = fold([report(Status.UNDELIVERED, code="30003")], base=record().state)
    return (record(message_id=f"{MESSAGE_ID[:-4]}{number:04}", state=failed, version=2) for number in range(count))


def test_every_event_is_published_again_however_many_there_are() -> None:
    bus = MemoryBus()

    assert [*publish(events(undelivered(250), POLICY), bus)] == [100, 200, 250]
    assert len({json.loads(each.detail)["message_id"] for each in bus.events}) == 250


def test_publishing_again_ends_where_the_bus_refuses_and_reads_nothing_beyond() -> None:
    bus, left = MemoryBus(refuse=lambda each: f"{MESSAGE_ID[:-4]}0120" in each.detail), undelivered(250)

    with pytest.raises(ValueError, match="refused 1 of 100 after 100: ThrottlingException; run it again"):
        list(publish(events(left, POLICY), bus))

    assert len([*left]) == 50


def test_a_message_of_which_nothing_is_published_is_done_with(sqs: SQSClient, aside: str) -> None:
    bus = MemoryBus()

    assert f"{MESSAGE_ID}: nothing to publish, its status is sent" in unpublished(sqs, aside, bus, Status.SENT)
    assert (bus.events, waiting(sqs, aside)) == ([], 1)


Repair = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def deployed(sqs: SQSClient, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack in memory with one message."""
    stack = Stack("sms-tracker")
    tables.create(client("dynamodb"), "MessagesTable", "messages")
    stack.store = MessageStore(api("dynamodb"), "messages")
    stack.store.put(record())
    stack.bus, stack.policy = MemoryBus(), POLICY  # type: ignore[assignment]  # in memory
    names = {*SOURCES.values(), *TARGETS.values(), "PublishFailedQueueUrl"}
    stack.outputs = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
    stack.outputs |= {"MessagesTableName": "messages", "StateTableName": "none"}
    monkeypatch.setattr("ops.repair.Stack", lambda _: stack)
    return stack


@pytest.fixture
def repairing(deployed: Stack, capsys: pytest.CaptureFixture[str]) -> Repair:  # noqa: ARG001  # the command works on it
    def command(*arguments: str) -> tuple[int, list[str], list[str]]:
        code = main(arguments)
        told = capsys.readouterr()
        first, *rest = told.err.splitlines()
        assert first == "stack sms-tracker, region eu-west-1 (AWS_DEFAULT_REGION)"
        return code, told.out.splitlines(), rest

    return command


BY_ID, BY_TIME = ["--id", MESSAGE_ID], ["--from", NOW, "--to", NOW]
DRY = ["nothing was changed; run it again with --apply (APPLY=1)"]


@pytest.mark.parametrize("chosen", [BY_ID, BY_TIME, [*BY_TIME, "--apply"]])
def test_where_no_record_differs_rebuild_says_so(chosen: list[str], repairing: Repair) -> None:
    hint = [] if "--apply" in chosen else DRY

    assert repairing("rebuild", *chosen) == (0, ["messages read: 1; nothing to rebuild"], hint)


def test_rebuild_says_what_it_would_do_and_what_it_did(deployed: Stack, repairing: Repair) -> None:
    deployed.store.change(MESSAGE_ID, LATE)

    dry, done, again = (repairing("rebuild", *BY_ID, *apply) for apply in ([], ["--apply"], ["--apply"]))

    line = f"{MESSAGE_ID}: pending -> delivered"
    assert dry == (0, [f"{line} (would be written)", "messages read: 1; 1 would be rebuilt"], DRY)
    assert done == (0, [f"{line} (written)", "messages read: 1; 1 rebuilt"], [])
    assert again == (0, ["messages read: 1; nothing to rebuild"], [])


def test_a_record_that_changes_meanwhile_is_left_and_the_exit_code_says_so(
    deployed: Stack, repairing: Repair, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.store.change(MESSAGE_ID, LATE)
    monkeypatch.setattr(MessageStore, "change", lambda *_: NotWritten(None))

    skipped = [f"skipped: {MESSAGE_ID} changed during the run; run it again"]
    assert repairing("rebuild", *BY_ID, "--apply") == (1, ["messages read: 1; nothing to rebuild"], skipped)


def test_republish_says_what_it_would_do_what_it_did_and_what_is_published_where_there_was_nothing(
    deployed: Stack, repairing: Repair
) -> None:
    none = repairing("republish", *BY_ID, "--apply")
    track(deployed.store, MESSAGE_ID, [report(Status.UNDELIVERED, code="30003")], now=NOW)

    dry, done = repairing("republish", *BY_ID), repairing("republish", *BY_ID, "--apply")

    nothing = "messages read: 1; nothing to publish; the policy publishes undelivered"
    assert none == (0, [nothing], [])
    assert dry == (0, ["messages read: 1; 1 would be published again"], DRY)
    assert done == (0, ["1 published", "messages read: 1; 1 published again"], [])


def test_stuck_says_how_many_are_and_that_a_long_search_goes_on(
    deployed: Stack, repairing: Repair, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, told, hint = repairing("stuck", *BY_TIME)
    track(deployed.store, MESSAGE_ID, [report(Status.DELIVERED)], now=NOW)
    monkeypatch.setattr("ops.repair._PROGRESS", 1)

    assert (code, told[0].split()[0], told[1:], hint) == (0, MESSAGE_ID, ["messages read: 1; 1 stuck"], [])
    assert repairing("stuck", *BY_TIME) == (0, ["messages read: 1; none is stuck"], ["messages read: 1"])


@pytest.mark.parametrize("queue", [*SOURCES, "publish-failed"])
@pytest.mark.parametrize("apply", [[], ["--apply"]])
def test_an_empty_queue_has_nothing_to_move(queue: str, apply: list[str], repairing: Repair) -> None:
    hint = [] if apply else DRY

    assert repairing("redrive", queue, *apply) == (0, [f"nothing to move: {queue} shows no messages"], hint)


def test_redrive_says_what_it_would_do_and_what_it_did(deployed: Stack, repairing: Repair) -> None:
    for number in range(3):
        client("sqs").send_message(QueueUrl=deployed.output("UnmatchedQueueUrl"), MessageBody=str(number))

    dry, done = (repairing("redrive", "unmatched", "--limit", "2", "--rate", "1000", *do) for do in ([], ["--apply"]))

    would = "about 3 in unmatched: would move 2 to ReportsQueue, at most 1000 a second"
    assert dry == (0, [would], DRY)
    assert done == (
        0,
        [would.replace("would move", "moving"), "1 of 2 moved", "2 of 2 moved", "2 moved to ReportsQueue"],
        [],
    )


def test_redrive_of_what_was_not_published_says_what_is_left(deployed: Stack, repairing: Repair) -> None:
    track(deployed.store, MESSAGE_ID, [report(Status.UNDELIVERED, code="30003")], now=NOW)
    put_aside(client("sqs"), deployed.output("PublishFailedQueueUrl"))

    code, told, _ = repairing("redrive", "publish-failed", "--rate", "1000", "--apply")

    assert code == 0
    assert {f"{MESSAGE_ID}: published", LEFT} < {*told}
    assert told[-1] == "1 published or without event, 1 left: see above, or run it again"


def test_an_unpublished_change_whose_record_cannot_be_read_is_left_and_holds_up_no_other(
    deployed: Stack, repairing: Repair
) -> None:
    track(deployed.store, MESSAGE_ID, [report(Status.UNDELIVERED, code="30003")], now=NOW)
    item = to_item(record(message_id=OTHER_ID))
    del item["segments"]
    client("dynamodb").put_item(TableName="messages", Item=item)
    url = deployed.output("PublishFailedQueueUrl")
    for message_id in (OTHER_ID, MESSAGE_ID):
        body = json.dumps({"dynamodb": {"Keys": {"message_id": {"S": message_id}}}})
        client("sqs").send_message(QueueUrl=url, MessageBody=body)

    code, told, _ = repairing("redrive", "publish-failed", "--rate", "1000", "--apply")

    assert code == 0
    assert {f"{MESSAGE_ID}: published", f"left: record {OTHER_ID} cannot be read: KeyError"} < {*told}
    assert waiting(client("sqs"), url) == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--id", OTHER_ID], f"no message has the id {OTHER_ID}"),
        (["--id", MESSAGE_ID, "--open"], "exclude each other"),
        (["--open", "--from", NOW], "exclude each other"),
        (["--from", "2026-02-01", "--to", "2026-01-31"], "is after --to 2026-01-31T00:00:00.000Z"),
        (["--from", "9000-01-01T00:00:00Z"], "which is capped at now"),
        (["--from", "2000-01-01"], "exceeds the longest retention"),
    ],
)
def test_a_choice_of_no_messages_is_an_error(options: list[str], error: str, repairing: Repair) -> None:
    code, told, hint = repairing("rebuild", *options)

    assert (code, told) == (1, [])
    assert error in hint[0]


@pytest.mark.parametrize(
    "arguments",
    [
        *("rebuild --id=", "rebuild --id SM123", "republish --from= --to=", "republish --from yesterday"),
        *("republish --from 2026-02-30", "republish --from 0001-01-01T00:00:00+14:00", "republish --to 1999-12-31"),
        *("stuck --to 9999-12-31T23:59:59-14:00", "stuck --from 2026-W05-1", "stuck --apply", "stuck --stack="),
        *("redrive", "redrive reports", "redrive unmatched --limit 0", "redrive unmatched --limit -1"),
        *("redrive unmatched --rate 0", "redrive unmatched --rate nan", "redrive unmatched --rate fast"),
        *("redrive unmatched --rate 1e-300", f"redrive unmatched --id {MESSAGE_ID}"),
    ],
)
def test_an_option_without_sense_is_refused_before_anything_is_asked(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments.split())

    error = capsys.readouterr().err.splitlines()[-1]
    assert "_" not in error, "no name of our code"
    assert "is not a time such as 2026-01-31T12:00:00Z" in error or "W05" not in arguments


@pytest.mark.parametrize(
    ("chosen", "read"),
    [
        *((("--to", to), 1) for to in (NOW, NOW.lower(), START.strftime("%Y-%m-%dT%H:%MZ"))),
        *((("--to", START.strftime(f"%Y-%m-%dT%H:%M:%S{zone}")), 1) for zone in ("", "+00:00")),
        (("--to", START.strftime("%Y-%m-%dT%H:%M:%S+01:00")), 0),
        (("--from", NOW.lower(), "--to", NOW.replace("T", " ")), 1),
        (("--id", MESSAGE_ID.upper()), 1),
    ],
)
def test_times_are_rfc_3339_and_utc_without_an_offset_and_ids_in_either_case(
    chosen: tuple[str, ...], read: int, repairing: Repair
) -> None:
    _, told, _ = repairing("stuck", *chosen)

    assert told[-1].startswith(f"messages read: {read};")


def test_a_record_that_cannot_be_read_is_named_and_holds_up_no_other(repairing: Repair) -> None:
    item = to_item(record(message_id=OTHER_ID))
    del item["segments"]
    client("dynamodb").put_item(TableName="messages", Item=item)

    code, told, hint = repairing("stuck", "--from", NOW, "--to", NOW)

    assert (code, hint) == (1, [f"skipped: record {OTHER_ID} cannot be read: KeyError"])
    assert [line.split()[0] for line in told] == [MESSAGE_ID, "messages"]


@pytest.mark.parametrize("name", ["rebuild", "redrive", "republish", "stuck"])
def test_help_names_each_repair_which_describes_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], [name, "--help"]):
        with pytest.raises(SystemExit, match="0"):
            main(arguments)

    everything, _, own = capsys.readouterr().out.partition(f"usage: make repair {name}")
    assert name in everything
    assert len(own.split("\n\n")[1]) > 80

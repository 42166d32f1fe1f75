"""`make forget`: nothing of one person is left in records and queues, and nothing else is touched."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import boto3
import pytest

from ops.forget import Eraser, main, waits
from ops.queues import QUEUES, QueueScan
from ops.stack import Stack
from sms_tracker.aws.clients import api, client
from sms_tracker.aws.items import to_item
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.opt_out import Kind, Recipient, Statement
from sms_tracker.domain.record import Record, Send, SendPhase
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.read.messages import message_view
from sms_tracker.services.numbers import e164
from sms_tracker.services.publish import PublishPolicy, status_changed
from sms_tracker.services.track import track
from tests import tables
from tests.factories import MESSAGE_ID, NOW, TO, record, report
from tests.fakes import START
from tests.integration.stored_opt_outs import opt_out_store, register
from tests.opt_outs import blocked_by
from tests.unit.template_stack import source

OTHER_ID, OTHER_TO = "0b0e9f0a-53cf-4f13-9f0c-6a35d1a3f7df", "+316123456789"
SENT = report(Status.SENT)
FAILED = report(
    Status.UNDELIVERED,
    code="30003",
    failure=Failure(category=Category.TEMPORARY, reason=Reason.UNREACHABLE, code="30003", message="Jane is out"),
    details={"RawDlrDoneDate": "2601311200"},
)


@dataclass
class Deployed:
    """The stack in memory, and the command run on it."""

    capsys: pytest.CaptureFixture[str]
    personal_data: bool = False
    countries: frozenset[str] | None = None

    @cached_property
    def store(self) -> MessageStore:
        return MessageStore(api("dynamodb"), "messages", keep_raw_reports=True)

    @cached_property
    def queues(self) -> dict[str, str]:
        return {name: client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}

    def stack(self, name: str) -> Stack:
        stack = Stack(name)
        tables_named = {"MessagesTableName": "messages", "StateTableName": "state"}
        stack.outputs = {**tables_named, **{QUEUES[key]: url for key, url in self.queues.items()}}
        stack.opt_outs = opt_out_store(api("dynamodb"))
        stack.policy = PublishPolicy(statuses=frozenset(), personal_data=self.personal_data)
        stack.countries = self.countries
        return stack

    def forget(self, *arguments: str, to: str = TO) -> tuple[int, str]:
        code = main(["--to", to, *arguments], self.stack, wait=0)
        told = self.capsys.readouterr()
        return code, told.out + told.err

    def sent(self, *reports: Report, **values: Any) -> Record:
        made = record(body="Your parcel is here", **values)
        self.store.put(made)
        for each in reports:
            track(self.store, made.message_id, [each], now=NOW, phase=SendPhase.ANSWERED)
        return self.read(made.message_id)

    def read(self, message_id: str = MESSAGE_ID) -> Record:
        found = self.store.get(message_id)
        assert found is not None
        return found

    def item(self) -> dict[str, Any]:
        return dict(client("dynamodb").get_item(TableName="messages", Key={"message_id": {"S": MESSAGE_ID}})["Item"])


@pytest.fixture
def deployed(aws: None, capsys: pytest.CaptureFixture[str]) -> Deployed:  # noqa: ARG001  # moto is under the clients
    tables.create_both(client("dynamodb"))
    return Deployed(capsys)


def test_a_forgotten_record_tells_what_happened_and_not_to_whom(deployed: Deployed) -> None:
    before = deployed.sent(SENT, FAILED)

    code, told = deployed.forget("--apply")

    stored, after = json.dumps(deployed.item()), deployed.read()
    assert (code, "forgotten" in told) == (0, True)
    assert [each for each in (TO[1:], "parcel", "order-42", "Jane", "RawDlr") if each in stored] == []
    assert after.state.status == before.state.status
    assert (after.state.ids, after.version) == (before.state.ids, before.version)
    assert after.reports.keys() == before.reports.keys()
    assert after.fingerprint == before.fingerprint  # so that a repeated request is still not sent again
    assert (message_view(after)["to"], after.reference) == (None, None)
    assert after.state.failure is not None
    assert after.state.failure.failure.code == "30003"
    assert "0 records" in deployed.forget("--apply")[1]


def test_a_dry_run_names_everything_and_changes_nothing(deployed: Deployed) -> None:
    deployed.sent(FAILED)
    before = deployed.item()
    for name, body in (("unmatched", f'{{"To": "{TO}"}}'), ("publish-failed", TO)):
        client("sqs").send_message(QueueUrl=deployed.queues[name], MessageBody=body)

    for _ in range(2):
        code, told = deployed.forget()

        assert code == 0
        assert "would be forgotten" in told
        assert "queue unmatched: 1 would be deleted" in told
        assert "publish-failed: 1 would be deleted (consider a redrive first: make repair)" in told
        assert "nothing was changed" in told
        assert TO[1:] not in told
        assert deployed.item() == before


def test_records_of_every_client_are_found_and_of_no_other_number(deployed: Deployed) -> None:
    deployed.sent(FAILED, client="shop")
    deployed.sent(FAILED, client="bank", message_id=OTHER_ID, reference=None)
    neighbour = deployed.sent(FAILED, message_id="0b0e9f0a-53cf-4f13-9f0c-6a35d1a3f7d0", to=OTHER_TO)

    deployed.forget("--apply", to="+31 6 1234 5678")

    assert deployed.read().to == deployed.read(OTHER_ID).to == ""
    assert deployed.read(neighbour.message_id) == neighbour


def test_an_open_message_and_a_record_that_cannot_be_read_are_left_and_named_and_the_others_forgotten(
    deployed: Deployed,
) -> None:
    deployed.sent(FAILED)
    waiting = deployed.sent(SENT, message_id=MESSAGE_ID[::-1], reference=None)

    code, told = deployed.forget("--apply")
    assert (code, "open (sent)" in told, "1 have to wait" in told) == (1, True, True)
    assert (deployed.read().to, deployed.read(waiting.message_id).to) == ("", TO)

    item = to_item(replace(waiting, message_id=OTHER_ID))
    del item["segments"]
    client("dynamodb").delete_item(TableName="messages", Key={"message_id": {"S": waiting.message_id}})
    client("dynamodb").put_item(TableName="messages", Item=item)
    code, told = deployed.forget("--apply")
    assert (code, f"record {OTHER_ID} cannot be read: KeyError: skipped" in told) == (1, True)


def test_what_changed_since_the_record_was_read_is_forgotten_too_and_what_is_gone_is_not_made_anew(
    deployed: Deployed,
) -> None:
    read = deployed.sent(report(Status.FAILED))
    track(deployed.store, MESSAGE_ID, [FAILED], now=NOW)
    eraser = Eraser(client("dynamodb"), "messages")

    assert eraser.forget(read, now=START) == "forgotten"
    assert (deployed.read().to, "Jane" in json.dumps(deployed.item())) == ("", False)
    client("dynamodb").delete_item(TableName="messages", Key={"message_id": {"S": MESSAGE_ID}})
    assert eraser.forget(read, now=START) == "forgotten"
    assert deployed.store.get(MESSAGE_ID) is None


def test_a_late_report_still_corrects_a_forgotten_record(deployed: Deployed) -> None:
    deployed.sent(FAILED)
    deployed.forget("--apply")

    late = track(deployed.store, MESSAGE_ID, [report(Status.DELIVERED, recipient=TO)], now=NOW)

    assert late.decision == "applied"
    assert deployed.read().state.status is Status.DELIVERED
    assert TO[1:] not in json.dumps(deployed.item())


@pytest.mark.parametrize("personal_data", [False, True])
def test_forgetting_is_no_change_that_becomes_an_event(deployed: Deployed, *, personal_data: bool) -> None:
    deployed.personal_data = personal_data
    before = deployed.sent(FAILED)

    _, told = deployed.forget("--apply")

    policy = PublishPolicy(statuses=frozenset({"undelivered", "delivered"}), personal_data=personal_data)
    corrected = replace(deployed.read(), state=replace(before.state, status=Status.DELIVERED))
    later = status_changed(deployed.read(), corrected, policy)
    assert status_changed(before, deployed.read(), policy) is None
    assert later is not None
    assert "to" not in json.loads(later.detail())
    assert ("EventPersonalData" in told) == personal_data


def test_a_message_whose_answer_was_lost_waits_until_nothing_is_compared_with_it() -> None:
    given_up = report(Status.UNKNOWN, provider_message_id=None, source=Source.LOOKUP)
    state = replace(record().state, status=given_up.status or Status.UNKNOWN)
    lost = record(state=state)
    answered = replace(lost, send=Send(phase=SendPhase.ANSWERED, attempt=1, token="t", until=0))

    assert "may be compared" in str(waits(lost, now=START + timedelta(days=7)))
    assert waits(lost, now=START + timedelta(days=9)) is None
    assert waits(answered, now=START) is None


@pytest.mark.parametrize("written", [TO, TO[1:], f"00{TO[1:]}", f"to={TO[1:]}&", f'{{"S": "{TO}"}}'])
def test_a_queue_loses_what_names_the_number_in_any_form(deployed: Deployed, written: str) -> None:
    sqs, queue = client("sqs"), deployed.queues["unmatched"]
    others = [OTHER_TO, f"1{TO[1:]}", "a report of nobody"]
    for body in (*others, written):
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    found = QueueScan(sqs=sqs, queue=queue, number=TO, wait=0).run(apply=True)

    left = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert found == 1
    assert sorted(each["Body"] for each in left) == sorted(others)


def test_a_queue_with_more_than_may_be_looked_at_is_an_error_and_keeps_it(deployed: Deployed) -> None:
    sqs, queue = client("sqs"), deployed.queues["unmatched"]
    for number in range(25):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))

    with pytest.raises(ValueError, match="holds more"):
        QueueScan(sqs=sqs, queue=queue, number=TO, wait=0, limit=10).run(apply=True)

    waiting = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert waiting["ApproximateNumberOfMessages"] == "25"


@pytest.mark.parametrize(
    "wrong", ["0612345678", "Jane", "", "+31 6 1234567O", "+31 6 12345678 x9", "whatsapp:+31612345678"]
)
def test_what_is_no_international_number_is_refused_before_anything_is_looked_at(
    deployed: Deployed, wrong: str
) -> None:
    # Found in google/libphonenumber#1199, #1834, nyaruka/phonenumbers#63, daviddrysdale/python-phonenumbers#114
    with pytest.raises(SystemExit, match="2"):
        deployed.forget("--apply", to=wrong)
    with pytest.raises(ValueError, match=r"\w") as caught:
        e164(wrong, None)
    assert f"argument --to: {caught.value}" in deployed.capsys.readouterr().err


def test_a_national_number_is_read_as_the_deployment_reads_it(deployed: Deployed) -> None:
    deployed.countries = frozenset({"NL"})
    deployed.sent(FAILED)

    deployed.forget("--apply", to="06 1234 5678")

    assert deployed.read().to == ""


def test_a_person_is_forgotten_in_both_spellings_of_the_number(deployed: Deployed) -> None:
    deployed.sent(FAILED, to="+525512345678")
    deployed.sent(FAILED, to="+5215512345678", message_id=OTHER_ID, reference=None)
    client("sqs").send_message(QueueUrl=deployed.queues["unmatched"], MessageBody='{"recipient": "5215512345678"}')

    code, told = deployed.forget("--apply", to="+52 55 1234 5678")

    assert (code, deployed.read().to, deployed.read(OTHER_ID).to) == (0, "", "")
    assert "queue unmatched: 1 deleted" in told


def test_an_opt_out_stays_without_the_number_and_events_that_name_it_go(deployed: Deployed) -> None:
    recipient = Recipient(scope="all", number=TO)
    register().add(recipient, [Statement(kind=Kind.STOP, at=NOW, source="twilio")])

    assert "opt-outs: 1 would be kept" in deployed.forget()[1]
    code, told = deployed.forget("--apply")

    assert (code, "outbox: 1 deleted" in told, "opt-outs: 1 kept without the number" in told) == (0, True, True)
    assert blocked_by(register(), recipient) is not None
    for table in ("messages", "state"):
        assert TO not in json.dumps(client("dynamodb").scan(TableName=table)["Items"])


def test_a_fault_of_aws_is_one_line_that_says_to_run_it_again(deployed: Deployed) -> None:
    boto3.client("dynamodb").delete_table(TableName="messages")

    code, told = deployed.forget("--apply")

    assert code == 1
    assert told.splitlines()[0] == "stack sms-tracker, region eu-west-1 (AWS_DEFAULT_REGION)"
    assert told.splitlines()[1].startswith("error: ")
    assert told.endswith("run it again\n")


def test_every_queue_that_keeps_messages_for_people_is_looked_through() -> None:
    outputs = source()["Outputs"]
    consumed = {"ReportsQueueUrl", "InboundQueueUrl", "FailuresQueueUrl"}

    assert {name for name in outputs if name.endswith(("QueueUrl", "DlqUrl"))} == set(QUEUES.values()) | consumed

"""Faults at every AWS call of the publisher: after the stream resumed, the bus has had every event."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.botocore_stubber import MockRawResponse

from sms_tracker.aws.outbox import to_item
from sms_tracker.aws.store import stream_changes
from sms_tracker.domain.bus import BusEvent, OutboxItem
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.report import Report
from sms_tracker.domain.status import CORRECTIONS, Status
from sms_tracker.services.events import OPT_OUT_CHANGED, RECEIVED, SOURCE, STATUS_CHANGED
from sms_tracker.services.publish import Published, Publisher, PublishPolicy
from sms_tracker.services.track import track
from tests import factories
from tests.factories import NOW
from tests.integration.faults import DISTINCT, Cloud, Fault, Wire, every_call, survived

POLICY = PublishPolicy(statuses=frozenset({"failed", "undelivered", CORRECTIONS}), personal_data=False)
CALLS = ("SendMessage", "SendMessage", "PutEvents", "PutEvents")
STEPS: Sequence[Report] = (
    factories.report(Status.SENT),
    factories.report(Status.UNDELIVERED),
    factories.report(Status.UNDELIVERED, code="30003"),
    factories.report(Status.DELIVERED),
)
"""One message's life: no event, a failure, its code, a correction."""
BROKEN = {"006", "021"}
"""A record without a status and an outbox item without a detail."""
OUTBOX = {(kind, number) for kind in (RECEIVED, OPT_OUT_CHANGED) for number in range(2)}
Record = dict[str, Any]


def stream(cloud: Cloud) -> list[Record]:
    """The stream's records of four such lives and four outbox items, with two more that are broken."""
    dynamodb, store, records = cloud.settled.client("dynamodb"), cloud.store(cloud.settled), list[Record]()
    for _ in range(4):
        message_id = str(uuid4())
        key = {"message_id": {"S": message_id}}
        store.put(factories.record(message_id=message_id))
        for step in STEPS:
            old = dynamodb.get_item(TableName=cloud.table, Key=key)["Item"]
            track(store, message_id, [step], now=NOW)
            new = dynamodb.get_item(TableName=cloud.table, Key=key)["Item"]
            records.append({"eventName": "MODIFY", "dynamodb": {"Keys": key, "OldImage": old, "NewImage": new}})
    broken = deepcopy(records[5])
    del broken["dynamodb"]["NewImage"]["status"]
    for kind, number in sorted(OUTBOX):
        records.insert(5 * number, new_item(kind, number))
    without_detail = new_item(RECEIVED, 2)
    del without_detail["dynamodb"]["NewImage"]["detail"]
    records.insert(6, broken)
    records.insert(21, without_detail)
    for number, record in enumerate(records):
        record["dynamodb"]["SequenceNumber"] = f"{number:03d}"
    return records


def new_item(kind: str, number: int) -> Record:
    """The stream's record of an outbox item."""
    event = BusEvent(source=SOURCE, detail_type=kind, detail=json.dumps({"number": number}))
    item = to_item(OutboxItem(identity=f"{kind}#{number}", event=event, expires_at=1))
    return {"eventName": "INSERT", "dynamodb": {"Keys": {"message_id": item["message_id"]}, "NewImage": item}}


@dataclass
class Story:
    """A stream's batch, of sixteen events and two broken records, over one deployment."""

    cloud: Cloud
    records: list[Record]

    @property
    def expected(self) -> set[tuple[str, int]]:
        """Each message's failure, its code and its correction: what three of its four versions say."""
        changed = (record["dynamodb"] for record in self.records if record["eventName"] == "MODIFY")
        ids = {each["Keys"]["message_id"]["S"] for each in changed}
        return {(message_id, version) for message_id in ids for version in (3, 4, 5)}

    def publish(self, records: Sequence[Record], wire: Wire | None = None) -> list[Record]:
        """One process; returns what the stream hands over next: from where it says, or all where it failed."""
        line = wire or self.cloud.settled
        publisher = Publisher(bus=self.cloud.bus(line), failed=self.cloud.queue(line, "publish-failed"), policy=POLICY)
        try:
            published = survived(lambda: publisher.publish(stream_changes(list(records))))
        except SmsTrackerError:
            published = None
        return resumed(records, published)

    def check(self) -> None:
        """Every event is on the bus at least once; the broken records wait beside it; nothing else is there."""
        events = [json.loads(body) for body in self.cloud.waiting("events")]
        told = [(event["detail-type"], event["detail"]) for event in events]
        statuses = {(each["message_id"], each["version"]) for kind, each in told if kind == STATUS_CHANGED}
        assert statuses == self.expected
        assert {(kind, each["number"]) for kind, each in told if kind != STATUS_CHANGED} == OUTBOX
        aside = [json.loads(body)["dynamodb"]["SequenceNumber"] for body in self.cloud.waiting("publish-failed")]
        assert set(aside) == BROKEN


def resumed(records: Sequence[Record], published: Published | None) -> list[Record]:
    if published is None:
        return list(records)
    if published.resume_at is None:
        return []
    return [record for record in records if record["dynamodb"]["SequenceNumber"] >= published.resume_at]


@pytest.fixture(scope="module")
def records(make: Callable[[], Cloud]) -> list[Record]:
    return stream(make())


@pytest.fixture
def story(make: Callable[[], Cloud], records: list[Record]) -> Story:
    return Story(make(), records)


def test_these_are_all_the_calls_there_are(story: Story) -> None:
    wire = Wire(boto=True)
    assert story.publish(story.records, wire) == []
    assert tuple(wire.calls) == CALLS
    story.check()


@every_call({"batch": (CALLS, 0)}, [*DISTINCT, Fault.REJECTED])
def test_after_a_fault_at_any_call_the_bus_has_had_every_event(case: str, at: int, fault: Fault, story: Story) -> None:
    del case
    again = story.publish(story.records, Wire(fault, at, boto=True))
    assert story.publish(again) == []
    story.check()


class HalfTaken(Wire):
    """A bus that takes every other event of a call and throttles the rest."""

    def _send(self, request: AWSPreparedRequest, event_name: str, **more: object) -> AWSResponse | None:
        if not event_name.endswith("PutEvents"):
            return super()._send(request, event_name, **more)
        assert isinstance(request.body, bytes)
        entries = json.loads(request.body)["Entries"]
        request.body = json.dumps({"Entries": entries[::2]}).encode()
        super()._send(request, event_name, **more)
        refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "made up"}
        answers = [refused if number % 2 else {"EventId": str(number)} for number in range(len(entries))]
        body = json.dumps({"FailedEntryCount": len(entries) // 2, "Entries": answers})
        return AWSResponse(request.url, 200, {}, MockRawResponse(body))  # type: ignore[arg-type]  # as moto does


def test_entries_that_the_bus_does_not_take_are_put_again_until_it_has_each(story: Story) -> None:
    left, rounds = story.records, 0
    while left:
        following = story.publish(left, HalfTaken())
        assert len(following) < len(left)
        left, rounds = following, rounds + 1
    assert rounds > 1
    story.check()

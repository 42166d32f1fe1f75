"""EventBridge: each event is accepted, or its error is returned in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_tracker.aws.clients import calling
from sms_tracker.aws.messaging import EventBus
from sms_tracker.domain.bus import BusEvent
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal

TAKEN_BY_SQS = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""What the body of a message may hold, by the reference of SendMessage. moto takes anything."""


def event(number: int, size: int = 0) -> BusEvent:
    return BusEvent(source="s", detail_type="t", detail=json.dumps({"number": number, "fill": "x" * size}))


class RecordingClient:
    """PutEvents that refuses every entry whose detail names one of ``refused``; ``batches`` are what it was given."""

    def __init__(self, refused: Iterable[int] = ()) -> None:
        self.batches: list[list[Mapping[str, Any]]] = []
        self._refused = set(refused)

    def put_events(self, *, Entries: list[Mapping[str, Any]]) -> Mapping[str, Any]:  # noqa: N803  # as boto3 names it
        self.batches.append(Entries)
        failed = [json.loads(entry["Detail"])["number"] in self._refused for entry in Entries]
        answers = [{"ErrorCode": "ThrottlingException"} if each else {"EventId": "e"} for each in failed]
        return {"FailedEntryCount": sum(failed), "Entries": answers}


def bus(client: Any) -> EventBus:
    return EventBus(calling(client), "bus")


@pytest.mark.usefixtures("aws")
def test_events_arrive_on_the_bus_they_were_meant_for() -> None:
    events, sqs = boto3.client("events"), boto3.client("sqs")
    events.create_event_bus(Name="bus")
    url = sqs.create_queue(QueueName="consumer")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventBusName="bus", EventPattern=json.dumps({"source": ["s"]}))
    events.put_targets(Rule="all", EventBusName="bus", Targets=[{"Id": "consumer", "Arn": arn}])

    assert bus(events).put([event(1)]) == [None]

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    received = json.loads(message["Body"])
    assert (received["source"], received["detail-type"]) == ("s", "t")
    assert received["detail"]["number"] == 1


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("error", "why"), [(UNREACHABLE, "EndpointConnectionError"), (refusal("InternalException"), "InternalException")]
)
def test_a_call_that_fails_refuses_all_its_events_and_raises_nothing(error: Exception, why: str) -> None:
    recorder = CallRecorder(boto3.client("events"), error=error)

    assert bus(recorder.client).put([event(n) for n in range(12)]) == [f"PutEvents: {why}"] * 12
    assert recorder.names == ["PutEvents", "PutEvents"]


@pytest.mark.parametrize("refused", ["\ufffe", "\uffff"])
def test_a_rule_can_put_every_event_into_a_queue_whatever_characters_its_texts_have(refused: str) -> None:
    # Found in ministackorg/ministack#987, boto/boto3#1953
    client = RecordingClient()
    detail = json.dumps({"number": 1, "reference": f"é{refused}🐦"}, ensure_ascii=False)

    bus(client).put([BusEvent(source="s", detail_type="t", detail=detail)])

    ((entry,),) = client.batches
    assert TAKEN_BY_SQS.fullmatch(entry["Detail"])
    assert json.loads(entry["Detail"]) == {"number": 1, "reference": "é\ufffd🐦"}


@pytest.mark.parametrize(
    ("sizes", "batches"), [([], []), ([0] * 10, [10]), ([0] * 11, [10, 1]), ([0, 1_100_000, 0], [1, 1, 1])]
)
def test_a_call_has_ten_events_or_a_large_one_alone(sizes: list[int], batches: list[int]) -> None:
    client = RecordingClient()

    assert bus(client).put([event(number, size) for number, size in enumerate(sizes)]) == [None] * len(sizes)
    assert [len(batch) for batch in client.batches] == batches


def test_the_error_of_one_entry_is_returned_in_its_place() -> None:
    answers = bus(RecordingClient(refused=[3, 11])).put([event(n) for n in range(12)])

    assert [n for n, answer in enumerate(answers) if answer == "ThrottlingException"] == [3, 11]
    assert answers.count(None) == 10


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.sampled_from([0, 50_000, 99_000, 240_000, 600_000]), max_size=30))
def test_any_batch_keeps_to_ten_entries_and_one_megabyte_and_to_its_order(sizes: list[int]) -> None:
    client, events = RecordingClient(), [event(number, size) for number, size in enumerate(sizes)]

    answers = bus(client).put(events)

    assert answers == [None] * len(events)
    assert [entry["Detail"] for batch in client.batches for entry in batch] == [each.detail for each in events]
    for batch in client.batches:
        assert len(batch) <= 10
        assert sum(14 + len(entry["Source"] + entry["DetailType"] + entry["Detail"]) for entry in batch) <= 1_000_000


def test_an_event_is_counted_in_bytes_and_not_in_characters() -> None:
    assert BusEvent(source="s", detail_type="t", detail="ü").size == 14 + 1 + 1 + 2

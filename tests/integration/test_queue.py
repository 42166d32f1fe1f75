"""SQS: a message is there once send returns, or the caller knows that it is not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sms_tracker.aws.clients import calling, client
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.domain.errors import Rejected, SmsTrackerError, Unavailable
from tests.call_recorder import UNREACHABLE, Tap, refusal


@dataclass
class Rig:
    tap: Tap
    url: str
    queue: SqsQueue


@pytest.fixture
def rig(aws: None) -> Rig:  # noqa: ARG001  # moto is under the client
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="reports")["QueueUrl"]
    return Rig(Tap(sqs), url, SqsQueue(calling(sqs), url))


def test_a_message_that_was_sent_is_there(rig: Rig) -> None:
    rig.queue.send('{"v":1}')

    (message,) = rig.tap.client.receive_message(QueueUrl=rig.url, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == '{"v":1}'
    assert "MessageAttributes" not in message


def test_a_reason_travels_beside_the_body(rig: Rig) -> None:
    rig.queue.send("?", reason="the message is not JSON")

    (message,) = rig.tap.client.receive_message(QueueUrl=rig.url, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == "?"
    assert message["MessageAttributes"]["reason"]["StringValue"] == "the message is not JSON"


def test_a_delay_is_asked_for_only_where_there_is_one(rig: Rig) -> None:
    rig.queue.send("now")
    rig.queue.send("later", delay_seconds=15)

    (_, first), (_, second) = rig.tap.calls
    assert "DelaySeconds" not in first
    assert second["DelaySeconds"] == 15


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UNREACHABLE, Unavailable("SendMessage: EndpointConnectionError")),
        (refusal("ThrottlingException"), Unavailable("SendMessage: ThrottlingException")),
        (refusal("AccessDenied"), Unavailable("SendMessage: AccessDenied")),
        (refusal("QueueDoesNotExist"), Unavailable("SendMessage: QueueDoesNotExist")),
        (refusal("InvalidMessageContents"), Rejected("SendMessage: InvalidMessageContents")),
    ],
)
def test_a_message_that_was_not_taken_raises_without_a_word_of_it(
    rig: Rig, error: Exception, expected: SmsTrackerError
) -> None:
    rig.tap.error = error

    with pytest.raises(type(expected)) as caught:
        rig.queue.send("a body")

    assert str(caught.value) == str(expected)


def test_a_queue_that_is_gone_is_unavailable(rig: Rig) -> None:
    rig.tap.client.delete_queue(QueueUrl=rig.url)

    with pytest.raises(Unavailable):
        rig.queue.send("a body")


def test_a_queue_answers_a_ping_or_is_unavailable(rig: Rig) -> None:
    rig.queue.ping()
    rig.tap.error = UNREACHABLE

    with pytest.raises(Unavailable, match="GetQueueAttributes"):
        rig.queue.ping()

"""SQS: the message is in the queue once ``send`` returns, otherwise it raises."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sms_tracker.aws.clients import calling, client
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.domain.errors import Rejected, SmsTrackerError, Unavailable
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal


@dataclass
class Setup:
    recorder: CallRecorder
    url: str
    queue: SqsQueue


@pytest.fixture
def setup(aws: None) -> Setup:  # noqa: ARG001  # moto is under the client
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="reports")["QueueUrl"]
    return Setup(CallRecorder(sqs), url, SqsQueue(calling(sqs), url))


@pytest.mark.parametrize("reason", [None, "the message is not JSON"])
def test_a_message_that_was_sent_is_there_with_its_reason_beside_it(setup: Setup, reason: str | None) -> None:
    setup.queue.send('{"v":1}', reason=reason)

    (message,) = setup.recorder.client.receive_message(QueueUrl=setup.url, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == '{"v":1}'
    assert message.get("MessageAttributes", {}).get("reason", {}).get("StringValue") == reason


def test_the_delay_is_sent_only_if_there_is_one(setup: Setup) -> None:
    setup.queue.send("now")
    setup.queue.send("later", delay_seconds=15)

    (_, first), (_, second) = setup.recorder.calls
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
    setup: Setup, error: Exception, expected: SmsTrackerError
) -> None:
    setup.recorder.error = error

    with pytest.raises(type(expected)) as caught:
        setup.queue.send("a body")

    assert str(caught.value) == str(expected)


def test_a_queue_answers_a_ping_or_is_unavailable(setup: Setup) -> None:
    setup.queue.ping()
    setup.recorder.error = UNREACHABLE

    with pytest.raises(Unavailable, match="GetQueueAttributes"):
        setup.queue.ping()

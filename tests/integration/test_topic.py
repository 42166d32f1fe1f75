"""SNS: people are notified, otherwise ``publish`` raises."""

from __future__ import annotations

import json

import boto3
import pytest

from sms_tracker.aws.clients import calling
from sms_tracker.aws.messaging import SnsTopic
from sms_tracker.domain.errors import Rejected, Unavailable
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal

pytestmark = pytest.mark.usefixtures("aws")


def test_a_notification_reaches_who_subscribed() -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    arn = sns.create_topic(Name="alerts")["TopicArn"]
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    inbox = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=inbox)

    SnsTopic(calling(sns), arn).publish("2 messages not delivered", "2 x twilio, unreachable")

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    told = json.loads(message["Body"])
    assert (told["Subject"], told["Message"]) == ("2 messages not delivered", "2 x twilio, unreachable")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UNREACHABLE, Unavailable),
        (refusal("KMSAccessDenied"), Unavailable),
        (refusal("Throttled"), Unavailable),
        (refusal("InvalidParameterValue"), Rejected),
    ],
)
def test_what_was_not_told_raises_without_its_text(error: Exception, kind: type[Exception]) -> None:
    recorder = CallRecorder(boto3.client("sns"), error=error)

    with pytest.raises(kind) as caught:
        SnsTopic(calling(recorder.client), "arn:aws:sns:eu-west-1:123456789012:alerts").publish("subject", "a text")

    assert str(caught.value).startswith("Publish: ")
    assert "text" not in str(caught.value)

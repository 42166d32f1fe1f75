"""The template's queues: who consumes them, and where what fails goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.template_stack import Resource, stack

TWO_WEEKS = 14 * 24 * 3600
QUEUES = sorted(stack().of("AWS::SQS::Queue"))
DEAD_LETTER_QUEUES = {"ReportsQueue": "ReportsDlq", "InboundQueue": "InboundDlq", "FailuresQueue": "FailuresDlq"}
NOT_CONSUMED = {
    **dict.fromkeys(
        ("ReportsDlq", "InboundDlq", "FailuresDlq", "FailureRuleDlq"), "a person looks at it and redrives it"
    ),
    "UnmatchedQueue": "a person looks at reports that are not ours",
    "PublishFailedQueue": "a person looks at it and republishes from the table",
}


def properties(name: str, **parameters: str) -> Mapping[str, Any]:
    return stack(**parameters).properties(name)


def consumers(**parameters: str) -> dict[str, Resource]:
    """The event source mappings of queues, by queue."""
    mappings = stack(**parameters).of("AWS::Lambda::EventSourceMapping").values()
    sources = {mapping.properties["EventSourceArn"].removesuffix(".Arn"): mapping for mapping in mappings}
    return {queue: mapping for queue, mapping in sources.items() if queue in QUEUES}


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_is_encrypted_long_polled_and_keeps_two_weeks(queue: str) -> None:
    assert properties(queue)["SqsManagedSseEnabled"] is True
    assert properties(queue)["ReceiveMessageWaitTimeSeconds"] == 20
    assert properties(queue)["MessageRetentionPeriod"] == TWO_WEEKS


def test_every_queue_has_a_consumer_or_a_stated_reason() -> None:
    assert set(consumers()) == set(DEAD_LETTER_QUEUES)
    assert set(consumers()) | set(NOT_CONSUMED) == set(QUEUES)
    assert not set(consumers()) & set(NOT_CONSUMED)


@pytest.mark.parametrize("queue", DEAD_LETTER_QUEUES)
def test_a_consumed_queue_has_a_dead_letter_queue_that_serves_it_alone_for_only_what_failed(queue: str) -> None:
    dead, name = DEAD_LETTER_QUEUES[queue], properties(queue)["QueueName"]
    sources = [f"arn:aws:sqs:region:account:{name}"]
    assert properties(queue)["RedrivePolicy"]["deadLetterTargetArn"] == f"{dead}.Arn"
    assert properties(dead)["RedriveAllowPolicy"] == {"redrivePermission": "byQueue", "sourceQueueArns": sources}
    assert consumers()[queue].properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("queue", sorted(set(QUEUES) - set(DEAD_LETTER_QUEUES.values())))
def test_no_queue_can_make_a_dead_letter_queue_of_one_that_is_none(queue: str) -> None:
    assert properties(queue)["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}


@pytest.mark.parametrize("queue", ["ReportsQueue", "InboundQueue"])
def test_reports_and_replies_outlast_an_outage_of_hours_before_they_count_as_dead(queue: str) -> None:
    found = properties(queue)
    assert found["RedrivePolicy"]["maxReceiveCount"] * found["VisibilityTimeout"] > 12 * 3600
    assert found["RedrivePolicy"]["maxReceiveCount"] <= 1000  # what SQS takes


@pytest.mark.parametrize(
    ("queue", "function", "longest"),
    [
        ("ReportsQueue", "ProcessorFunction", 10),
        ("InboundQueue", "InboundFunction", 0),
        ("FailuresQueue", "DigestFunction", 60),
    ],
)
def test_a_batch_stays_invisible_for_six_timeouts_and_the_longest_window(
    queue: str, function: str, longest: int
) -> None:
    consumer = consumers(ProcessorBatchWindow="10")[queue].properties
    assert consumer["FunctionName"] == function
    assert int(consumer.get("MaximumBatchingWindowInSeconds", 0)) == longest
    assert properties(queue)["VisibilityTimeout"] >= 6 * properties(function)["Timeout"] + longest


@pytest.mark.parametrize(
    ("parameters", "size", "window"),
    [
        ({}, 10, "0"),
        ({"ProcessorBatchWindow": "0"}, 10, "0"),
        ({"ProcessorBatchWindow": "1"}, 50, "1"),
        ({"ProcessorBatchWindow": "10"}, 50, "10"),
        ({"Preset": "volume"}, 50, "10"),
        ({"Preset": "volume", "ProcessorBatchWindow": "0"}, 10, "0"),
        ({"Preset": "volume", "ProcessorBatchWindow": "5"}, 50, "5"),
    ],
)
def test_reports_are_taken_by_ten_at_once_and_by_more_where_they_wait_for_each_other(
    parameters: dict[str, str], size: int, window: str
) -> None:
    consumer = consumers(**parameters)["ReportsQueue"].properties
    # A window is edited in the mapping Presets.
    assert (consumer["BatchSize"], consumer["MaximumBatchingWindowInSeconds"]) == (size, window)
    assert size <= 10 or int(window) >= 1  # what Lambda demands


def test_people_are_told_once_a_minute_by_few_digests() -> None:
    consumer = consumers()["FailuresQueue"].properties
    assert consumer["MaximumBatchingWindowInSeconds"] == 60
    assert consumer["BatchSize"] >= 1000
    assert consumer["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_changes_are_published_at_once_unless_the_preset_has_them_gather() -> None:
    def window(**parameters: str) -> str:
        mappings = stack(**parameters).of("AWS::Lambda::EventSourceMapping").values()
        (changes,) = [each.properties for each in mappings if "FilterCriteria" in each.properties]
        return str(changes["MaximumBatchingWindowInSeconds"])

    assert (window(), window(Preset="volume")) == ("0", "10")

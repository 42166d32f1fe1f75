"""Half an hour in which no report can be written: which alarms speak, and why the queue's age is none of them."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.cloud import AWS, Cloud, cold_start, sample
from tests.cloudwatch import Metric, Period, Queue, in_alarm, measured, period_of
from tests.unit.template_stack import environment, stack

MINUTE = 60
HALF_AN_HOUR = 30 * MINUTE
ALARMS = {
    each.properties["AlarmName"].removeprefix("stack-"): each.properties
    for each in stack(Alarms="all").of("AWS::CloudWatch::Alarm").values()
}
VISIBILITY: float = stack().properties("ReportsQueue")["VisibilityTimeout"]
Samples = list[tuple[float, Mapping[Metric, Sequence[float]]]]


def of_queue(queue: Queue, at: float) -> dict[Metric, list[float]]:
    dimensions = frozenset({("QueueName", "ReportsQueue.QueueName")})
    values = queue.measured(at=at).items()
    return {Metric(namespace="AWS/SQS", name=name, dimensions=dimensions): [value] for name, value in values}


def in_periods(samples: Samples, seconds: int) -> list[Period]:
    periods: list[dict[Metric, list[float]]] = [defaultdict(list) for _ in range(math.ceil(HALF_AN_HOUR / seconds))]
    for at, metrics in samples:
        for metric, values in metrics.items():
            periods[int(at // seconds)][metric].extend(values)
    return list(periods)


def firing(samples: Samples) -> set[str]:
    """The alarms that are on after the half hour."""
    return {name for name, alarm in ALARMS.items() if in_alarm(alarm, after_quiet(alarm, samples))}


def after_quiet(alarm: Mapping[str, Any], samples: Samples) -> list[Period]:
    """The half hour's periods, after empty ones where the alarm looks further back."""
    periods = in_periods(samples, period_of(alarm))
    return [{}] * (alarm["EvaluationPeriods"] - len(periods)) + periods


def event(queue: Queue, at: float) -> dict[str, Any]:
    """What Lambda makes of the messages that it takes; each has its place in the queue as id."""
    (first, *_) = sample("processor")["Records"]
    taken = [(queue.messages.index(message), message.body) for message in queue.receive(at=at)]
    return {"Records": [{**first, "messageId": str(number), "body": body} for number, body in taken]}


@pytest.fixture
def processor(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ARG001  # AWS stands behind it
    variables = environment("processor")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", variables["POWERTOOLS_METRICS_NAMESPACE"])
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "")
    return cold_start("processor")


def test_a_processor_that_cannot_write_raises_an_alarm_though_no_invocation_fails_and_no_report_looks_old(
    processor: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    AWS.dynamodb.delete_table(TableName="messages")
    queue, samples = Queue(VISIBILITY), Samples()
    (first, *_) = sample("processor")["Records"]

    for at in range(0, HALF_AN_HOUR, MINUTE):
        if at < 10 * MINUTE:
            queue.send(first["body"], at=at)
        batch = event(queue, at)
        capsys.readouterr()
        answer = processor(batch, object())
        assert len(answer["batchItemFailures"]) == len(batch["Records"])  # and none is deleted
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        samples += [(at, measured(lines)), (at, of_queue(queue, at))]

    assert firing(samples) == {"reports-failing"}


@pytest.mark.parametrize(
    ("a_minute", "polled", "alarm"),
    [
        pytest.param(150, True, "reports-queue-deep", id="the poller has them and no concurrency to hand them over"),
        pytest.param(0, False, "reports-queue-old", id="nothing takes the one report"),
    ],
)
def test_reports_that_no_processor_gets_raise_the_alarm_on_depth_or_on_age(
    a_minute: int, alarm: str, *, polled: bool
) -> None:
    queue, samples = Queue(VISIBILITY), Samples()
    queue.send("a report", at=0)

    for at in range(0, HALF_AN_HOUR, MINUTE):
        for _ in range(a_minute if at < 10 * MINUTE else 0):
            queue.send("a report", at=at)
        if polled:
            queue.receive(at=at)
        samples.append((at, of_queue(queue, at)))

    assert firing(samples) == {alarm}

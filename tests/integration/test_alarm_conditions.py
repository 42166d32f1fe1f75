"""Every alarm of the template, its condition brought about: by the functions themselves, or in AWS's own metrics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from sms_tracker.aws.clients import calling
from sms_tracker.aws.reconcile_state import StatisticsStore
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.hourly_stats import HourlyStats, Tally, hour_of
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Status
from sms_tracker.providers.bird.endpoint import EVENTS
from sms_tracker.services.track import track
from tests.cloud import AWS, SECRETS, SID, Cloud, Handler, cold_start, put_answered, sample
from tests.cloudwatch import Metric, Period, in_alarm, measured, shown, watched
from tests.factories import report
from tests.scripted_server import Reply, serving
from tests.unit.template_stack import environment, stack

EVERYTHING = stack(Alarms="all", Dashboard="on", GradualDeployment="true")
ALARMS = {
    each.properties["AlarmName"].removeprefix("stack-"): each.properties
    for each in EVERYTHING.of("AWS::CloudWatch::Alarm").values()
}
READ = {metric for alarm in ALARMS.values() for metric in watched(alarm)} | shown(EVERYTHING)
FUNCTIONS = ("send", "webhook", "processor", "publisher", "digest", "query", "authorizer", "reconciler", "inbound")
DEPTHS = {"ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"}
DOCUMENTED = {
    "AWS/SQS": ("QueueName", "AWS::SQS::Queue", {*DEPTHS, "ApproximateAgeOfOldestMessage"}),
    "AWS/Scheduler": ("ScheduleGroup", "AWS::Scheduler::ScheduleGroup", {"InvocationAttemptCount"}),
    "AWS/Lambda": ("FunctionName", "AWS::Lambda::Function", {"Errors", "Throttles", "Duration", "IteratorAge"}),
}
"""AWS's own metrics as the services' documentation names them, and the dimension that each is there by. The unit is its
own too: messages, seconds, invocations, and milliseconds for ``Duration`` and ``IteratorAge``."""


@dataclass
class Deployment:
    """The functions with what they measured; what AWS would have measured of them is added by hand."""

    cloud: Cloud
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    stack: ExitStack
    measures: dict[Metric, list[float]] = field(default_factory=dict)
    _started: dict[str, Handler] = field(default_factory=dict)

    def invoke(self, function: str, event: Mapping[str, Any], *, times: int = 1) -> None:
        """Run a function, whatever comes of it; AWS counts the exceptions."""
        variables = environment(function)
        self.patch.setenv("POWERTOOLS_METRICS_NAMESPACE", variables["POWERTOOLS_METRICS_NAMESPACE"])
        assert variables["POWERTOOLS_SERVICE_NAME"] == function
        handler = self._started.get(function) or self._started.setdefault(function, cold_start(function))
        for _ in range(times):
            self.capsys.readouterr()
            raised = 0
            try:
                handler(event, object())
            except Exception:  # noqa: BLE001  # as Lambda does
                raised = 1
            lines = self.capsys.readouterr().out.splitlines()
            self._add(measured([json.loads(line) for line in lines if line.startswith("{")]))
            self.by_aws("AWS/Lambda", "Errors", f"{function.title()}Function", raised)

    def by_aws(self, namespace: str, name: str, resource: str, *values: float) -> None:
        """AWS's own metric of a resource."""
        dimension, kind, _ = DOCUMENTED[namespace]
        assert resource in stack().of(kind)
        named = f"{resource}.QueueName" if dimension == "QueueName" else resource
        metric = Metric(namespace=namespace, name=name, dimensions=frozenset({(dimension, named)}))
        self._add({metric: values})

    def depth(self, queue: str, resource: str) -> None:
        """What is in a queue."""
        found = AWS.sqs.get_queue_attributes(QueueUrl=self.cloud.queues[queue], AttributeNames=["All"])["Attributes"]
        depth = float(found["ApproximateNumberOfMessages"])
        self.by_aws("AWS/SQS", "ApproximateNumberOfMessagesVisible", resource, depth)

    def answer(self, reply: Reply) -> None:
        """Have the provider answer so from now on."""
        url = f"http://127.0.0.1:{self.stack.enter_context(serving(reply)).port}"
        value = json.dumps({**SECRETS["twilio"], "api_url": url})
        AWS.ssm.put_parameter(Name="/stack/secrets/twilio", Value=value, Type="SecureString", Overwrite=True)

    def _add(self, measures: Mapping[Metric, Sequence[float]]) -> None:
        for metric, values in measures.items():
            self.measures.setdefault(metric, []).extend(values)


@pytest.fixture
def deployment(cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "ERROR")  # metrics are no matter of level
    with ExitStack() as stack:
        yield lambda: Deployment(cloud, capsys, monkeypatch, stack)


Act = Callable[[Deployment], None]


@dataclass(frozen=True)
class Row:
    """What brings an alarm's condition about, and what comes near to it and does not."""

    fault: Act
    sound: Act


def aws(namespace: str, name: str, resource: str, *, fault: Sequence[float], sound: Sequence[float]) -> Row:
    """A metric of AWS's own with these values in each period."""
    return Row(
        fault=lambda at: at.by_aws(namespace, name, resource, *fault),
        sound=lambda at: at.by_aws(namespace, name, resource, *sound),
    )


def raising(function: str, name: str, *, gone: str | None = None) -> Row:
    """An exception: of an event that is none, or where a table is ``gone``."""

    def fault(at: Deployment) -> None:
        if gone:
            AWS.dynamodb.delete_table(TableName=gone)
        at.invoke(function, sample(name) if gone else {})

    return Row(fault=fault, sound=lambda at: at.invoke(function, sample(name)))


def webhook(at: Deployment, times: int = 1, **changes: Any) -> None:
    at.invoke("webhook", {**sample("webhook-twilio"), **changes}, times=times)


def queue_gone(at: Deployment) -> None:
    AWS.sqs.delete_queue(QueueUrl=at.cloud.queues["reports"])
    webhook(at)


def sends(at: Deployment, times: int, reply: Reply) -> None:
    at.answer(reply)
    at.invoke("send", sample("send"), times=times)


def limited(at: Deployment, daily_cap: int, times: int = 1) -> None:
    """So many sends to one country where a client may send ``daily_cap`` messages a day."""
    AWS.ssm.put_parameter(Name="/stack/limits", Value=json.dumps({"daily_cap": daily_cap}), Type="String")
    sends(at, times, TAKEN)


def reported(at: Deployment, *changes: Mapping[str, str]) -> None:
    """One batch of reports on the sample's message, each with some fields of its own."""
    (first, *_) = sample("processor")["Records"]
    envelope = json.loads(first["body"])
    bodies = [json.dumps({**envelope, "fields": {**envelope["fields"], **each}}) for each in changes]
    records = [{**first, "messageId": str(number), "body": body} for number, body in enumerate(bodies)]
    at.invoke("processor", {"Records": records})


def published(at: Deployment, *, readable: bool) -> None:
    event = sample("publisher")
    if not readable:
        del event["Records"][2]["dynamodb"]["NewImage"]["status"]
    at.invoke("publisher", event)
    at.depth("publish-failed", "PublishFailedQueue")


def batch(function: str, queue: str, resource: str, records: slice) -> Act:
    """Handle these records of the function's sample, and look into its dead-letter queue."""

    def act(at: Deployment) -> None:
        at.invoke(function, {"Records": sample(function)["Records"][records]})
        at.depth(queue, resource)

    return act


processed = partial(batch, "processor", "reports-dlq", "ReportsDlq")
replied = partial(batch, "inbound", "inbound-dlq", "InboundDlq")


def taken_messages(at: Deployment, *, heard_of: int) -> None:
    """Five messages a quarter of an hour old, of which so many had a report; then the reconciler runs."""
    for number in range(5):
        message_id, known = put_answered(timedelta(minutes=15), number=number)
        if number < heard_of:
            store = MessageStore(calling(AWS.dynamodb), "messages")
            track(store, message_id, [report(Status.SENT, **known)], now=known["received"])
    at.invoke("reconciler", sample("reconciler"))


def endpoints(at: Deployment, *statuses: str) -> None:
    """The reconciler runs where Bird lists endpoints at our address in these states."""
    url = "https://sms.example.com/webhooks/bird"
    listed = [{"id": "whk_1", "url": url, "status": status, "events": EVENTS} for status in statuses]
    page = json.dumps({"data": listed, "next_cursor": None}).encode()
    api_url = f"http://127.0.0.1:{at.stack.enter_context(serving(Reply(200, page))).port}"
    document = {"api_key": "bk_us1_example", "category": "service", "api_url": api_url}
    AWS.ssm.put_parameter(Name="/stack/secrets/bird", Value=json.dumps(document), Type="SecureString")
    at.patch.setenv("PROVIDERS", "twilio,messagebird,bird")
    at.patch.setenv("SENDERS", "twilio=+15551234567,messagebird=,bird=")
    at.invoke("reconciler", sample("reconciler"))


def counted(at: Deployment, *cohorts: tuple[int, int, Mapping[str, int]]) -> None:
    """Hours so many hours ago, with the bucket of their deliveries and their statuses; then the counting runs."""
    now = datetime.now(UTC)
    store = StatisticsStore(calling(AWS.dynamodb), "state")
    for ago, bucket, statuses in cohorts:
        tally = Tally(statuses=Counter(statuses), seconds=Counter({bucket: statuses.get("delivered", 0)}))
        store.put(
            HourlyStats(
                hour=timestamp(hour_of(now) - timedelta(hours=ago)),
                computed_at=timestamp(now + timedelta(hours=1)),  # so that what is counted now does not replace it
                final=True,
                sums={("twilio", "shop"): tally},
            )
        )
    at.invoke("reconciler", sample("reconciler-statistics"))


def scheduled(at: Deployment) -> None:
    """Scheduler starts the reconciler."""
    at.by_aws("AWS/Scheduler", "InvocationAttemptCount", "ReconcileScheduleGroup", 1)
    at.invoke("reconciler", sample("reconciler"))


def without_messages(act: Act) -> Act:
    """``act`` where the table is gone."""

    def fault(at: Deployment) -> None:
        AWS.dynamodb.delete_table(TableName="messages")
        act(at)

    return fault


def deep(at: Deployment, *, visible: int, flying: int) -> None:
    at.by_aws("AWS/SQS", "ApproximateNumberOfMessagesVisible", "ReportsQueue", visible)
    at.by_aws("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "ReportsQueue", flying)


TAKEN = Reply(201, json.dumps({"sid": SID, "status": "queued"}).encode())
UNWELL = Reply(503, b"")
TEMPORARILY = Reply(400, json.dumps({"code": 21610, "message": "unsubscribed", "status": 400}).encode())
WRONG_TOKEN = Reply(401, json.dumps({"code": 20003, "message": "Authenticate", "status": 401}).encode())
SOUND = {"delivered": 95, "failed": 5}

TABLE: Mapping[str, Row] = {
    "reports-dlq": Row(processed(slice(None)), processed(slice(3))),
    "inbound-dlq": Row(replied(slice(None)), replied(slice(4))),
    "unmatched": Row(processed(slice(3, 4)), processed(slice(3))),
    "publish-failed": Row(partial(published, readable=False), partial(published, readable=True)),
    "failures-dlq": aws("AWS/SQS", "ApproximateNumberOfMessagesVisible", "FailuresDlq", fault=[0, 1], sound=[0, 0]),
    "failure-rule-dlq": aws("AWS/SQS", "ApproximateNumberOfMessagesVisible", "FailureRuleDlq", fault=[1], sound=[0]),
    "reports-queue-old": aws("AWS/SQS", "ApproximateAgeOfOldestMessage", "ReportsQueue", fault=[30, 301], sound=[300]),
    "reports-queue-deep": Row(lambda at: deep(at, visible=1, flying=1000), lambda at: deep(at, visible=1000, flying=0)),
    "reports-failing": Row(
        without_messages(lambda at: reported(at, {"MessageStatus": "sent"})),
        lambda at: reported(at, {"MessageStatus": "sent"}),
    ),
    "send-exceptions": raising("send", "send"),
    "exceptions": raising("digest", "digest"),
    "webhook-throttled": aws("AWS/Lambda", "Throttles", "WebhookFunction", fault=[0, 1], sound=[0, 0]),
    "webhook-slow": aws(
        "AWS/Lambda", "Duration", "WebhookFunction", fault=[40] * 98 + [6000] * 2, sound=[40] * 99 + [6000]
    ),
    "webhook-unavailable": Row(queue_gone, webhook),
    "signatures-refused": Row(lambda at: webhook(at, 21, headers={}), lambda at: webhook(at, 20, headers={})),
    "receipts-silent": Row(lambda at: taken_messages(at, heard_of=0), lambda at: taken_messages(at, heard_of=1)),
    "endpoint-down": Row(lambda at: endpoints(at, "paused"), lambda at: endpoints(at, "degraded")),
    "send-errors": Row(lambda at: sends(at, 6, UNWELL), lambda at: sends(at, 5, UNWELL)),
    "account-refused": Row(lambda at: sends(at, 1, WRONG_TOKEN), lambda at: sends(at, 1, TEMPORARILY)),
    "limits-exceeded": Row(lambda at: limited(at, 0), lambda at: limited(at, 1)),
    "new-countries": Row(lambda at: limited(at, 100, 11), lambda at: limited(at, 100, 10)),
    "publisher-behind": aws("AWS/Lambda", "IteratorAge", "PublisherFunction", fault=[50, 301_000], sound=[299_000]),
    "reports-unrecognised": Row(
        lambda at: reported(at, {"MessageStatus": "teleported"}), lambda at: reported(at, {"MessageStatus": "sent"})
    ),
    "second-provider-ids": Row(
        lambda at: reported(at, {"MessageStatus": "sent"}, {"MessageSid": "SM" + "f" * 32}),
        lambda at: reported(at, {"MessageStatus": "sent"}, {"MessageStatus": "delivered"}),
    ),
    "reconciler-silent": Row(without_messages(scheduled), scheduled),
    "delivery-rate-down": Row(
        lambda at: counted(at, (4, 3, {"delivered": 80, "failed": 20}), (48, 3, SOUND)),
        lambda at: counted(at, (4, 3, {"delivered": 90, "failed": 10}), (48, 3, SOUND)),
    ),
    "delivery-slow": Row(
        lambda at: counted(at, (4, 6, SOUND), (48, 3, SOUND)), lambda at: counted(at, (4, 4, SOUND), (48, 3, SOUND))
    ),
    "tracking-burn": Row(
        lambda at: counted(at, (9, 3, {"delivered": 93, "unknown": 7})),
        lambda at: counted(at, (9, 3, {"delivered": 94, "sent": 6})),
    ),
}
each_alarm = pytest.mark.parametrize("name", TABLE)


def test_every_alarm_has_a_row() -> None:
    assert TABLE.keys() == ALARMS.keys()


@each_alarm
def test_an_alarm_speaks_once_the_fault_lasts_and_not_before(name: str, deployment: Callable[[], Deployment]) -> None:
    alarm, faulty = ALARMS[name], deployment()
    TABLE[name].fault(faulty)
    quiet: Period = {}
    wanted = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])

    lasting = [quiet] * alarm["EvaluationPeriods"] + [faulty.measures] * wanted
    shorter = [quiet] * alarm["EvaluationPeriods"] + [faulty.measures] * (wanted - 1)

    assert in_alarm(alarm, lasting)
    assert not in_alarm(alarm, shorter)
    assert {each for each in faulty.measures if each.namespace.startswith("SmsTracker")} <= READ  # none is in vain


def test_one_alarm_speaks_for_an_exception_of_any_function_which_lambda_counts(
    deployment: Callable[[], Deployment],
) -> None:
    faulty = deployment()
    for function in ("webhook", "processor", "publisher", "query", "inbound"):
        faulty.invoke(function, {})
    AWS.dynamodb.delete_table(TableName="state")
    for function, event in (("reconciler", "reconciler-statistics"), ("authorizer", "authorizer")):
        faulty.invoke(function, sample(event))

    errors = {next(iter(metric.dimensions))[1] for metric, values in faulty.measures.items() if sum(values)}
    assert errors >= {f"{name.title()}Function" for name in FUNCTIONS if name not in {"send", "digest"}}
    for function in FUNCTIONS:
        counted = deployment()
        counted.by_aws("AWS/Lambda", "Errors", f"{function.title()}Function", 1)
        assert in_alarm(ALARMS["exceptions"], [{}, counted.measures])


@each_alarm
def test_an_alarm_is_silent_while_all_is_well_or_nothing_happens(
    name: str, deployment: Callable[[], Deployment]
) -> None:
    alarm, sound = ALARMS[name], deployment()
    TABLE[name].sound(sound)

    counts = name == "exceptions" or alarm.get("Statistic") == "Sum"  # a count of none is not sent
    assert {*watched(alarm)} <= sound.measures.keys() or counts
    for measures in (sound.measures, {}):
        assert not in_alarm(alarm, [measures] * alarm["EvaluationPeriods"])


@pytest.mark.parametrize(
    "metric", {metric for each in ALARMS.values() for metric in watched(each) if metric.namespace.startswith("AWS/")}
)
def test_a_metric_of_awss_own_is_named_as_aws_names_it(metric: Metric) -> None:
    dimension, kind, metrics = DOCUMENTED[metric.namespace]
    ((named, resource),) = metric.dimensions

    assert (named, metric.name in metrics) == (dimension, True)
    assert resource.removesuffix(".QueueName") in stack().of(kind)


def test_an_endpoint_is_down_where_nobody_registered_it_and_missing_where_a_provider_has_none(
    deployment: Callable[[], Deployment],
) -> None:
    sound, faulty = deployment(), deployment()
    sound.invoke("reconciler", sample("reconciler"))
    assert "EndpointDown" not in {metric.name for metric in sound.measures}

    endpoints(faulty)
    assert in_alarm(ALARMS["endpoint-down"], [faulty.measures])


def test_a_reconciler_that_is_not_scheduled_is_not_missed_and_one_slow_schedule_is(
    deployment: Callable[[], Deployment],
) -> None:
    alarm, faulty = ALARMS["reconciler-silent"], deployment()
    without_messages(scheduled)(faulty)

    assert in_alarm(alarm, [faulty.measures, {}, faulty.measures])  # every half an hour
    assert not in_alarm(alarm, [{}, {}, faulty.measures])  # the first run of a new stack
    assert not in_alarm(alarm, [{}, {}, {}, {}])

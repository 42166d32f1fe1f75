"""The reconciler Lambda: every few minutes, close what reports alone leave open, and count each hour's messages."""

import os
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from sms_tracker import wiring
from sms_tracker.aws.agenda import DynamoAgenda
from sms_tracker.aws.clients import client
from sms_tracker.aws.queue import SqsQueue
from sms_tracker.aws.search import MessageSearch
from sms_tracker.aws.statistics import StatisticsStore
from sms_tracker.config import ReconcilerConfig, load
from sms_tracker.domain.cohort import ages
from sms_tracker.domain.overdue import Ages
from sms_tracker.services.cohorts import Counting
from sms_tracker.services.reconcile import Limits, Reconciler

config = load(ReconcilerConfig, os.environ)
logger, metrics = Logger(), Metrics()
dynamodb = client("dynamodb")
sender = wiring.sender(config, dynamodb)
reconciler = Reconciler(
    messages=sender.messages,
    search=MessageSearch(dynamodb, config.messages_table),
    agenda=DynamoAgenda(dynamodb, messages=config.messages_table, state=config.state_table),
    settings=sender.settings,
    http=sender.http,
    queue=SqsQueue(client("sqs"), config.reports_queue_url),
    clock=sender.clock,
    pace=sender.pace,
    ages=Ages(
        first=timedelta(seconds=config.reconcile_after_seconds),
        released=timedelta(seconds=config.not_sent_after_seconds),
        unknown=timedelta(seconds=config.unknown_after_seconds),
        again=timedelta(seconds=config.look_again_after_seconds),
    ),
    limits=Limits(seconds=config.run_seconds, lookups=config.lookups_per_run, rate=config.lookups_per_second),
    resend=lambda record: f"resent-{sender.resend(record).decision}",
)
counting = Counting(
    search=MessageSearch(dynamodb, config.messages_table, page=1000),
    statistics=StatisticsStore(dynamodb, config.state_table, retention=timedelta(days=config.retention_days)),
    clock=sender.clock,
    monotonic=sender.pace.monotonic,
    stages=ages(reconciler.ages.unknown),
    seconds=config.run_seconds,
)


@metrics.log_metrics
def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001  # Lambda passes both
    """One bounded run of the step that its schedule names; returns what was done, counted by its word."""
    return _count() if event.get("step") == "statistics" else _reconcile()


def _reconcile() -> dict[str, int]:
    done = dict(sorted(reconciler.run().items()))
    metrics.add_metric(name="ReconcilerRuns", unit=MetricUnit.Count, value=1)
    for name, word in (("MessagesOpened", "opened"), ("ReportsLookedUp", "looked-up"), ("SendsAdopted", "adopted")):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=done.get(word, 0))
    logger.info("reconcile", extra={"decision": "reconciled", "done": done})
    return done


def _count() -> dict[str, int]:
    done = dict(sorted(counting.run().items()))
    metrics.add_metric(name="StatisticsRuns", unit=MetricUnit.Count, value=1)
    for name, word in (("HoursCounted", "hour-counted"), ("StatisticsFailures", "failed")):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=done.get(word, 0))
    (logger.warning if "failed" in done else logger.info)("statistics", extra={"decision": "counted", "done": done})
    return done

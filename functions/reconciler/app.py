"""The reconciler Lambda: every few minutes, close what reports alone leave open, and count each hour's messages."""

import os
from datetime import timedelta
from typing import Any

from sms_tracker import wiring
from sms_tracker.aws.clients import api
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.aws.reconcile_state import DynamoReconcileState
from sms_tracker.aws.search import MessageSearch
from sms_tracker.aws.statistics import StatisticsStore
from sms_tracker.config import ReconcilerConfig, load
from sms_tracker.domain.hourly_stats import ages
from sms_tracker.domain.overdue import Ages
from sms_tracker.domain.provider_health import hours, provider_health
from sms_tracker.log import Line, Log
from sms_tracker.reconcile.hourly_stats import HourlyCounter
from sms_tracker.reconcile.reconcile import Limits, Reconciler

config = load(ReconcilerConfig, os.environ)
log = Log(os.environ)
log.started(config)
dynamodb = api("dynamodb", failed=log.failed)
sender = wiring.sender(
    config, dynamodb=dynamodb, ssm=api("ssm", timeout=1.0, attempts=2, failed=log.failed), failed=log.failed
)
reconciler = Reconciler(
    messages=sender.messages,
    search=MessageSearch(dynamodb, config.messages_table),
    reconcile_state=DynamoReconcileState(dynamodb, messages=config.messages_table, state=config.state_table),
    settings=sender.settings,
    http=sender.http,
    queue=SqsQueue(api("sqs", failed=log.failed), config.reports_queue_url),
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
    failed=log.failed,
)
counting = HourlyCounter(
    search=MessageSearch(dynamodb, config.messages_table, page=1000),
    statistics=StatisticsStore(dynamodb, config.state_table, retention=timedelta(days=config.retention_days)),
    clock=sender.clock,
    monotonic=sender.pace.monotonic,
    stages=ages(reconciler.ages.unknown),
    seconds=config.run_seconds,
)
_FEWEST = 5
"""Messages below which it says nothing that no report came."""


@log.lines
def handler(event: dict[str, Any], line: Line) -> dict[str, int]:
    """One bounded run of the step that its schedule names; returns what was done, counted by its word."""
    done = _count(line) if event.get("step") == "statistics" else _reconcile(line)
    line.put(done=done)
    return done


def _reconcile(line: Line) -> dict[str, int]:
    done = dict(sorted(reconciler.run().items()))
    line.put(decision="reconciled", errors=dict(reconciler.errors))
    line.level = "WARNING" if reconciler.errors else "INFO"
    line.count("ReconcilerRuns", not done.keys() & {"walk-failed", "failures-walk-failed", "unreadable"})
    for name, word in (("MessagesOpened", "opened"), ("ReportsLookedUp", "looked-up"), ("SendsAdopted", "adopted")):
        line.count(name, done.get(word, 0))
    for provider, reported in reconciler.receipts.items():
        if (walked := reported.total()) >= _FEWEST:
            line.apart(provider=provider).measure("ReceiptShare", 100 * reported[True] / walked, "Percent")
    return done


def _count(line: Line) -> dict[str, int]:
    done = dict(sorted(counting.run().items()))
    line.put(decision="counted", errors=dict(counting.errors))
    line.level = "WARNING" if counting.errors else "INFO"
    line.count("StatisticsRuns")
    line.count("HoursCounted", done.get("hour-counted", 0))
    line.count("StatisticsFailures", counting.errors.total())
    now = counting.clock()
    found = provider_health(counting.statistics.hourly_stats(hours(now)), now=now, objective=config.tracking_objective)
    for provider, gauges in found.items():
        gauge = line.apart(provider=provider)
        gauge.measure("DeliveryRate", gauges.delivery_rate, "Percent")
        gauge.measure("DeliveryRateChange", gauges.change, "None")
        gauge.measure("TimeToDeliverChange", gauges.slower, "None")
        gauge.measure("TrackedShare", gauges.tracked, "Percent")
        gauge.measure("TrackingBurn", gauges.burn, "None")
    return done

"""The reconciler Lambda: close messages without a final report, and count each hour's messages."""

import os
from datetime import timedelta
from typing import Any

from sms_tracker import wiring
from sms_tracker.aws.clients import api
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.aws.reconcile_state import ReconcileStateStore, StatisticsStore
from sms_tracker.aws.store import MessageSearch
from sms_tracker.config import ReconcilerConfig, load
from sms_tracker.domain.hourly_stats import counting_stages
from sms_tracker.domain.overdue import Ages
from sms_tracker.log import Line, Log, shortened
from sms_tracker.reconcile import hourly_stats, reconcile
from sms_tracker.reconcile.hourly_stats import HourlyCounter
from sms_tracker.reconcile.lookup import Budget
from sms_tracker.reconcile.reconcile import Reconciler

config = load(ReconcilerConfig, os.environ)
log = Log(os.environ)
log.started(config)
dynamodb = api("dynamodb", failed=log.failed)
sqs = api("sqs", failed=log.failed)
sender = wiring.sender(
    config, dynamodb=dynamodb, ssm=api("ssm", timeout=1.0, attempts=2, failed=log.failed), sqs=sqs, failed=log.failed
)
reconciler = Reconciler(
    messages=sender.messages,
    search=MessageSearch(dynamodb, config.messages_table),
    state=ReconcileStateStore(dynamodb, messages=config.messages_table, state=config.state_table),
    settings=sender.settings,
    http=sender.http,
    queue=SqsQueue(sqs, config.reports_queue_url),
    clock=sender.clock,
    pace=sender.pace,
    ages=Ages(
        first=timedelta(seconds=config.reconcile_after_seconds),
        released=timedelta(seconds=config.not_sent_after_seconds),
        unknown=timedelta(seconds=config.unknown_after_seconds),
        again=timedelta(seconds=config.look_again_after_seconds),
    ),
    budget=Budget(seconds=config.run_seconds, lookups=config.lookups_per_run, rate=config.lookups_per_second),
    resend=lambda record: sender.resend(record).decision,
    prices=config.price_lookup,
    failed=log.failed,
)
counter = HourlyCounter(
    search=MessageSearch(dynamodb, config.messages_table, page=1000),
    statistics=StatisticsStore(dynamodb, config.state_table, retention=timedelta(days=config.retention_days)),
    clock=sender.clock,
    monotonic=sender.pace.monotonic,
    stages=counting_stages(reconciler.ages.unknown),
    seconds=config.run_seconds,
)


@log.invocation
def handler(event: dict[str, Any], line: Line) -> dict[str, int]:
    """One bounded run of the step that the schedule names. Returns the decisions, counted."""
    done = _count(line) if event.get("step") == "statistics" else _reconcile(line)
    line.put(done=done)
    return done


def _reconcile(line: Line) -> dict[str, int]:
    done = dict(sorted(reconciler.run().items()))
    line.put(decision="reconciled", errors=shortened(reconciler.errors))
    line.level = "WARNING" if reconciler.errors else "INFO"
    reconcile.measure(reconciler, done, line)
    return done


def _count(line: Line) -> dict[str, int]:
    done = dict(sorted(counter.run().items()))
    line.put(decision="counted", errors=shortened(counter.errors))
    line.level = "WARNING" if counter.errors else "INFO"
    hourly_stats.measure(counter, line, objective=config.tracking_objective)
    return done

"""The reconciler at rest, and the custom metrics that CloudWatch bills by the hour: counted by running them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from botocore import xform_name
from types_boto3_dynamodb import DynamoDBClient

from bench.counted import FAILED, MESSAGES, WORDS, Service, service
from bench.cpu import event
from bench.endpoint import Answer, Call, Respond, answered
from bench.report import MS, Cell, Outcome, Plan, Progress, Table
from bench.units import read_units
from sms_tracker.aws.items import to_item
from sms_tracker.domain.record import Entry, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.state import fold, recorded
from sms_tracker.domain.status import Status
from tests import tables
from tests.cloudwatch import Metric, measured
from tests.factories import record, report

STATE = "StateTable"
STEPS: dict[str, dict[str, str]] = {"reconcile": {}, "statistics": {"step": "statistics"}}
"""The events of the two schedules."""
_AGES = (timedelta(minutes=20), timedelta(hours=3), timedelta(hours=9))
"""Ages of messages that fill every gauge: receipts, the last hours, the week before."""
_EACH = 60
"""Messages of each age: more than a gauge needs."""


def rest(plan: Plan, progress: Progress) -> Outcome:
    """Calls, reads and CPU of the reconciler without work; custom metrics at rest, around the clock, and in use."""
    figures: dict[str, float] = {}
    with service(progress) as one:
        in_use = _in_use(one)
        final = one.invoke("publisher", {"Records": event("publisher")["Records"][-1:]})
        figures |= {
            "log.publisher, one end": len(final.log.encode()),
            "lines.publisher, one end": final.log.count("\n"),
        }
        one.deployment.aws.respond = _stored(one.table, one.deployment.aws.respond)
        progress("the reconciler's gauges")
        tables.create(one.table, STATE, STATE)
        _fill(one.table)
        gauges = _metrics(one.invoke("reconciler", asked).log for asked in STEPS.values())
        for name in (MESSAGES, STATE):
            one.table.delete_table(TableName=name)
            tables.create(one.table, name, name)
        at_rest: set[Metric] = set()
        for step, asked in STEPS.items():
            progress(f"the reconciler at rest: {step}")
            at_rest |= _metrics([one.invoke("reconciler", asked).log])  # the first run counts past hours
            figures |= {f"rest.{step}.{name}": value for name, value in _run(one, asked, plan).items()}
    figures["metrics.rest"] = len(at_rest)
    for name, metrics in (("gauges", gauges - at_rest), ("in_use", in_use - at_rest - gauges)):
        by_provider = sum(any(key == "provider" for key, _ in each.dimensions) for each in metrics)
        figures |= {f"metrics.{name}": len(metrics) - by_provider, f"metrics.{name}.provider": by_provider}
    return Outcome(_tables(figures), figures)


def _tables(figures: Mapping[str, float]) -> tuple[Table, ...]:
    names = ("calls", "reads", "cpu", "log")
    runs: list[list[Cell]] = [[step, *(figures[f"rest.{step}.{name}"] for name in names)] for step in STEPS]
    kinds: list[list[Cell]] = [[name, value] for name, value in figures.items() if name.startswith("metrics.")]
    columns = ("step", "calls", "read units", "CPU ms", "log bytes")
    return (
        Table(title="One run of the reconciler on an empty table", columns=columns, rows=runs),
        Table(title="Custom metrics", columns=("written", "metrics"), rows=kinds),
    )


def _run(one: Service, asked: dict[str, str], plan: Plan) -> dict[str, float]:
    run = one.invoke("reconciler", asked)
    reads = (call for call in run.calls if call.operation in {"Query", "GetItem"})
    cpu = one.sandboxes["reconciler"].call(asked, calls=plan.calls).cpu
    one.deployment.aws.take()
    return {
        "calls": len(run.calls),
        "reads": sum(read_units(0, consistent=call.body.get("ConsistentRead", False)) for call in reads),
        "cpu": cpu * MS / plan.calls,
        "log": len(run.log.encode()),
    }


def _in_use(one: Service) -> set[Metric]:
    """Metrics of an hour in which messages of one provider arrive, and one fails."""
    one.life(WORDS)
    steps = [*one.life(WORDS), *one.life(FAILED)]
    steps += [one.invoke(name, event(name)) for name in ("authorizer", "publisher", "digest")]
    return _metrics(step.log for step in steps)


def _metrics(logs: Iterable[str]) -> set[Metric]:
    return set(measured([json.loads(line) for log in logs for line in log.splitlines()]))


def _stored(dynamodb: DynamoDBClient, others: Respond) -> Respond:
    """DynamoDB's calls on real tables; the other services' canned answers."""

    def respond(call: Call) -> Answer:
        if call.service != "dynamodb":
            return others(call)
        body = dict(getattr(dynamodb, xform_name(call.operation))(**call.body))
        del body["ResponseMetadata"]
        return answered(body)

    return respond


def _fill(dynamodb: DynamoDBClient) -> None:
    """Store delivered messages of one provider."""
    now = datetime.now(UTC)
    for place, at in enumerate([now - age for age in _AGES for _ in range(_EACH)]):
        created, sent = timestamp(at), timestamp(at + timedelta(seconds=5))
        delivered = report(Status.DELIVERED, received=sent)
        made = record(
            message_id=str(UUID(int=place + 1, version=4)),
            created_at=created,
            updated_at=sent,
            state=fold([delivered], base=recorded(attempt=1, at=created, provider="twilio")),
            reports={"delivered": Entry(word="delivered", received=sent, attempt=1, source="callback")},
        )
        answered_send = replace(made, send=replace(made.send, phase=SendPhase.ANSWERED))
        dynamodb.put_item(TableName=MESSAGES, Item={**to_item(answered_send), "ids": {"M": {"1": {"S": "SM"}}}})

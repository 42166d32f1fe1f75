"""The gauges in the bill are those that the reconciler writes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from bench.rest import GAUGES, STEPS, written
from sms_tracker.aws.items import to_item
from sms_tracker.domain.record import Entry, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.state import fold, initial_state
from sms_tracker.domain.status import Status
from tests.cloud import AWS, Cloud, cold_start
from tests.factories import record, report
from tests.unit.template_stack import environment

AGES = (timedelta(minutes=20), timedelta(hours=3), timedelta(hours=9))
"""Ages of messages that fill every gauge: receipts, the last hours, the week before."""
EACH = 60
"""Messages of each age: more than a gauge needs."""


@pytest.fixture
def logged(cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:  # noqa: ARG001
    """What the reconciler logs of the filled table, in a stack with every alarm and the dashboard."""
    for key in ("POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME", "UNREAD_METRICS"):
        monkeypatch.setenv(key, environment("reconciler", Alarms="all", Dashboard="on")[key])
    fill()
    handler = cold_start("reconciler")
    for asked in STEPS.values():
        handler(asked, object())
    return capsys.readouterr().out.splitlines()


def fill() -> None:
    """Store delivered messages of one provider, of ages for which there are gauges."""
    now = datetime.now(UTC)
    for place, at in enumerate([now - age for age in AGES for _ in range(EACH)]):
        created, sent = timestamp(at), timestamp(at + timedelta(seconds=5))
        delivered = report(Status.DELIVERED, received=sent)
        made = record(
            message_id=str(UUID(int=place + 1, version=4)),
            created_at=created,
            updated_at=sent,
            state=fold([delivered], base=initial_state(attempt=1, at=created, provider="twilio")),
            reports={"delivered": Entry(word="delivered", received=sent, attempt=1, source="callback")},
        )
        answered_send = replace(made, send=replace(made.send, phase=SendPhase.ANSWERED))
        item = {**to_item(answered_send), "ids": {"M": {"1": {"S": "SM"}}}}
        AWS.dynamodb.put_item(TableName="messages", Item=item)


def test_the_reconciler_writes_every_gauge_once_for_a_provider_in_a_stack_that_leaves_none_out(
    logged: list[str],
) -> None:
    assert written(logged) == dict.fromkeys({*GAUGES, "ReconcilerRuns"}, 1)
    assert json.loads(logged[0])["decision"] == "started"

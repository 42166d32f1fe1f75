"""Many separate processes that send as one client, each with the real sender and an environment of its own."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from sms_tracker.aws.json_client import api
from sms_tracker.aws.limits import LimitCounterStore
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.ports import Pace
from sms_tracker.services.limits import Limiter
from sms_tracker.services.send import Sender
from tests.e2e import processes
from tests.fakes import FixedSettings, ignore_failed_call, never_stopped
from tests.limits import limits
from tests.setups import OPTED_OUT, RULES, answer

LIMIT, EACH = 100, 4
FLAKY = "flaky"
"""A client every second message of which the provider certainly does not take."""


@dataclass
class Provider:
    """Takes every message, of the flaky client only every second."""

    flaky: bool
    taken: int = 0
    asked: int = 0

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse:  # noqa: ARG002  # as the port has it
        self.asked += 1
        if self.flaky and self.asked % 2:
            return OPTED_OUT
        self.taken += 1
        return answer(201, {"sid": f"SM{uuid4().hex}", "status": "queued"})


@dataclass(frozen=True)
class Tables:
    """Where both tables are."""

    endpoint: str
    messages: str = "messages"
    state: str = "state"
    environment: dict[str, str] = field(
        default_factory=lambda: {
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    )


def send(tables: Tables, client: str, process: int) -> Counter[str]:
    """One process: send some messages at once; counts the statuses, and what the provider took."""
    os.environ.update(tables.environment, AWS_ENDPOINT_URL=tables.endpoint)
    dynamodb, provider = api("dynamodb", timeout=20.0), Provider(flaky=client == FLAKY)
    settings = FixedSettings(limits=limits(daily_cap=LIMIT, outage="closed", range={"day": 1_000}))
    sender = Sender(
        messages=MessageStore(dynamodb, tables.messages),
        settings=settings,
        http=provider,
        clock=_noon,
        pace=Pace(monotonic=time.monotonic, sleep=time.sleep, fraction=lambda: 0.5),
        rules=RULES,
        opt_out_check=None,
        stop_of=never_stopped,
        failed=ignore_failed_call,
        limiter=Limiter(counters=LimitCounterStore(dynamodb, tables.state), settings=settings, clock=_noon),
    )
    replies: Counter[str] = Counter()
    for number in range(EACH):
        payload = {"to": f"+3161234{process:02}{number:02}", "body": "Your parcel is here"}
        replies[str(sender.send(client, payload, None).status)] += 1
    return replies + Counter(taken=provider.taken)


def _noon() -> datetime:
    """The same window however long it takes."""
    return datetime(2026, 1, 31, 12, tzinfo=UTC)


def run(tables: Tables, client: str, count: int) -> Counter[str]:
    """So many processes at once; the sum of what they counted."""
    return processes.counted(send, [(tables, client, each) for each in range(count)])

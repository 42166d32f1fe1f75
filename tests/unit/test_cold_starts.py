"""Environments that start at once, with a Parameter Store that takes 40 calls a second.

That is its default throughput ("AWS Systems Manager endpoints and quotas"); what is more gets a ThrottlingException.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from sms_tracker.aws.api import failure
from sms_tracker.aws.settings import PATIENCE, SsmSettings
from tests.fakes import BASE_URL, MESSAGEBIRD, SERVICE_KEY, TWILIO, FakeClock, MemoryQueue
from tests.setups import SendSetup, twilio_webhook
from tests.unit.template_stack import stack
from tests.unit.test_receive import Setup

RATE, ENVIRONMENTS = 40, 65
TRY, TRIES, BACKOFF = 1.0, 2, 1.0
"""The functions' calls to SSM, as their app.py sets them: seconds of one, how many, and the longest pause between."""
SECRETS = {
    "twilio": TWILIO,
    "messagebird": MESSAGEBIRD,
    "service": {"hmac_key": base64.b64encode(SERVICE_KEY).decode()},
}
PARAMETERS = {
    "/stack/public-base-urls": BASE_URL,
    **{f"/stack/secrets/{name}": json.dumps(document) for name, document in SECRETS.items()},
}


@dataclass
class ParameterStore:
    """One for all environments; ``phase`` is where in a second they start."""

    phase: float
    taken: Counter[int] = field(default_factory=Counter)
    refused: int = 0

    def environment(self, number: int, clock: FakeClock) -> SsmSettings:
        """The settings of one environment on a clock of its own, with chance of its own."""
        chance = Random(number)  # the same each time

        def call(operation: str, **_: Any) -> dict[str, Any]:
            for attempt in range(TRIES):
                second = int(self.phase + clock.monotonic())
                if self.taken[second] < RATE:
                    self.taken[second] += 1
                    return {"Parameters": [{"Name": name, "Value": value} for name, value in PARAMETERS.items()]}
                self.refused += 1
                if attempt < TRIES - 1:
                    clock.sleep(chance.random() * BACKOFF)
            raise failure(operation, "ThrottlingException")

        return SsmSettings(
            call,
            "/stack",
            ("twilio", "messagebird"),
            jitter=chance.random,
            now=clock.monotonic,
            sleep=clock.sleep,
        )


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.6, 0.9])
def test_nothing_is_answered_503_when_65_environments_start_at_once(phase: float) -> None:
    webhooks, sends, queue = ParameterStore(phase), ParameterStore(phase), MemoryQueue()

    for number in range(ENVIRONMENTS):
        setup = Setup(settings=webhooks.environment(number, FakeClock()), queue=queue)
        assert setup.receive("twilio", twilio_webhook()).status == 204
        clock = FakeClock()
        assert SendSetup(clock=clock, settings=sends.environment(number, clock)).post().status == 202

    assert len(queue.sent) == ENVIRONMENTS
    assert min(webhooks.refused, sends.refused) >= ENVIRONMENTS - RATE


def test_a_webhook_that_asks_again_still_answers_within_its_time_out() -> None:
    settings = PATIENCE + TRIES * TRY + BACKOFF
    queue = 2 * 2.0 + BACKOFF

    assert settings + queue < stack().properties("WebhookFunction")["Timeout"]

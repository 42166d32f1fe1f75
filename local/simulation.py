"""The simulated providers as a child process, and what the service needs to know to use them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local import simulators
from local.process import LOCALHOST, ROOT, Process, listening

Secrets = Mapping[str, Mapping[str, str]]
"""Each provider's flat secret document, as the functions read it."""

SENDERS = {
    "TwilioFrom": simulators.TWILIO_FROM,
    "MessageBirdOriginator": simulators.MESSAGEBIRD_ORIGINATOR,
}
"""The template's parameters for them."""


def start(ports: Mapping[str, int], *, log: Path) -> Process:
    """Start both on ``ports``, by provider; they answer once ``ready``."""
    options = [option for name, port in ports.items() for option in (f"--{name}-port", str(port))]
    env = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    return Process("the provider simulators", [sys.executable, "-m", "local.simulators", *options], env=env, log=log)


def ready(ports: Mapping[str, int]) -> bool:
    """Whether both answer."""
    return all(listening(port) for port in ports.values())


def url(port: int) -> str:
    """Where a simulator listens."""
    return f"http://{LOCALHOST}:{port}"


def secrets(ports: Mapping[str, int]) -> Secrets:
    """The simulators' made-up credentials."""
    return {
        "twilio": {
            "account_sid": simulators.TWILIO_ACCOUNT_SID,
            "auth_token": simulators.TWILIO_AUTH_TOKEN,
            "api_url": url(ports["twilio"]),
        },
        "messagebird": {
            "access_key": simulators.MESSAGEBIRD_ACCESS_KEY,
            "signing_key": simulators.MESSAGEBIRD_SIGNING_KEY,
            "api_url": url(ports["messagebird"]),
        },
    }

"""The simulated providers as a child process, with the service's parameters and secrets for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from local import simulators
from local.process import LOCALHOST, ROOT, Process, listening
from local.simulators.base import Destination

Secrets = Mapping[str, Mapping[str, str]]
"""Each provider's secret document, as the functions read it."""


def start(ports: Mapping[str, int], *, log: Path) -> Process:
    """Start all on ``ports`` (by provider); they answer once ``ready``."""
    options = [option for name, port in ports.items() for option in (f"--{name}-port", str(port))]
    env = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    return Process("the provider simulators", [sys.executable, "-m", "local.simulators", *options], env=env, log=log)


def ready(ports: Mapping[str, int]) -> bool:
    return all(listening(port) for port in ports.values())


def url(port: int) -> str:
    return f"http://{LOCALHOST}:{port}"


def parameters() -> dict[str, str]:
    """The template's parameters: every provider enabled, each with a default sender."""
    senders = {name: value for each in simulators.names() for name, value in simulators.load(each).parameters.items()}
    return {"Providers": ",".join(simulators.names()), **senders}


def secrets(ports: Mapping[str, int]) -> Secrets:
    """The simulators' made-up credentials."""
    return {name: simulators.load(name).credentials(url(port)) for name, port in ports.items()}


def register_stack(destination: Destination, ports: Mapping[str, int]) -> None:
    """Register a deployed stack at the simulators that have one address for all reports."""
    for name, port in ports.items():
        if settings := simulators.load(name).reports_to(destination):
            httpx.put(f"{url(port)}/_control/settings", json=dict(settings)).raise_for_status()

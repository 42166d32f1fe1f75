"""Rotate the providers' secrets during a run, in the steps of the operators' guide."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx

from local import simulators
from local.stack import Stack


class Rotation:
    """Three steps, each run once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        found = {name: simulators.load(name).signing for name in stack.simulator_urls}
        self._signings = {name: signing for name, signing in found.items() if signing}

    def announce(self) -> None:
        """Let the service accept the next secret as well."""
        for provider, signing in self._signings.items():
            self._change(provider, {f"next_{signing.entry}": signing.successor})

    def rotate(self) -> None:
        """Let the providers sign with it."""
        for provider, signing in self._signings.items():
            url = self._stack.simulator_urls[provider]
            httpx.put(f"{url}/_control/settings", json=dict(signing.rotated)).raise_for_status()

    def finish(self) -> None:
        """Remove the old secret from the service."""
        for provider, signing in self._signings.items():
            self._change(provider, {signing.entry: signing.successor, f"next_{signing.entry}": ""})

    def _change(self, provider: str, changes: Mapping[str, str]) -> None:
        ssm, name = self._stack.clients.ssm, f"{self._stack.deployment.outputs['SettingsPrefix']}/secrets/{provider}"
        document = json.loads(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]) | dict(changes)
        kept = {entry: value for entry, value in document.items() if value}
        ssm.put_parameter(Name=name, Value=json.dumps(kept), Type="SecureString", Overwrite=True)

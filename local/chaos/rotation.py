"""The providers' secrets, rotated while messages are under way, in the steps that operators take."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx

from local import simulators
from local.stack import Stack

_NEXT = {"twilio": ("auth_token", "f" * 32), "messagebird": ("signing_key", "the next signing key, 32 bytes or more")}
"""The secret that signs each provider's reports, and what it is rotated to."""


class Rotation:
    """Three steps, each taken once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def announce(self) -> None:
        """The service accepts the next secret beside the one in use."""
        for provider, (entry, new) in _NEXT.items():
            self._change(provider, {f"next_{entry}": new})

    def rotate(self) -> None:
        """The providers sign with it; Twilio's old token still logs in."""
        for provider, (entry, new) in _NEXT.items():
            old = {"secondary_auth_token": simulators.TWILIO_AUTH_TOKEN} if provider == "twilio" else {}
            url = self._stack.simulator_urls[provider]
            httpx.put(f"{url}/_control/settings", json={entry: new, **old}).raise_for_status()

    def finish(self) -> None:
        """The service forgets the old one."""
        for provider, (entry, new) in _NEXT.items():
            self._change(provider, {entry: new, f"next_{entry}": ""})

    def _change(self, provider: str, changes: Mapping[str, str]) -> None:
        ssm, name = self._stack.clients.ssm, f"{self._stack.deployment.outputs['SettingsPrefix']}/secrets/{provider}"
        document = json.loads(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]) | dict(changes)
        kept = {entry: value for entry, value in document.items() if value}
        ssm.put_parameter(Name=name, Value=json.dumps(kept), Type="SecureString", Overwrite=True)

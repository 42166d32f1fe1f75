"""What is put under load: an address, a key, the accounts that sign, and the recipient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from local import simulators
from local.process import LOCALHOST, StackError
from ops.accounts import documents

SILENT = "+31612345608"
"""The simulated providers take it and never report, so that all reports are ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A deployed stack, here or on AWS. ``accounts`` are the documents of the providers to send through."""

    url: str
    key: str
    accounts: Mapping[str, Mapping[str, str]]
    to: str

    @property
    def providers(self) -> tuple[str, ...]:
        """Those to send through, in order."""
        return tuple(sorted(self.accounts))


def simulated(url: str, key: str) -> Target:
    """A local stack with the simulated providers."""
    accounts = {name: simulators.load(name).credentials("") for name in simulators.names() if _signs(name)}
    return Target(url=url.rstrip("/"), key=key, accounts=accounts, to=SILENT)


def given(environment: Mapping[str, str], to: str | None) -> Target:
    """What URL and KEY name; the accounts of .env sign, unless it is a local stack with simulated providers.

    Raises ``StackError`` where something is missing.
    """
    url, key = environment.get("URL", "").rstrip("/"), environment.get("KEY", "")
    if not url or not key:
        raise StackError("URL and KEY name the stack and an API key for it, with the scopes send and read")
    if urlsplit(url).hostname == LOCALHOST and environment.get("PROVIDERS") != "live":
        return simulated(url, key)
    accounts = {name: one for name, one in documents(environment).items() if _signs(name) in one}
    if not accounts or not to:
        raise StackError(f"{url} needs --to, and in .env an account with what signs its callbacks")
    return Target(url=url, key=key, accounts=accounts, to=to)


def _signs(provider: str) -> str | None:
    """The entry of the provider's document that signs its webhooks."""
    signing = simulators.load(provider).signing
    return None if signing is None else signing.entry

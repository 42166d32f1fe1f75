"""The target of a load test: an address, a key, the signing accounts, and the recipient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from local import simulators
from local.process import LOCALHOST, StackError
from ops.accounts import documents

SILENT = "+31612345608"
"""The simulated providers take messages to this number and never report, so that all reports are ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A deployed stack, local or on AWS. ``accounts`` are the secret documents of the providers to use."""

    url: str
    key: str
    accounts: Mapping[str, Mapping[str, str]]
    to: str

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers to use, sorted."""
        return tuple(sorted(self.accounts))


def simulated(url: str, key: str) -> Target:
    """A local stack with the simulated providers."""
    accounts = {name: simulators.load(name).credentials("") for name in simulators.names() if _signs(name)}
    return Target(url=url.rstrip("/"), key=key, accounts=accounts, to=SILENT)


def given(environment: Mapping[str, str], to: str | None) -> Target:
    """The stack of URL and KEY, signed with the accounts in .env unless its providers are simulated.

    Raises ``StackError`` if something is missing.
    """
    url, key = environment.get("URL", "").rstrip("/"), environment.get("KEY", "")
    if not url or not key:
        raise StackError("set URL and KEY: the stack's address and an API key with scopes send and read")
    if urlsplit(url).hostname == LOCALHOST and environment.get("PROVIDERS") != "live":
        return simulated(url, key)
    accounts = {name: one for name, one in documents(environment).items() if _signs(name) in one}
    if not accounts or not to:
        raise StackError(f"{url} needs --to, and in .env an account that signs callbacks")
    return Target(url=url, key=key, accounts=accounts, to=to)


def _signs(provider: str) -> str | None:
    """The entry of the provider's document with the signing secret."""
    signing = simulators.load(provider).signing
    return None if signing is None else signing.entry

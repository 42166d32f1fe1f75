"""The variables (in .env or the environment) behind each entry of a provider's secret, and their checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sms_tracker import providers
from sms_tracker.domain.callback import base_url_flaw
from sms_tracker.domain.settings import trimmed


def variables(prefix: str, entries: Iterable[str]) -> dict[str, str]:
    """The variable of each entry: ``acme`` and ``api_key`` make ``ACME_API_KEY``."""
    return {entry: f"{prefix}_{entry}".upper() for entry in entries}


ENTRIES: Mapping[str, Mapping[str, str]] = {
    name: variables(name, providers.webhooks(name).ENTRIES) for name in providers.names()
}


LISTS = {"webhook_keys", "subaccount_tokens"}
"""Entries that are ``owner=secret,owner=secret``."""

FORMS: Mapping[str, tuple[str, str]] = {
    "account_sid": (r"AC[0-9a-f]{32}", "AC and 32 hexadecimal digits"),
    "api_key_sid": (r"SK[0-9a-f]{32}", "SK and 32 hexadecimal digits"),
    "api_key_secret": (r"[0-9A-Za-z]{32}", "32 letters and digits"),
    "auth_token": (r"[0-9a-f]{32}", "32 hexadecimal digits"),
    "next_auth_token": (r"[0-9a-f]{32}", "32 hexadecimal digits"),
    "access_key": (r"(live_|test_)?[0-9A-Za-z]{25}", "25 letters and digits"),
    "signing_key": (r"[0-9A-Za-z]{32}", "32 letters and digits"),
    "next_signing_key": (r"[0-9A-Za-z]{32}", "32 letters and digits"),
}
"""The usual form of each entry. Providers do not guarantee it, so another form is a warning, not an error."""

Documents = Mapping[str, Mapping[str, str]]


def documents(
    environment: Mapping[str, str], accounts: Mapping[str, Mapping[str, str]] = ENTRIES
) -> dict[str, dict[str, str]]:
    """Each provider's document from its set variables, trimmed; providers without any are omitted."""
    found = {
        provider: {
            entry: value
            for entry, variable in entries.items()
            if (value := _trimmed(entry, environment.get(variable, "")))
        }
        for provider, entries in accounts.items()
    }
    return {provider: document for provider, document in found.items() if document}


def trimmed_variables(environment: Mapping[str, str]) -> list[str]:
    """The variables with blanks, quotes or line ends around their values, which are not stored."""
    entries = (pair for each in ENTRIES.values() for pair in each.items())
    return [name for entry, name in entries if _trimmed(entry, environment.get(name, "")) != environment.get(name, "")]


def flaws(found: Documents) -> list[str]:
    """A sentence for each invalid value, without the value."""
    entries = (
        (ENTRIES[provider][entry], flaw)
        for provider, document in found.items()
        for entry, flaw in {**providers.webhooks(provider).flaws(document), **_url_flaw(document)}.items()
    )
    return [f"{variable} {flaw}" for variable, flaw in entries]


def unusual_forms(found: Documents) -> list[str]:
    """A sentence for each value of an unusual form, without the value."""
    entries = ((provider, *entry) for provider, document in found.items() for entry in document.items())
    return [
        f"{ENTRIES[provider][entry]} is not {FORMS[entry][1]}, as is usual"
        for provider, entry, value in entries
        if entry in FORMS and not re.fullmatch(FORMS[entry][0], value)
    ]


def _url_flaw(document: Mapping[str, str]) -> Mapping[str, str]:
    flaw = base_url_flaw(document["api_url"]) if "api_url" in document else None
    return {"api_url": flaw} if flaw else {}


def _trimmed(entry: str, value: str) -> str:
    if entry not in LISTS:
        return trimmed(value)
    parts = (each.partition("=") for each in trimmed(value).split(","))
    return ",".join(f"{trimmed(owner)}{mark}{trimmed(secret)}" for owner, mark, secret in parts)

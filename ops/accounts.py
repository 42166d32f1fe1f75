"""Which variable (of .env or the environment) becomes which entry of a provider's secret document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sms_tracker import providers


def variables(prefix: str, entries: Iterable[str]) -> dict[str, str]:
    """The variable of each entry: ``acme`` and ``api_key`` make ``ACME_API_KEY``."""
    return {entry: f"{prefix}_{entry}".upper() for entry in entries}


ENTRIES: Mapping[str, Mapping[str, str]] = {
    name: variables(name, providers.webhooks(name).entries) for name in providers.names()
}


def documents(
    environment: Mapping[str, str], accounts: Mapping[str, Mapping[str, str]] = ENTRIES
) -> dict[str, dict[str, str]]:
    """Each provider's document from the variables that are set; providers of which none is are left out."""
    found = {
        provider: {entry: environment[variable] for entry, variable in entries.items() if environment.get(variable)}
        for provider, entries in accounts.items()
    }
    return {provider: document for provider, document in found.items() if document}

"""Which variable (of .env or the environment) becomes which entry of a provider's secret document."""

from __future__ import annotations

from collections.abc import Mapping

ENTRIES: Mapping[str, Mapping[str, str]] = {
    "twilio": {
        "account_sid": "TWILIO_ACCOUNT_SID",
        "auth_token": "TWILIO_AUTH_TOKEN",
        "next_auth_token": "TWILIO_NEXT_AUTH_TOKEN",
        "api_key_sid": "TWILIO_API_KEY_SID",
        "api_key_secret": "TWILIO_API_KEY_SECRET",
        "webhook_keys": "TWILIO_WEBHOOK_KEYS",
        "subaccount_tokens": "TWILIO_SUBACCOUNT_TOKENS",
        "api_url": "TWILIO_API_URL",
    },
    "messagebird": {
        "access_key": "MESSAGEBIRD_ACCESS_KEY",
        "signing_key": "MESSAGEBIRD_SIGNING_KEY",
        "next_signing_key": "MESSAGEBIRD_NEXT_SIGNING_KEY",
        "api_url": "MESSAGEBIRD_API_URL",
    },
}


TEST_ENTRIES: Mapping[str, Mapping[str, str]] = {
    "twilio": {
        "account_sid": "TWILIO_TEST_ACCOUNT_SID",
        "auth_token": "TWILIO_TEST_AUTH_TOKEN",
        "api_url": "TWILIO_TEST_API_URL",
    },
    "messagebird": {"access_key": "MESSAGEBIRD_TEST_ACCESS_KEY", "api_url": "MESSAGEBIRD_TEST_API_URL"},
}
"""Credentials with which the providers take requests and send nothing; `make smoke` alone reads them."""


def documents(
    environment: Mapping[str, str], accounts: Mapping[str, Mapping[str, str]] = ENTRIES
) -> dict[str, dict[str, str]]:
    """Each provider's document from the variables that are set; providers of which none is are left out."""
    found = {
        provider: {entry: environment[variable] for entry, variable in entries.items() if environment.get(variable)}
        for provider, entries in accounts.items()
    }
    return {provider: document for provider, document in found.items() if document}

"""`make run PROVIDERS=live`: the accounts of .env become documents and parameters."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from local.process import StackError
from local.run import live

TUNNEL = {"PUBLIC_BASE_URL": "https://example.ngrok.app"}
TWILIO = {"TWILIO_ACCOUNT_SID": "ACexample", "TWILIO_AUTH_TOKEN": "example-token", **TUNNEL}
MESSAGEBIRD = {"MESSAGEBIRD_ACCESS_KEY": "example-key", "MESSAGEBIRD_SIGNING_KEY": "example-signing-key", **TUNNEL}
API_KEY = {"TWILIO_API_KEY_SID": "SKexample", "TWILIO_API_KEY_SECRET": "example-key", **TUNNEL}


@pytest.mark.parametrize(
    ("environment", "parameters"),
    [
        (TWILIO, {"Providers": "twilio", "DefaultProvider": "twilio"}),
        (MESSAGEBIRD, {"Providers": "messagebird", "DefaultProvider": "messagebird"}),
        (TWILIO | MESSAGEBIRD, {"Providers": "messagebird,twilio", "DefaultProvider": "twilio"}),
        (API_KEY, {"Providers": "twilio", "DefaultProvider": "twilio", "TwilioVerification": "token"}),
        (
            {"MESSAGEBIRD_ACCESS_KEY": "example-key", "MESSAGEBIRD_ORIGINATOR": "MyShop", "TWILIO_FROM": "", **TUNNEL},
            {
                "Providers": "messagebird",
                "DefaultProvider": "messagebird",
                "MessageBirdVerification": "token",
                "MessageBirdOriginator": "MyShop",
            },
        ),
    ],
)
def test_what_is_in_the_environment_is_enabled(environment: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    assert live(environment)[1] == parameters


def test_a_document_has_the_entries_that_are_set() -> None:
    assert live(API_KEY)[0] == {"twilio": {"api_key_sid": "SKexample", "api_key_secret": "example-key"}}


@pytest.mark.parametrize("environment", [{}, TUNNEL, {"TWILIO_AUTH_TOKEN": "example-token"}])
def test_an_account_and_a_tunnel_are_needed(environment: Mapping[str, str]) -> None:
    with pytest.raises(StackError, match="needs PUBLIC_BASE_URL and an account"):
        live(environment)

"""Twilio's webhooks: who may have signed them, and what fields they bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Key
from sms_tracker.providers.twilio import signature as twilio_signature

if TYPE_CHECKING:
    from datetime import datetime

    from sms_tracker.domain.http import HttpRequest


class TwilioWebhooks:
    """Status callbacks of Programmable Messaging."""

    name = "twilio"
    ack_status = 204
    entries = (
        "account_sid",
        "auth_token",
        "next_auth_token",
        "api_key_sid",
        "api_key_secret",
        "webhook_keys",
        "subaccount_tokens",
        "api_url",
    )

    def keys(self, credentials: Credentials) -> tuple[Key, ...]:
        """Auth tokens belong to their account, shared webhook keys to their id; malformed entries are left out."""
        account = setting(credentials, "account_sid") or None
        owned = [(account, setting(credentials, "auth_token"))]
        owned += _owned(setting(credentials, "subaccount_tokens"))
        owned += _owned(setting(credentials, "webhook_keys"))
        following = Key(setting(credentials, "next_auth_token"), account, following=True)
        keys = (*(Key(secret, owner) for owner, secret in owned), following)
        return tuple(dict.fromkeys(key for key in keys if key.secret))

    def verify(self, request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> None:  # noqa: ARG002 - Twilio signs no time
        twilio_signature.check(request, secrets)

    def fields(self, request: HttpRequest) -> Mapping[str, str]:
        """Read with the parser that the signature was checked with, so that what is read is what was signed."""
        if request.method.upper() == "GET":
            return parsing.query_fields(twilio_signature.query(request.url))
        if twilio_signature.is_json(request):
            return parsing.json_fields(request.body)
        return parsing.query_fields(twilio_signature.form(request))


def setting(credentials: Credentials, name: str) -> str:
    """One entry of the secret, without blanks around it; empty where there is none."""
    return credentials.get(name, "").strip()


def _owned(text: str) -> Iterator[tuple[str, str]]:
    """``owner=secret,owner=secret``; a secret may hold ``=``."""
    for entry in text.split(","):
        owner, _, secret = (part.strip() for part in entry.partition("="))
        if owner:
            yield owner, secret


WEBHOOKS = TwilioWebhooks()

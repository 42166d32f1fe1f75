"""Twilio's webhooks: their keys, fields and message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sms_tracker.domain.callback import CallbackTarget, callback_target
from sms_tracker.domain.settings import trimmed
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Key
from sms_tracker.providers.twilio.signature import form, is_json, query

if TYPE_CHECKING:
    from sms_tracker.domain.http import HttpRequest

WEBHOOK = True
ACK_STATUS = 204

REPLY_BODY = "<Response></Response>"
"""TwiML that sends nothing. Twilio could send any other text to the person."""

ENTRIES = (
    "account_sid",
    "auth_token",
    "next_auth_token",
    "api_key_sid",
    "api_key_secret",
    "webhook_keys",
    "subaccount_tokens",
    "api_url",
)
_SECRETS = ("auth_token", "next_auth_token", "api_key_secret")


def keys(credentials: Credentials) -> tuple[Key, ...]:
    """Auth tokens, each with its account, and shared webhook keys, each with its id. Skips malformed entries."""
    account = setting(credentials, "account_sid") or None
    owned = [(account, setting(credentials, "auth_token"))]
    owned += _owned(setting(credentials, "subaccount_tokens"))
    owned += _owned(setting(credentials, "webhook_keys"))
    following = Key(setting(credentials, "next_auth_token"), account, following=True)
    found = (*(Key(secret, owner) for owner, secret in owned), following)
    return tuple(dict.fromkeys(key for key in found if key.secret))


def flaws(credentials: Credentials) -> Mapping[str, str]:
    """Tokens and SIDs in each other's place, other providers' keys, malformed lists."""
    found = {entry: _key_flaw(setting(credentials, entry)) for entry in _SECRETS}
    found["account_sid"] = _sid_flaw(setting(credentials, "account_sid"), "AC", "an account")
    found["api_key_sid"] = _sid_flaw(setting(credentials, "api_key_sid"), "SK", "an API key")
    found["webhook_keys"] = _list_flaw(setting(credentials, "webhook_keys"), "id=secret")
    found["subaccount_tokens"] = _list_flaw(setting(credentials, "subaccount_tokens"), "AC…=token")
    return {entry: flaw for entry, flaw in found.items() if flaw}


def fields(request: HttpRequest) -> Mapping[str, str]:
    """The fields, read by the same parser as for the signature, so that they are the signed ones."""
    if request.method.upper() == "GET":
        return parsing.query_fields(query(request.url))
    if is_json(request):
        return parsing.json_fields(request.body)
    return parsing.query_fields(form(request))


def target(request: HttpRequest, fields: Mapping[str, str]) -> CallbackTarget:  # noqa: ARG001 - no field has it
    """From the callback URL, which is signed. Twilio has no field for our reference."""
    return callback_target(request.url)


def is_reply(fields: Mapping[str, str]) -> bool:
    """Whether it is an inbound message: its status is ``received``, or it has a text and no status."""
    status = fields.get("SmsStatus") or fields.get("MessageStatus")
    return status in {"received", "receiving"} or (status is None and "Body" in fields)


def setting(credentials: Credentials, name: str) -> str:
    """One entry of the secret document, stripped; empty if there is none."""
    return credentials.get(name, "").strip()


def _owned(text: str) -> list[tuple[str, str]]:
    """The entries of ``owner=secret,owner=secret``. A secret may have ``=``; both may have quotes around."""
    parts = (entry.partition("=") for entry in text.split(",") if entry)
    owned = ((trimmed(owner), trimmed(secret)) for owner, _, secret in parts)
    return [(owner, secret) for owner, secret in owned if owner]


def _key_flaw(key: str) -> str | None:
    if re.match("(live|test)_", key):
        return "is a key of another provider (live_, test_)"
    return parsing.key_flaw(key)


def _sid_flaw(sid: str, prefix: str, owner: str) -> str | None:
    is_valid = not sid or (sid.startswith(prefix) and parsing.key_flaw(sid[len(prefix) :]) is None)
    return None if is_valid else f"is not the SID of {owner} ({prefix}…)"


def _list_flaw(text: str, form: str) -> str | None:
    for entry in filter(None, map(trimmed, text.split(","))):
        ((owner, secret),) = _owned(entry) or [("", "")]
        if not (owner and secret) or (form.startswith("AC") and not owner.startswith("AC")):
            return f"holds an entry that is not {form}"
        if flaw := _key_flaw(secret):
            return f"holds an entry whose secret {flaw}"
    return None

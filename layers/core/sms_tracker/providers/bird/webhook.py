"""Bird's webhooks: their secrets, fields and message."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sms_tracker.domain.callback import CallbackTarget, target_of
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.settings import trimmed
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Key
from sms_tracker.providers.bird import signature

WEBHOOK = True
ACK_STATUS = 204

REPLY_BODY = ""

SUPPRESSED = "sms_suppression.created"
REPLIES = ("sms.received", SUPPRESSED)
"""Inbound events. They go to the same endpoint as reports."""

ENTRIES = ("api_key", "webhook_secret", "next_webhook_secret", "category", "api_url")

CATEGORIES = ("transactional", "marketing", "authentication", "service")
"""The purpose of a message. Bird requires one and has no default."""

KEY_FORM = r"(?:bk|bm)_([a-z]{2}[0-9]+)_[\x21-\x7e]+"
"""A key of a workspace (``bk_``) or an organization (``bm_``), with its region."""

NOT_KEYS = (
    (r"(?s).*[^\x21-\x7e]", "holds a blank or another character that no key has"),
    (r"whsec_", "is a webhook secret (whsec_), not an API key"),
    (r"bird_(live|test)_", "is a key of api.bird.com (bird_live_), which is another API"),
    (r"(live|test)_", "is a key of the classic API: use the provider messagebird"),
    (
        r"[0-9A-Za-z]{25}$",
        "looks like a key of the classic API (provider messagebird): one of Bird begins with bk_us1_",
    ),
    (r"", "does not begin with bk_ and a region, such as bk_us1_"),
)
"""Wrong keys, by their beginning; the last entry matches anything else."""


def keys(credentials: Credentials) -> tuple[Key, ...]:
    """The endpoint's secret, and the next one while it rotates."""
    found = (
        Key(setting(credentials, "webhook_secret")),
        Key(setting(credentials, "next_webhook_secret"), following=True),
    )
    return tuple(key for key in found if key.secret)


def flaws(credentials: Credentials) -> Mapping[str, str]:
    """Keys and secrets in each other's place or malformed; an unknown category."""
    found = {"api_key": _key_flaw(setting(credentials, "api_key"))}
    for entry in ("webhook_secret", "next_webhook_secret"):
        found[entry] = _secret_flaw(setting(credentials, entry))
    category = setting(credentials, "category")
    found["category"] = None if category in ("", *CATEGORIES) else f"is none of {', '.join(CATEGORIES)}"
    return {entry: flaw for entry, flaw in found.items() if flaw}


def fields(request: HttpRequest) -> Mapping[str, str]:
    """One field, ``body``: the JSON object as signed. Raises ``Unreadable`` if it is none."""
    try:
        body = request.body.decode()
    except UnicodeDecodeError:
        raise Unreadable("the body is not UTF-8") from None
    if not parsing.json_object(request.body):
        raise Unreadable("the body is not a JSON object")
    return {"body": body}


def target(request: HttpRequest, fields: Mapping[str, str]) -> CallbackTarget:  # noqa: ARG001 - its URL is not signed
    """Our id, attempt and token, from the event's ``metadata``."""
    metadata = part(part(event(fields), "data"), "metadata")
    return target_of({name: parsing.text(metadata.get(name)) or "" for name in ("message_id", "attempt", "token")})


def is_reply(fields: Mapping[str, str]) -> bool:
    """Whether it is an inbound message or an opt-out. Bird's test of the endpoint is none: it has no data."""
    received = event(fields)
    return received.get("type") in REPLIES and bool(part(received, "data"))


def event(fields: Mapping[str, str]) -> dict[str, object]:
    """The event in the raw fields; empty if there is none."""
    return parsing.json_object(fields.get("body", "").encode("utf-8", "replace"))


def part(value: Mapping[str, object], name: str) -> dict[str, object]:
    """The JSON object of that name; empty if there is none."""
    member = value.get(name)
    return member if isinstance(member, dict) else {}


def setting(credentials: Credentials, name: str) -> str:
    """One entry of the secret document, :func:`trimmed`; empty if there is none."""
    return trimmed(credentials.get(name, ""))


def _key_flaw(key: str) -> str | None:
    if not key or re.fullmatch(KEY_FORM, key):
        return None
    return next(flaw for form, flaw in NOT_KEYS if re.match(form, key))


def _secret_flaw(secret: str) -> str | None:
    if not secret:
        return None
    if re.match(r"(bk|bm)_", secret):
        return "is an API key"
    try:
        return None if signature.decoded_secret(secret) else "holds no key after whsec_"
    except ValueError:
        return "is not whsec_ and base64"

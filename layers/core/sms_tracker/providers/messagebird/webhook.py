"""MessageBird's webhooks: who may have signed them, and what fields they bring."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Key
from sms_tracker.providers.messagebird import signature as messagebird_signature

if TYPE_CHECKING:
    from datetime import datetime

    from sms_tracker.domain.http import HttpRequest


class MessageBirdWebhooks:
    """Status reports of the SMS API."""

    name = "messagebird"
    ack_status = 200
    entries = ("access_key", "signing_key", "next_signing_key", "api_url")

    def keys(self, credentials: Credentials) -> tuple[Key, ...]:
        """The signing key, and the next one while it rotates. MessageBird does not name its keys."""
        keys = (
            Key(credentials.get("signing_key", "")),
            Key(credentials.get("next_signing_key", ""), following=True),
        )
        return tuple(key for key in keys if key.secret)

    def flaws(self, credentials: Credentials) -> Mapping[str, str]:
        """See :class:`sms_tracker.providers.base.Webhooks`."""
        access_key = credentials.get("access_key", "")
        found = {"access_key": parsing.key_flaw(access_key)}
        for entry in ("signing_key", "next_signing_key"):
            key = credentials.get(entry, "")
            is_access_key = bool(key) and (key == access_key or re.match("(live|test)_", key))
            found[entry] = "is an access key" if is_access_key else parsing.key_flaw(key)
        return {entry: flaw for entry, flaw in found.items() if flaw}

    def verify(self, request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> None:
        """See :mod:`sms_tracker.providers.messagebird.signature`."""
        messagebird_signature.verify(request, secrets=secrets, now=now)

    def fields(self, request: HttpRequest) -> Mapping[str, str]:
        """A report is a GET with a query; some newer set-ups POST the same names as JSON (or, tolerated, a form)."""
        if request.method == "GET" or not request.body:
            return parsing.query_fields(request.url.partition("?")[2])
        if "form-urlencoded" in request.headers.get("content-type", "").lower():
            return parsing.query_fields(request.body.decode("utf-8", "replace"))
        return parsing.json_fields(request.body)


WEBHOOKS = MessageBirdWebhooks()

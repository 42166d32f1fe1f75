"""Our callback URL. It carries the message id, the attempt and a token that binds both to this stack."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from sms_tracker.domain.http import query_pairs
from sms_tracker.domain.status import MAX_ATTEMPT

MESSAGE_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Our message ids: UUIDs in lower case."""


class Verification(StrEnum):
    """How a provider's webhook is authenticated: its signature, or our own token in the callback URL."""

    SIGNATURE = "signature"
    TOKEN = "token"  # noqa: S105  # the name of a mode


@dataclass(frozen=True, slots=True)
class CallbackTarget:
    """The message and attempt of a report. ``message_id`` is None if the report has none.

    ``token`` proves that this stack sent the message, because two stacks may share one provider account.
    """

    message_id: str | None
    attempt: int
    token: str | None


def endpoint_url(base: str, provider: str) -> str:
    """The URL of a provider's webhook. Providers with one address for all reports have it registered."""
    return f"{base}/webhooks/{provider}"


def callback_url(base: str, provider: str, message_id: str, attempt: int, *, token: str | None = None) -> str:
    """``{base}/webhooks/{provider}?attempt=…&message_id=…&token=…``.

    Gateways leave its unreserved characters alone. The names are in alphabetical order: Twilio may sort them after it
    has signed the URL.
    """
    url = f"{endpoint_url(base, provider)}?attempt={attempt}&message_id={message_id}"
    return f"{url}&token={token}" if token else url


_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


def base_url_flaw(url: str) -> str | None:
    """Why a public base URL cannot be used, as the end of a sentence without the value; None for a valid one.

    The rules are Twilio's for callback URLs (error 21609), the strictest of all providers.
    """
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return "must not hold a space or a character that is not ASCII"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "must have a valid host and port"
    is_local = parts.scheme == "http" and host == "127.0.0.1"
    flaws = (
        ("must start with https:// (http:// only for 127.0.0.1)", parts.scheme != "https" and not is_local),
        ("must not hold a user name or a password", "@" in parts.netloc),
        ("must not have a query or a fragment", "?" in url or "#" in url),
        ("must not have an underscore in its host, which providers refuse", "_" in host),
        ("must have a host of letters, digits, hyphens and dots, such as sms.example.com", not _HOST.fullmatch(host)),
        ("must not have port 0", port == 0),
    )
    return next((flaw for flaw, is_wrong in flaws if is_wrong), None)


def callback_target(url: str) -> CallbackTarget:
    """The target in a callback URL; never raises."""
    query = url.partition("#")[0].partition("?")[2]
    return target_of({name: value for name, value in reversed(query_pairs(query)) if value})  # the first non-empty one


_ATTEMPTS = {str(attempt): attempt for attempt in range(1, MAX_ATTEMPT + 1)}


def target_of(values: Mapping[str, str]) -> CallbackTarget:
    """The target in ``message_id``, ``attempt`` and ``token``. An invalid id is None, an invalid attempt is 1."""
    message_id = values.get("message_id", "")
    return CallbackTarget(
        message_id=message_id if MESSAGE_ID.fullmatch(message_id) else None,
        attempt=_ATTEMPTS.get(values.get("attempt", ""), 1),
        token=values.get("token") or None,
    )


def callback_token(key: bytes, provider: str, message_id: str, attempt: int) -> str:
    """HMAC-SHA256 of provider, message id and attempt under the service's key: 43 URL-safe characters."""
    text = f"{provider}\x1f{message_id}\x1f{attempt}".encode()
    return urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256)).rstrip(b"=").decode()


def token_matches(key: bytes, provider: str, target: CallbackTarget) -> bool:
    """Whether ``target`` carries this stack's token, compared in constant time."""
    if target.message_id is None or target.token is None:
        return False
    expected = callback_token(key, provider, target.message_id, target.attempt)
    return hmac.compare_digest(expected.encode(), target.token.encode("utf-8", "replace"))

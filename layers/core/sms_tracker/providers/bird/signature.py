"""Bird's webhook signature: Standard Webhooks (https://www.standardwebhooks.com), only HMAC-SHA256.

Id, timestamp and raw body are signed. The URL is not, so nothing is read from it.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta

from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Key

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

VERSION = "v1"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with


def verify(request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> timedelta:
    """The age of ``request`` if one of ``secrets`` signed it, else raise ``InvalidSignature``.

    The header may have several signatures: for 24 hours after a rotation Bird signs with both secrets. An old webhook
    is accepted (Bird's own library refuses it after 5 minutes): a replay has no effect here, and refusals make Bird
    pause the endpoint. An empty secret is no key, because anybody can sign with it.
    """
    message_id, stamp, signatures = (request.headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not (message_id and stamp and signatures):
        raise InvalidSignature("there is no signature")
    try:
        seconds = int(stamp)
    except ValueError:
        raise InvalidSignature("the signature's timestamp is no number") from None
    signed = b".".join((parsing.octets(message_id), parsing.octets(stamp), request.body))
    expected = [b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in map(_key, secrets) if key]
    claimed = [parsing.octets(signature) for signature in _signatures(signatures)]
    if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in claimed):
        raise InvalidSignature("no accepted secret signed this body")
    return parsing.age(seconds, now=now)


def decoded_secret(secret: str) -> bytes:
    """The key in a secret, with or without ``whsec_`` and padding; raises ``ValueError`` if it is not base64."""
    text = secret.strip().removeprefix(SECRET_PREFIX).rstrip("=")
    return b64decode(parsing.octets(text + "=" * (-len(text) % 4)), validate=True)


def _key(secret: Key) -> bytes:
    try:
        return decoded_secret(secret.secret)
    except ValueError:
        return b""


def _signatures(header: str) -> list[str]:
    """The signatures of ``VERSION``; others use other algorithms (``v1a`` is Ed25519)."""
    entries = (entry.partition(",") for entry in header.split())
    return [signature for version, _, signature in entries if version == VERSION]

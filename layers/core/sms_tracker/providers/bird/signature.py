"""Who signed a Bird webhook: Standard Webhooks (https://www.standardwebhooks.com), HMAC-SHA256 alone.

Signed are id, timestamp and the raw body. The URL is not, so it decides nothing.
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
TOLERANCE = timedelta(seconds=300)
"""Beyond this age (or as far ahead) Bird's own library refuses a webhook; see :func:`verify`."""


def verify(request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> timedelta:
    """The age of ``request`` if one of ``secrets`` signed it, else raise ``InvalidSignature`` with what is wrong.

    The header may hold several signatures: Bird signs with the old and the new secret for 24 hours after a rotation.
    An old webhook is accepted, because a replay changes nothing here, and refusals make Bird pause the endpoint. A
    blank secret is no key: everybody can sign with it.
    """
    message_id, stamp, signatures = (request.headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not (message_id and stamp and signatures):
        raise InvalidSignature("there is no signature")
    if _seconds(stamp) is None:
        raise InvalidSignature("the signature's timestamp is no number")
    signed = b".".join((_octets(message_id), _octets(stamp), request.body))
    expected = [b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in map(_key, secrets) if key]
    claimed = [_octets(signature) for signature in _signatures(signatures)]
    if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in claimed):
        raise InvalidSignature("no accepted secret signed this body")
    return age(request, now=now)


def age(request: HttpRequest, *, now: datetime) -> timedelta:
    """How long ago a verified webhook was signed; negative where the signer's clock is ahead."""
    return parsing.age(_seconds(request.headers[TIMESTAMP]) or 0, now=now)


def octets(secret: str) -> bytes:
    """The key in a secret, with or without ``whsec_`` and padding; raises ``ValueError`` where it is not base64."""
    text = secret.strip().removeprefix(SECRET_PREFIX)
    return b64decode(_octets(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)), validate=True)


def _key(secret: Key) -> bytes:
    try:
        return octets(secret.secret)
    except ValueError:
        return b""


def _signatures(header: str) -> list[str]:
    """Those of our version; other versions are other algorithms (``v1a`` is Ed25519)."""
    entries = (entry.partition(",") for entry in header.split())
    return [signature for version, _, signature in entries if version == VERSION]


def _seconds(stamp: str) -> int | None:
    try:
        return int(stamp)
    except ValueError:
        return None


def _octets(text: str) -> bytes:
    """UTF-8 that never fails: what a header cannot hold is hashed as it came and matches nothing."""
    return text.encode("utf-8", "surrogatepass")

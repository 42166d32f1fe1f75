"""Repeated requests: the Idempotency-Key, the message id derived from it, and the comparison of requests."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from uuid import UUID, uuid5

from sms_tracker.domain.errors import FieldError, InvalidMessage
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.status import Status
from sms_tracker.services.validation import Json

KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,255}")
"""A valid Idempotency-Key."""


def idempotency_key(value: str | None) -> str | None:
    """The header's value; raises ``InvalidMessage`` unless it is 1..255 visible ASCII characters."""
    if value is not None and not KEY_PATTERN.fullmatch(value):
        raise InvalidMessage([FieldError("Idempotency-Key", "must be 1 to 255 visible ASCII characters")])
    return value


_NAMESPACE = UUID("5f1a1c58-6f5e-5c0e-9a53-3f1d8a8f2f6b")


def keyed_message_id(stack: str, client: str, key: str, *, test: bool = False) -> str:
    """UUIDv5 of stack, client and key. The conditional put of the record is then the idempotency check.

    Test keys have a namespace of their own, because no stack's name contains ``#``.
    """
    namespace = uuid5(_NAMESPACE, f"{stack}#test" if test else stack)
    return str(uuid5(uuid5(namespace, client), key))


def fingerprint(key: bytes, payload: Json) -> str:
    """:func:`short_hmac` of the payload as sent, without ``provider``.

    ``provider`` is compared separately, because a request that no provider took may be repeated with another one.
    """
    return _payload_hmac(key, {name: value for name, value in payload.items() if name != "provider"})


def is_same_request(key: bytes, stored: Record, payload: Json) -> bool:
    """Whether ``payload`` is that of ``stored``, apart from its provider.

    Fingerprints of earlier versions included the provider that the first request named, or null.
    """
    earlier = (_payload_hmac(key, {**payload, "provider": named}) for named in (stored.provider_of(1), None))
    return stored.fingerprint in {fingerprint(key, payload), *earlier}


def may_take_over(stored: Record) -> bool:
    """Whether a repeated request is handed over again: its send was released, and no report came.

    A report proves that the provider took the message, even if its answer was an error.
    """
    has_report = stored.state.status is not Status.PENDING or bool(stored.state.ids)
    return stored.send.phase is SendPhase.RELEASED and not has_report


def names_another_provider(stored: Record, payload: Json) -> bool:
    """Whether ``payload`` names a provider other than the message's."""
    return payload.get("provider") not in (None, stored.state.provider)


def _payload_hmac(key: bytes, payload: Json) -> str:
    return short_hmac(key, json.dumps(payload, sort_keys=True, separators=(",", ":")).encode())


def short_hmac(key: bytes, octets: bytes) -> str:
    """HMAC-SHA256, cut to 128 bits, as 22 URL-safe characters."""
    return urlsafe_b64encode(hmac.digest(key, octets, hashlib.sha256)[:16]).rstrip(b"=").decode()

"""AWS Signature Version 4, for calls that POST a body to ``/``."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, and the session token where it is a temporary one."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def sign(
    headers: Mapping[str, str], body: bytes, credentials: Credentials, *, service: str, region: str, at: str
) -> dict[str, str]:
    """``headers`` with the signature's own, all of them signed; ``at`` is ``20260131T120000Z``.

    Names must be lower-case, values without outer or double spaces, and ``host`` among them.
    """
    signed = {**headers, "x-amz-date": at}
    if credentials.token:
        signed["x-amz-security-token"] = " ".join(credentials.token.split())
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    lines, names = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed)), ";".join(sorted(signed))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    text = f"{_ALGORITHM}\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(_key(credentials.secret_key, scope), text.encode(), "sha256").hex()
    key = f"{credentials.access_key}/{scope}"
    signed["authorization"] = f"{_ALGORITHM} Credential={key}, SignedHeaders={names}, Signature={signature}"
    return signed


@lru_cache(maxsize=8)
def _key(secret: str, scope: str) -> bytes:
    """The signing key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key

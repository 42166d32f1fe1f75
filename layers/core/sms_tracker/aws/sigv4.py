"""AWS Signature Version 4: the one place that signs, for calls that POST a body to ``/``."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, and the session token where it is a temporary one."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Signer:
    """Signs for one service in one region; keeps the key that is derived from the secret for each day."""

    def __init__(self, service: str, region: str) -> None:
        self._service = service
        self._region = region
        self._key: tuple[str, str, bytes] = ("", "", b"")

    def sign(self, headers: Mapping[str, str], body: bytes, credentials: Credentials, *, at: str) -> dict[str, str]:
        """``headers`` with those that prove who sent them, at ``at`` (``20260131T120000Z``).

        Names are lower-cased, values without spaces at their ends or doubled, ``host`` is among them; all are signed.
        """
        signed = {**headers, "x-amz-date": at}
        if credentials.token:
            signed["x-amz-security-token"] = " ".join(credentials.token.split())
        scope = f"{at[:8]}/{self._region}/{self._service}/aws4_request"
        names = sorted(signed)
        lines = "".join(f"{name}:{signed[name]}\n" for name in names)
        request = f"POST\n/\n\n{lines}\n{';'.join(names)}\n{hashlib.sha256(body).hexdigest()}"
        text = f"{_ALGORITHM}\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(credentials.secret_key, at[:8]), text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        return signed

    def _signing_key(self, secret: str, day: str) -> bytes:
        known_secret, known_day, known = self._key
        if (known_secret, known_day) == (secret, day):
            return known
        key = f"AWS4{secret}".encode()
        for part in (day, self._region, self._service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._key = (secret, day, key)  # one assignment: threads may sign at the same time
        return key

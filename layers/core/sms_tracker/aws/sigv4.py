"""AWS Signature Version 4 for POST requests to ``/``, and the credentials for it."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sms_tracker.aws.api import failure

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """An access key, with its session token if it is temporary."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        """The access key alone: the others are secret."""
        return f"Credentials(access_key={self.access_key!r})"


def sign(
    headers: Mapping[str, str], body: bytes, credentials: Credentials, *, service: str, region: str, at: str
) -> dict[str, str]:
    """``headers`` with the signature's own; all are signed. ``at`` is ``20260131T120000Z``.

    ``headers`` must include ``host``, have lower-case names, and values without outer or double spaces.
    """
    signed = {**headers, "x-amz-date": at}
    if credentials.token:
        signed["x-amz-security-token"] = " ".join(credentials.token.split())
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    names = sorted(signed)
    lines, listed = "".join([f"{name}:{signed[name]}\n" for name in names]), ";".join(names)
    request = f"POST\n/\n\n{lines}\n{listed}\n{hashlib.sha256(body).hexdigest()}"
    text = f"{_ALGORITHM}\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(_key(credentials.secret_key, scope), text.encode(), "sha256").hex()
    key = f"{credentials.access_key}/{scope}"
    signed["authorization"] = f"{_ALGORITHM} Credential={key}, SignedHeaders={listed}, Signature={signature}"
    return signed


@lru_cache(maxsize=8)
def _key(secret: str, scope: str) -> bytes:
    """The signing key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def credentials() -> Credentials:
    """The current credentials; raises ``Unavailable`` if there are none."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return _found_by_botocore()
    return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_SECURITY_TOKEN") or None)


def _found_by_botocore() -> Credentials:
    from botocore.exceptions import BotoCoreError, NoCredentialsError  # noqa: PLC0415  # see session()

    try:
        if (found := session().get_credentials()) is None:
            raise NoCredentialsError
        frozen = found.get_frozen_credentials()
    except BotoCoreError as error:
        raise failure("credentials", type(error).__name__) from error
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


@cache
def session() -> Any:
    """A botocore session. botocore is imported only if the environment has no keys, as under SnapStart."""
    import botocore.session  # noqa: PLC0415  # as stated above

    return botocore.session.get_session()

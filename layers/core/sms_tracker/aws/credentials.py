"""Who we are to AWS: what the environment says at each call, else what botocore finds and renews."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from sms_tracker.aws.api import failure
from sms_tracker.aws.sigv4 import Credentials


def source() -> Callable[[], Credentials]:
    """What to ask for credentials at each call; it raises ``Unavailable`` where there are none."""
    session = cache(_session)
    if _from_environment() is None:
        session()  # imported now, not within the first call
    return lambda: _from_environment() or _from_botocore(session())


def _from_environment() -> Credentials | None:
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return None
    token = os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_SECURITY_TOKEN")
    return Credentials(key, secret, token or None)


def _from_botocore(session: Any) -> Credentials:
    from botocore.exceptions import BotoCoreError, NoCredentialsError  # noqa: PLC0415  # as below

    try:
        found = session.get_credentials()
        if found is None:
            raise NoCredentialsError
        known = found.get_frozen_credentials()
    except BotoCoreError as error:
        raise failure("credentials", type(error).__name__) from error
    return Credentials(known.access_key, known.secret_key, known.token)


def _session() -> Any:
    import botocore.session  # noqa: PLC0415  # only where the environment has no keys, as under SnapStart

    return botocore.session.get_session()

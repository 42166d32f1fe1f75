"""The credentials that sign a call: the environment's, else those that botocore finds and renews."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from sms_tracker.aws.api import failure
from sms_tracker.aws.sigv4 import Credentials


def credentials() -> Credentials:
    """Read for each call; raises ``Unavailable`` where there are none."""
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
    """botocore's, which is imported only where the environment has no keys, as under SnapStart."""
    import botocore.session  # noqa: PLC0415  # see above

    return botocore.session.get_session()

"""MiniStack, the AWS emulator, as a child process on the loopback."""

from __future__ import annotations

import http.client
from pathlib import Path

from local.clients import REGION, ROOT_KEY
from local.process import LOCALHOST, ROOT, Process, StackError

PYTHON = ROOT / ".venv-emulator" / "bin" / "python"
"""Runs the emulator, and by its choice the functions too: what is missing from their layer must be missing here."""

_SETTINGS = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "BIND_HOST": LOCALHOST,
    "AWS_ACCESS_KEY_ID": ROOT_KEY,
    "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
    "MINISTACK_REGION": REGION,
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "DOCKER_HOST": "unix:///dev/null/none",  # it would tidy up containers in the user's Docker
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "LAMBDA_WARM_TTL_SECONDS": "20",  # a burst's surplus workers give their memory back
}


def start(port: int, *, auth: bool, log: Path) -> Process:
    """Start it on ``port``; with ``auth`` it enforces the functions' policies. It answers once ``ready``."""
    if not PYTHON.exists():
        raise StackError(f"{PYTHON.parent.parent.name} is missing: run `make setup`")
    # Nothing of our own environment: the functions inherit this one, credentials of the user's included.
    env = {**_SETTINGS, "GATEWAY_PORT": str(port), "AUTH": str(auth).lower()}
    return Process("the AWS emulator", [str(PYTHON), "-m", "ministack.app"], env=env, log=log)


def ready(port: int) -> bool:
    """Whether it answers."""
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=5)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

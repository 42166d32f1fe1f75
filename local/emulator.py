"""MiniStack, the AWS emulator, as a child process on the loopback."""

from __future__ import annotations

import http.client
from pathlib import Path

from local.clients import REGION, ROOT_KEY
from local.process import LOCALHOST, ROOT, Process, StackError

PYTHON = ROOT / ".venv-emulator" / "bin" / "python"
"""Runs the emulator and the functions, so it must not have packages that the layers lack."""

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
    "DOCKER_HOST": "unix:///dev/null/none",  # otherwise it removes containers in the user's Docker
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "LAMBDA_WARM_TTL_SECONDS": "20",  # idle workers of a burst exit soon
}


def start(port: int, *, auth: bool, log: Path) -> Process:
    """Start the emulator on ``port``; ``auth`` enforces the functions' policies. Use it once ``ready``."""
    if not PYTHON.exists():
        raise StackError(f"{PYTHON.parent.parent.name} is missing: run `make setup`")
    # Without the user's environment and credentials: the functions inherit this one.
    env = {**_SETTINGS, "GATEWAY_PORT": str(port), "AUTH": str(auth).lower()}
    return Process("the AWS emulator", [str(PYTHON), "-m", "ministack.app"], env=env, log=log)


def ready(port: int) -> bool:
    """Whether the emulator answers."""
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=5)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

"""Run operators' commands against the deployed stack."""

from __future__ import annotations

import os
import subprocess
import sys

from local.clients import REGION, ROOT_KEY
from local.process import ROOT
from local.stack import Stack

Done = subprocess.CompletedProcess[str]


def run(stack: Stack, module: str, *arguments: str, **variables: str) -> Done:
    """`make … ARGS=…` without make; the environment has only a region, an endpoint, credentials and ``variables``."""
    settings = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "layers/core:.",
        "AWS_ENDPOINT_URL": stack.clients.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        **variables,
    }
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=110, check=False)

"""Pinned packages of npm, installed once under .build; a test that needs them is skipped where node is missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from local.process import ROOT


def node() -> str:
    """Where node is; skips where node or npm is missing."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    return found


def packages(*wanted: str) -> Path:
    """The folder ``node_modules`` with these packages (``name@version``).

    Raises ``CalledProcessError`` or ``TimeoutExpired`` where npm cannot install them.
    """
    node()
    folder = ROOT / ".build" / "npm" / "+".join(wanted)
    ready = folder / ".ready"
    if not ready.exists():
        once = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]  # where there is no network, that is soon known
        options = ["--no-audit", "--no-fund", "--no-package-lock", *once, f"--prefix={folder}"]
        subprocess.run(["npm", "install", *options, *wanted], check=True, capture_output=True, timeout=120)
        ready.touch()
    return folder / "node_modules"

"""What a run leaves behind: tables on the screen, and in .build/bench as Markdown and JSON."""

from __future__ import annotations

import json
import os
import platform
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.code import BUILD
from bench.table import Table
from local.emulator import PYTHON

_SHIPPED = ("aws-lambda-powertools", "pydantic", "httpx")
FIGURES = BUILD / "figures.json"
"""Every figure by its name, of the last run of the case that it came from: what `bench.cost` computes with."""


def machine() -> dict[str, str]:
    """Where this was measured: nothing about whose machine it is."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {_processor()}",
        "load when it began": f"{os.getloadavg()[0]:.1f}",
        "openssl": ssl.OPENSSL_VERSION,
        **_versions(),
    }


def _versions() -> dict[str, str]:
    """Of what the functions run with, which is not what this program runs with."""
    told = "; print(*(version(name) for name in ('boto3', 'botocore')), platform.python_version())"
    command = [str(PYTHON), "-c", f"import platform; from importlib.metadata import version{told}"]
    answer = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    run_with = dict(zip(("boto3", "botocore", "python"), answer, strict=True))
    return run_with | {name: version(name) for name in _SHIPPED}


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def known() -> dict[str, float]:
    """The figures of earlier runs."""
    return dict(json.loads(FIGURES.read_text())) if FIGURES.exists() else {}


def keep(tables: Sequence[Table], figures: Mapping[str, float], described: Mapping[str, str]) -> Path:
    """Write both files and the figures; returns the Markdown."""
    BUILD.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps({**known(), **figures}, indent=1, sort_keys=True))
    data = {"machine": described, "tables": [table.data() for table in tables], "figures": dict(figures)}
    (BUILD / "report.json").write_text(json.dumps(data, indent=1))
    markdown = BUILD / "report.md"
    lines = ["# Measurements", "", *(f"- {name}: {value}" for name, value in described.items()), ""]
    markdown.write_text("\n".join([*lines, *(table.markdown() for table in tables)]))
    return markdown


def progress(line: str) -> None:
    """One line that is written over by the next, where somebody looks at it; else one for each."""
    if sys.stderr.isatty():
        print(f"\r\033[K  {line}", end="", file=sys.stderr, flush=True)
    else:
        print(f"  {line}", file=sys.stderr, flush=True)

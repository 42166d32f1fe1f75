"""What the functions on the path of every report import when they start: no more than they need."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from functools import cache
from importlib import import_module

import pytest

from tests.unit.template_stack import ROOT, environment

_START = """
import sys
known = set(sys.modules)
sys.path[:0] = sys.argv[1:]
import app
print(*sorted(set(sys.modules) - known))
"""
LIBRARIES = {
    *["boto3", "botocore", "urllib3", "pydantic", "httpx", "phonenumbers", "aws_lambda_powertools", "aws_xray_sdk"]
}
UNWANTED = {
    "webhook": {*LIBRARIES, "logging", "email", "http", "uuid", "pathlib", "sms_tracker.domain.outbound"},
    "processor": LIBRARIES,
    "authorizer": {*LIBRARIES, "logging", "email", "http", "uuid", "pathlib", "sms_tracker.domain.record"},
    "send": {"boto3", "botocore", "aws_lambda_powertools", "aws_xray_sdk", "sms_tracker.read", "sms_tracker.reconcile"},
}
_MOST = {"webhook": 150, "authorizer": 110, "send": 395}
"""Modules that a function may import; boto3 alone takes 391."""
_COMMAND_LINE = {"click", "rich", "pygments"}
"""Libraries of httpx's command, which are installed here and not on AWS."""


@cache
def imported(function: str) -> frozenset[str]:
    """Beyond what a fresh interpreter has imported before it does anything."""
    paths = [str(ROOT / "functions" / function), str(ROOT / "layers" / "core")]
    keys = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    told = subprocess.run(
        [sys.executable, "-I", "-B", "-c", _START, *paths],
        env={**environment(function, Providers="twilio,messagebird,bird"), **keys, "PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return frozenset(told.stdout.split())


@pytest.mark.parametrize("function", UNWANTED)
def test_a_function_starts_without_what_its_path_does_not_need(function: str) -> None:
    loaded = {name for name in imported(function) if name.partition(".")[0] not in _COMMAND_LINE}

    assert loaded & UNWANTED[function] == set()
    assert len(loaded) <= _MOST.get(function, len(loaded))


@pytest.mark.parametrize("name", ["twilio", "messagebird", "bird"])
def test_a_provider_is_imported_when_its_function_starts_and_for_webhooks_no_more_than_they_need(name: str) -> None:
    package = f"sms_tracker.providers.{name}"
    loaded = {module for module in imported("webhook") if module.startswith(package)}

    assert loaded == {package, f"{package}.signature", f"{package}.webhook"}
    assert f"{package}.api" in imported("processor")


def test_imports_are_not_interrupted_by_garbage_collections() -> None:
    import_module("sms_tracker")

    assert gc.get_threshold()[0] >= 50_000

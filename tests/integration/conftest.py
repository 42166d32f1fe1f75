"""AWS in memory: moto, with a region and made-up credentials in the environment, as Lambda sets them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import boto3
import pytest
from boto3.session import Session
from moto import mock_aws


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        # A session of our own keeps the service descriptions that it read, which moto's fresh one would read anew.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", _session())
        yield


@cache
def _session() -> Session:
    return Session(region_name="eu-west-1")

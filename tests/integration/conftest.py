"""AWS in memory, with a region and made-up credentials in the environment as Lambda sets them; and a stack on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from sms_tracker.aws.connections import Connections
from tests import moto_client, tables
from tests.cloud import PRIVATE, Cloud, Handler, Invoke, Invoked, Provider, cold_start, deploy, serving
from tests.cloudwatch import level
from tests.integration import faults


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
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", tables.session())
        monkeypatch.setattr(Connections, "post", lambda _, headers, body: moto_client.ask(headers, body))
        yield


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    """A client of both tables, which are empty."""
    with mock_aws():
        made = tables.client()
        tables.create_both(made)
        yield made


@pytest.fixture(scope="module")
def make() -> Iterator[Callable[[], faults.Cloud]]:
    """A maker of deployments whose calls may meet a fault."""
    with faults.clouds() as making:
        yield making


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving() as running:
        yield running


@pytest.fixture
def cloud(aws: None, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Cloud:  # noqa: ARG001  # moto is behind it
    deployed, variables = deploy(provider)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return deployed


@pytest.fixture
def invoke(
    cloud: Cloud,  # noqa: ARG001  # the functions use it
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Invoke:
    """Run one event through a function. For every test: one line, with its level and metrics, and nothing private."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "")
    started: dict[str, Handler] = {}

    def run(function: str, event: Mapping[str, Any]) -> Invoked:
        handler = started.get(function) or started.setdefault(function, cold_start(function))
        capsys.readouterr()
        answer = handler(event, object())
        told = capsys.readouterr()
        assert told.err == ""
        assert {each.name for each in caplog.records} <= {function}
        assert [private for private in PRIVATE if private in told.out] == []
        lines = [json.loads(line) for line in told.out.splitlines()]
        assert [line for line in lines if level(line) != line.get("level", "INFO")] == []
        (line,) = (each for each in lines if "decision" in each and "level" in each)
        counted = [each for each in lines if "_aws" in each]
        assert {each["service"] for each in (line, *counted)} == {function}
        assert lines == (counted if counted and function != "digest" else [line, *counted])
        return Invoked(answer, line, counted[0] if counted else {}, counted[1:])

    return run

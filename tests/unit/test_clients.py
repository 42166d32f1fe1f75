"""boto3 clients: time-outs and retries as the caller sets them."""

from __future__ import annotations

from typing import Any

import pytest

from sms_tracker.aws.clients import client


@pytest.mark.parametrize("timeout", [0.5, 1.0, 1.5, 2.0, 5.0])
def test_a_try_takes_no_longer_than_asked_for(timeout: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config: Any = client("sqs", timeout=timeout).meta.config  # whose settings the stubs do not name
    assert config.connect_timeout + config.read_timeout == timeout
    assert 0 < config.connect_timeout <= 1.0


def test_a_call_is_tried_as_often_as_asked_for_in_standard_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config: Any = client("dynamodb", attempts=2).meta.config
    retries = config.retries
    assert (retries["mode"], retries["total_max_attempts"]) == ("standard", 2)

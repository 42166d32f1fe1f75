"""A function's log line has each failed call to AWS and to providers, even if a retry succeeded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from sms_tracker import provider_http, providers
from sms_tracker.aws import json_client
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import SendOutcome
from sms_tracker.domain.ports import Pace
from sms_tracker.log import FailedCalls
from sms_tracker.services.provider_call import call_provider
from tests.cloud import PRIVATE, SECRETS, SID, cold_start, environment, sample
from tests.fakes import FakeClock
from tests.scripted_server import DROP, HANG, Reply, Server, error, serving

THROTTLED, UNWELL = error("ThrottlingException"), error("InternalError", 503)
DENIED, SLOWER, CLOSED = error("AccessDeniedException"), ("ThrottlingException", 400), ("ConnectionClosedError", None)
QUEUED, STORED = Reply(body=b'{"MessageId": "m"}'), Reply()
NO_STOPS, UNAVAILABLE = Reply(), Reply(503, b"<html>")
TAKEN = Reply(201, json.dumps({"sid": SID, "status": "queued"}).encode())
NAMES = ("reports", "unmatched", "reports-dlq", "publish-failed", "inbound", "inbound-dlq")
QUEUES = dict.fromkeys(NAMES, "https://sqs.invalid/1/q")
AWS = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "POWERTOOLS_SERVICE_NAME": "",
}
Run = Callable[..., dict[str, Any]]


def settings(api_url: str = "https://nowhere.invalid") -> Reply:
    """GetParameters' answer."""
    values = {f"/stack/secrets/{name}": json.dumps({**each, "api_url": api_url}) for name, each in SECRETS.items()}
    values["/stack/public-base-urls"] = "https://sms.example.com"
    return Reply(body=json.dumps({"Parameters": [{"Name": k, "Value": v} for k, v in values.items()]}).encode())


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:
        yield lambda *replies: stack.enter_context(serving(*replies))


@pytest.fixture
def run(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a function's sample while AWS answers as scripted, and read the line that it wrote."""
    for name, value in {**environment(QUEUES, "arn:aws:sns:eu-west-1:1:alerts"), **AWS}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials that it found first
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(json_client, "JsonClient", partial(json_client.JsonClient, sleep=lambda _: None))

    def run(name: str, *replies: Reply) -> dict[str, Any]:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{serve(*replies).port}")
        handler = cold_start(name.partition("-")[0])
        capsys.readouterr()
        with suppress(SmsTrackerError):
            handler(sample(name), object())
        told = capsys.readouterr().out
        assert [private for private in PRIVATE if private in told] == []
        (line,) = (each for each in map(json.loads, told.splitlines()) if "level" in each)
        return dict(line)

    return run


def tried(call: str, code: str, status: int | None, *thens: str, **more: object) -> list[dict[str, object]]:
    """One entry per failed try."""
    known = {"call": call, "code": code, **({"status": status} if status else {}), **more}
    return [{**known, "attempt": attempt, "then": then} for attempt, then in enumerate(thens, 1)]


PUBLISHED = Reply(body=b'{"FailedEntryCount": 0, "Entries": [{"EventId": "a"}, {"EventId": "b"}]}')
NEVER, TWICE = ("retried", "retried", "given-up"), ("retried", "given-up")


@pytest.mark.parametrize(
    ("name", "replies", "decision", "told"),
    [
        ("webhook-twilio", [settings(), QUEUED], "queued", None),
        ("webhook-twilio", [settings(), THROTTLED, QUEUED], "queued", tried("SendMessage", *SLOWER, "retried")),
        ("webhook-twilio", [settings(), UNWELL], "unavailable", tried("SendMessage", "InternalError", 503, *TWICE)),
        ("webhook-twilio", [DROP, settings(), QUEUED], "queued", tried("GetParameters", *CLOSED, "retried")),
        ("publisher", [THROTTLED, PUBLISHED], "published", tried("PutEvents", *SLOWER, "retried")),
        ("digest", [Reply(503, b"")], "not-told", tried("Publish", "503", 503, *NEVER)),
        ("query-message", [THROTTLED], "unavailable", tried("GetItem", *SLOWER, *NEVER)),
        ("authorizer", [DENIED], "unavailable", tried("GetItem", "AccessDeniedException", 400, "given-up")),
    ],
)
def test_a_call_to_aws_that_failed_is_told_of_with_what_followed(
    run: Run, name: str, replies: Sequence[Reply], decision: str, told: object
) -> None:
    line = run(name, *replies)

    assert (line["decision"], line.get("failed_calls")) == (decision, told)


def test_tries_of_many_threads_are_all_told_of_those_alike_once(run: Run) -> None:
    line = run("processor", THROTTLED)

    assert line["decision"] == "failed-in-part"
    for each in tried("UpdateItem", *SLOWER, *NEVER, times=3):
        assert each in line["failed_calls"]


FULL = Reply(400, json.dumps({"code": 21611, "message": "queue of +31612345678 full", "status": 400}).encode())


@pytest.mark.parametrize(
    ("answers", "decision", "told"),
    [
        ([FULL, TAKEN], "accepted", tried("twilio POST", "21611", 400, "retried")),
        ([UNAVAILABLE], "outcome-unknown", [{"call": "twilio POST", "attempt": 1, "status": 503, "then": "given-up"}]),
    ],
)
def test_a_provider_that_failed_is_told_of_though_it_took_the_message_afterwards(
    run: Run, serve: Callable[..., Server], answers: Sequence[Reply], decision: str, told: object
) -> None:
    provider = serve(*answers)

    line = run("send", NO_STOPS, settings(f"http://127.0.0.1:{provider.port}"), STORED)

    assert (line["decision"], line["failed_calls"]) == (decision, told)
    assert (line.get("warnings") == ["HTTP 503"]) == (answers == [UNAVAILABLE])


def test_a_provider_that_does_not_answer_is_told_of_with_how_the_call_ended(serve: Callable[..., Server]) -> None:
    failed, provider = FailedCalls(), serve(HANG)
    request = HttpRequest("POST", f"http://127.0.0.1:{provider.port}/", {}, b"To=%2B31612345678")

    deliver_within(0.2, request, failed)

    assert failed.take() == tried("twilio POST", "ReadTimeout", None, "given-up")


def deliver_within(seconds: float, request: HttpRequest, failed: FailedCalls) -> SendOutcome:
    def impatient(request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        assert timeout > seconds
        return provider_http.call(request, timeout=seconds)

    clock = FakeClock()
    pace = Pace(monotonic=clock.monotonic, sleep=clock.sleep, fraction=lambda: 0.5)
    return call_provider(providers.load("twilio"), request, http=impatient, pace=pace, end=20.0, failed=failed)


def test_what_is_told_is_bounded_and_holds_no_number() -> None:
    failed = FailedCalls()
    for number in range(100):
        failed("GetItem", attempt=1, code=f"Odd-{'x' * number} '+31612345678' 31612345678", status=400, again=False)

    told = failed.take()

    assert len(told) == 20
    assert "612345678" not in json.dumps(told)
    assert failed.take() == []

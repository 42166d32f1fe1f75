"""Our JSON client against boto3: the same answers, errors, retries and calls for any server."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sms_tracker.aws import clients, json_client
from sms_tracker.aws.api import Api, ConditionFailed
from sms_tracker.aws.connections import Connections, Endpoint
from sms_tracker.aws.json_client import Credentials, JsonClient, session
from sms_tracker.domain.errors import Rejected, Unavailable
from sms_tracker.log import FailedCalls
from tests.scripted_server import DROP, HANG, Reply, Request, Server, checked, error, serving
from tests.unit.test_sigv4 import by_botocore

SEND = (
    "sqs",
    "SendMessage",
    {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q", "MessageBody": "ünï \ud83d\ude00"},
)
KEY = {"message_id": {"S": "7d2a2b1c-0000-4000-8000-000000000001"}}
UPDATE = (
    "dynamodb",
    "UpdateItem",
    {"TableName": "messages", "Key": KEY, "UpdateExpression": "SET #a = :a", "ExpressionAttributeNames": {"#a": "a"},
     "ExpressionAttributeValues": {":a": {"S": "b"}}, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
)  # fmt: skip
GET = ("dynamodb", "GetItem", {"TableName": "messages", "Key": KEY})
READ = ("ssm", "GetParameters", {"Names": ["/stack/a"], "WithDecryption": True})
Call = tuple[str, str, Mapping[str, Any]]
CREDENTIALS = Credentials("AKIAEXAMPLE", "a-secret", "a-token")
NOW = 1_769_860_800.0  # when the scripted server's Date says it is


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "AWS_SESSION_TOKEN": CREDENTIALS.token or "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_SECURITY_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    session.cache_clear()
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # another test's has another test's credentials
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


def boto3_api(
    server: Server,
    service: str,
    attempts: int,
    patch: pytest.MonkeyPatch,
    failed: FailedCalls | None = None,
    timeout: float = 2.0,
) -> Api:
    patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
    return clients.api(service, timeout=timeout, attempts=attempts, failed=failed)


def small_api(server: Server, service: str, attempts: int, timeout: float = 1.0, **outside: Any) -> JsonClient:
    place = Endpoint("eu-west-1", "127.0.0.1", server.port, tls=False)
    connections = Connections(place, None, connect=timeout, read=timeout)
    return JsonClient(service, place, connections.post, attempts=attempts, **{"sleep": lambda _: None, **outside})


def makers(patch: pytest.MonkeyPatch, service: str, attempts: int) -> Sequence[Callable[..., Api]]:
    return (
        partial(boto3_api, service=service, attempts=attempts, patch=patch),
        partial(small_api, service=service, attempts=attempts),
    )


def outcome(call: Callable[[], Any]) -> tuple[str, object]:
    try:
        answer = call()
    except ConditionFailed as refused:
        return "ConditionFailed", dict(refused.item)
    except (Rejected, Unavailable) as raised:
        return type(raised).__name__, str(raised)
    return "answered", {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def both(
    patch: pytest.MonkeyPatch, call: Call, *replies: Reply, attempts: int = 3, **how: Any
) -> Sequence[tuple[object, list[Request]]]:
    """The results and requests of both clients for the same answers."""
    service, operation, arguments = call
    made = []
    for make in makers(patch, service, attempts):
        with serving(*replies) as server:
            client = make(server, **how)
            made.append((outcome(partial(client, operation, **arguments)), server.requests))
    return made


OLD = {"message_id": {"S": "x"}, "order": {"N": "3"}}
QUERY_ERROR = {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}
SCENARIOS: dict[str, tuple[Call, tuple[Reply, ...], int]] = {
    "sent": (SEND, (Reply(body=b'{"MessageId":"m"}'),), 1),
    "written": (UPDATE, (checked({}),), 1),
    "read": (GET, (checked({"Item": OLD}),), 1),
    "parameters": (READ, (Reply(body=b'{"Parameters":[],"InvalidParameters":["/stack/a"]}'),), 1),
    "throttled once": (UPDATE, (error("ProvisionedThroughputExceededException"), checked({})), 2),
    "throttled for ever": (UPDATE, (error("ThrottlingException"),), 3),
    "throttled by the queue": (SEND, (error("RequestThrottled"), Reply()), 2),
    "another region writes": (UPDATE, (error("ReplicatedWriteConflictException"), checked({})), 2),
    "unwell once": (SEND, (error("InternalError", 500), Reply()), 2),
    "unwell for ever": (SEND, (error("InternalError", 503),), 3),
    "a page of HTML": (SEND, (Reply(502, b"<html><body>Bad Gateway</body></html>"),), 3),
    "unwell without a word": (SEND, (Reply(500, b""),), 3),
    "not implemented": (SEND, (error("NotImplemented", 501),), 1),
    "timed out over there": (UPDATE, (error("RequestTimeout"), checked({})), 2),
    "refused": (SEND, (error("AccessDeniedException"),), 1),
    "no such queue": (SEND, (error("QueueDoesNotExist", 400, QUERY_ERROR),), 1),
    "no such queue, oddly said": (SEND, (error("QueueDoesNotExist", 400, {"x-amzn-query-error": ";Sender"}),), 1),
    "no such table": (GET, (error("ResourceNotFoundException"),), 1),
    "never": (UPDATE, (error("ValidationException"),), 1),
    "never, by the queue": (SEND, (error("InvalidMessageContents"),), 1),
    "condition failed": (UPDATE, (error("ConditionalCheckFailedException", Item=OLD),), 1),
    "condition failed, nothing there": (UPDATE, (error("ConditionalCheckFailedException"),), 1),
    "condition failed later": (UPDATE, (error("ThrottlingException"), error("ConditionalCheckFailedException")), 2),
    "no code": (UPDATE, (Reply(400, b"{}"),), 1),
    "a code with a link": (SEND, (Reply(400, b'{"__type":"Refused:http://internal/doc"}'),), 1),
    "a refusal in no JSON": (SEND, (Reply(400, b"no"),), 1),
    "dropped once": (UPDATE, (DROP, checked({})), 2),
    "dropped for ever": (UPDATE, (DROP,), 3),
    "damaged once": (GET, (checked({"Item": OLD}, wrong=True), checked({"Item": OLD})), 2),
    "a wrong clock": (SEND, (error("RequestTimeTooSkewed", 403),), 1),
    "expired credentials": (UPDATE, (error("ExpiredTokenException"),), 1),
    "said to be over": (SEND, (Reply(headers={"Connection": "close"}),), 1),
}  # fmt: skip


def tries(then: str = "rr", **known: object) -> list[Mapping[str, object]]:
    """One failed try a letter: retried, or given up."""
    words = {"r": "retried", "g": "given-up"}
    return [{"attempt": attempt, **known, "then": words[each]} for attempt, each in enumerate(then, 1)]


THROTTLED = {"code": "ThrottlingException", "status": 400}
FAILED_TRIES: Mapping[str, Sequence[Mapping[str, object]]] = {
    "throttled once": tries("r", code="ProvisionedThroughputExceededException", status=400),
    "throttled for ever": tries("rrg", **THROTTLED),
    "a page of HTML": tries("rrg", code="502", status=502),
    "refused": tries("g", code="AccessDeniedException", status=400),
    "condition failed": [],
    "condition failed later": tries("r", **THROTTLED),
    "dropped once": tries("r", code="ConnectionClosedError"),
}
ANSWERED = {name for name, (_, replies, _) in SCENARIOS.items() if replies[-1].status < 300 and replies[-1] is not DROP}
ANSWERED |= {name for name in SCENARIOS if name.startswith("condition failed")}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_comes_of_it_with_as_many_calls(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call, replies, calls = SCENARIOS[name]

    (theirs, their_requests), (ours, our_requests) = both(monkeypatch, call, *replies)

    assert ours == theirs
    assert len(our_requests) == len(their_requests) == calls


@pytest.mark.parametrize(
    "name", sorted(SCENARIOS.keys() - {"damaged once"})
)  # which botocore sees only after it has told
def test_each_failed_try_is_reported_alike(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (service, operation, arguments), replies, _ = SCENARIOS[name]
    heard = []
    for make in makers(monkeypatch, service, 3):
        failed = FailedCalls()
        with serving(*replies) as server:
            outcome(partial(make(server, failed=failed), operation, **arguments))
        heard.append(failed.take())

    theirs, ours = heard
    assert ours == theirs
    assert ours == [{"call": operation, **each} for each in FAILED_TRIES.get(name, ours)]
    assert len(ours) == len(server.requests) - (name in ANSWERED)


def test_a_missing_answer_has_the_same_time_out_and_number_of_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    (theirs, their_requests), (ours, our_requests) = both(monkeypatch, SEND, HANG, attempts=2, timeout=0.2)

    assert ours == theirs == ("Unavailable", "SendMessage: ReadTimeoutError")
    assert len(our_requests) == len(their_requests) == 2


@pytest.mark.parametrize("call", [SEND, UPDATE, READ], ids=lambda call: call[1])
def test_the_requests_are_equal_and_correctly_signed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    service = call[0]

    (_, (theirs,)), (_, (ours,)) = both(monkeypatch, call, Reply())

    for name in ("x-amz-target", "content-type", "x-amz-security-token", "x-amzn-query-mode"):
        assert ours.headers.get(name) == theirs.headers.get(name)
    assert json.loads(ours.body) == json.loads(theirs.body)
    given = {
        name: ours.headers[name] for name in _signed(ours) if not name.startswith("x-amz-") or name == "x-amz-target"
    }
    expected = by_botocore(CREDENTIALS, service, "eu-west-1", given, ours.body, ours.headers["x-amz-date"])
    assert ours.headers["authorization"] == expected["authorization"]


def _signed(request: Request) -> list[str]:
    return request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")


def test_an_unreachable_endpoint_is_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Reply()) as server:
        pass
    _, operation, arguments = SEND
    theirs, ours = boto3_api(server, "sqs", 2, monkeypatch), small_api(server, "sqs", 2)

    expected = ("Unavailable", "SendMessage: EndpointConnectionError")
    assert outcome(lambda: theirs(operation, **arguments)) == outcome(lambda: ours(operation, **arguments)) == expected


FULL = error("ThrottlingException")


@pytest.mark.parametrize(
    ("replies", "attempts", "calls", "requests"),
    [
        pytest.param([FULL], 3, 60, 60 + 500 // 5, id="while everything fails, fewer calls are repeated"),
        pytest.param([FULL, Reply()] * 150 + [FULL], 2, 300, 450 + 500 // 5, id="a success gives back what it took"),
    ],
)
def test_retries_keep_to_botocores_quota(
    monkeypatch: pytest.MonkeyPatch, replies: Sequence[Reply], attempts: int, calls: int, requests: int
) -> None:
    for make in makers(monkeypatch, "sqs", attempts):
        with serving(*replies) as server:
            client = make(server)
            for _ in range(calls):
                outcome(partial(client, SEND[1], **SEND[2]))

        assert len(server.requests) == requests


def test_tries_are_apart_by_a_random_part_of_a_doubling_time_and_copies_of_a_snapshot_do_not_wait_alike() -> None:
    waited: list[float] = []
    drawn: list[float] = []
    with serving(FULL) as server:
        client = small_api(server, "sqs", 8, sleep=waited.append, fraction=lambda: 0.5)
        outcome(lambda: client(SEND[1], **SEND[2]))
        for _ in range(3):
            random.seed(1)  # as in every copy
            copy = small_api(server, "sqs", 2, sleep=drawn.append)
            outcome(partial(copy, SEND[1], **SEND[2]))

    assert waited == [0.5, 1, 2, 4, 8, 10, 10]
    assert len(set(drawn)) == 3


def test_a_signature_made_by_the_clock_of_a_sandbox_just_thawed_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    # Found in aws/aws-sdk-js-v3#7605
    clock = iter([time.gmtime(1_769_860_000), time.gmtime(1_769_861_000)])  # corrected between the tries
    monkeypatch.setattr(json_client, "time", SimpleNamespace(strftime=time.strftime, gmtime=lambda: next(clock)))
    with serving(error("InvalidSignatureException"), checked({"Item": OLD})) as server:
        answer = small_api(server, "dynamodb", 3)(GET[1], **GET[2])

    assert answer == {"Item": OLD}
    assert [each.headers["x-amz-date"] for each in server.requests] == ["20260131T114640Z", "20260131T120320Z"]


# -- Credentials, and answers that botocore takes for empty ones -------------------------------------------------------


def test_credentials_are_read_from_the_environment_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Reply()) as server:
        client = small_api(server, "sqs", 1)
        client(SEND[1], **SEND[2])
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAROTATED")
        monkeypatch.delenv("AWS_SESSION_TOKEN")
        client(SEND[1], **SEND[2])

    first, second = server.requests
    assert "Credential=AKIAEXAMPLE/" in first.headers["authorization"]
    assert "Credential=AKIAROTATED/" in second.headers["authorization"]
    assert "x-amz-security-token" not in second.headers


def test_where_the_environment_has_none_they_are_what_botocore_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = tmp_path / "credentials"
    known.write_text("[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(known))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with serving(Reply()) as server:
        small_api(server, "sqs", 1)(SEND[1], **SEND[2])

    assert "Credential=AKIAFILE/" in server.requests[0].headers["authorization"]


def test_where_the_environment_has_none_botocore_is_imported_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    json_client.api("sqs")

    assert session.cache_info().currsize == 1


def test_without_any_there_is_an_error_and_no_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with serving(Reply()) as server:
        client = small_api(server, "sqs", 1)

        assert outcome(lambda: client(SEND[1], **SEND[2])) == ("Unavailable", "credentials: NoCredentialsError")

    assert server.requests == []


def test_an_answer_that_cannot_be_read_is_no_success() -> None:
    """Botocore reads it as an empty answer: a lost message, a missing record."""
    with serving(Reply(body=b"garbage")) as server:
        client = small_api(server, "dynamodb", 3)

        assert outcome(lambda: client(GET[1], **GET[2])) == ("Unavailable", "GetItem: 200")


def test_an_answer_that_stays_damaged_is_no_success() -> None:
    """Botocore returns it after its last try."""
    failed = FailedCalls()
    with serving(checked({"Item": OLD}, wrong=True)) as server:
        client = small_api(server, "dynamodb", 3, failed=failed)

        assert outcome(lambda: client(GET[1], **GET[2])) == ("Unavailable", "GetItem: ChecksumError")

    assert len(server.requests) == 3
    assert [(each["code"], each["then"]) for each in failed.take()] == [
        ("ChecksumError", then) for then in ("retried", "retried", "given-up")
    ]


# -- Connections -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "connections"),
    [
        pytest.param([Reply()], [0] * 5, id="one serves many calls"),
        pytest.param([Reply(close=True)], [0, 1, 2], id="a closed idle one costs neither a try nor a wait"),
        pytest.param([Reply(), DROP, Reply()], [0, 0, 1], id="one that dies under a call is replaced once"),
    ],
)
def test_connections_are_kept_and_replaced(replies: Sequence[Reply], connections: Sequence[int]) -> None:
    waited: list[float] = []
    with serving(*replies) as server:
        client = small_api(server, "sqs", 1, sleep=waited.append)
        for _ in range(len(connections) - (DROP in replies)):
            client(SEND[1], **SEND[2])

    assert [request.connection for request in server.requests] == connections
    assert waited == []


def test_a_connection_that_was_idle_too_long_is_not_used_again() -> None:
    clock = [NOW]
    with serving(Reply()) as server:
        place = Endpoint("eu-west-1", "127.0.0.1", server.port, tls=False)
        connections = Connections(place, None, connect=1.0, read=5.0, now=lambda: clock[0])
        for later in (NOW, NOW + 19, NOW + 40, NOW - 10):
            clock[0] = later
            connections.post({"host": "h"}, b"{}")

    assert [request.connection for request in server.requests] == [0, 0, 1, 2]

"""Test keys on the deployed stack: each documented number to its end, and nothing of it at a provider or in live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local import observe
from local.observe import Queue
from local.stack import Stack
from tests.e2e import clients, command, watch
from tests.e2e.provider import Simulator
from tests.unit.test_built_in import ENDS, NUMBER, documented

CLIENT = "tester"
NOT_TAKEN = {"09": (422, "refused-by-provider"), "10": (422, "recipient-opted-out"), "23": (502, "account-refused")}
SILENT = "08"


@dataclass(frozen=True, slots=True)
class Run:
    """The answers to one message to each number, and the consumers' queues."""

    answers: dict[str, httpx.Response]
    tested: Queue
    live: Queue


@pytest.fixture(scope="module")
def testing(stack: Stack) -> Iterator[httpx.Client]:
    key = command.run(stack, "ops.api_key", "--client", CLIENT, "--scopes", "test").stdout.strip()
    with clients.with_key(stack, key) as client:
        yield client


def post(api: httpx.Client, digits: str, **fields: str) -> httpx.Response:
    request = {"to": NUMBER(digits), "body": "Your parcel is here", "reference": f"test-{digits}", **fields}
    return api.post("/messages", json=request, headers={"idempotency-key": f"test-{digits}"})


@pytest.fixture(scope="module")
def run(stack: Stack, testing: httpx.Client) -> Run:
    bus, live_only = stack.deployment.outputs["BusName"], {"source": ["sms-tracker"], "detail": {"client": [CLIENT]}}
    tested = observe.events(stack.clients, bus=bus, pattern={"source": ["sms-tracker.test"]}, name="observed-tests")
    live = observe.events(stack.clients, bus=bus, pattern=live_only, name="observed-live")
    return Run({number[-2:]: post(testing, number[-2:]) for number in documented()}, tested, live)


def test_every_documented_number_is_run(run: Run) -> None:
    assert run.answers.keys() == {*ENDS, *NOT_TAKEN, "12"} - {"99"}


@pytest.mark.parametrize("digits", [each for each in ENDS if each not in {SILENT, "99"}])
def test_a_message_that_is_taken_ends_as_documented(digits: str, run: Run, testing: httpx.Client) -> None:
    answered = run.answers[digits]
    assert answered.status_code == 202
    assert answered.json()["provider"] == "test"

    status, reason = ENDS[digits]

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = testing.get(f"/messages/{answered.json()['message_id']}").raise_for_status().json()
        return found if found["status"] == status else None

    found = watch.eventually(look, f"{NUMBER(digits)} is not {status}")
    assert (found["failure"] or {}).get("reason") == reason
    assert {report["source"] for report in found["reports"]} >= {"callback"}


@pytest.mark.parametrize("digits", NOT_TAKEN)
def test_a_message_that_is_not_taken_is_answered_as_documented(digits: str, run: Run) -> None:
    status, problem = NOT_TAKEN[digits]

    assert run.answers[digits].status_code == status
    assert run.answers[digits].json()["type"] == f"urn:sms-tracker:problem:{problem}"


def test_after_a_503_the_same_key_is_delivered(run: Run, testing: httpx.Client) -> None:
    assert run.answers["12"].status_code == 503

    again = post(testing, "12")

    assert again.status_code == 202
    assert watch.final(testing, again.json()["message_id"])["status"] == "delivered"


def test_a_silent_message_stays_accepted(run: Run, testing: httpx.Client) -> None:
    found = testing.get(f"/messages/{run.answers[SILENT].json()['message_id']}").json()

    assert (found["status"], found["final"]) == ("accepted", False)


def test_a_consumer_of_tests_gets_every_failure_and_correction_and_one_of_live_nothing(run: Run) -> None:
    failed = {digits for digits, (status, _) in ENDS.items() if status not in {"accepted", "delivered"}} | {"09", "10"}
    wanted = {f"test-{digits}" for digits in failed} | {"test-18"}

    def complete(seen: list[dict[str, Any]]) -> bool:
        return any(each["corrects"] for each in seen) and {each["reference"] for each in seen} >= wanted

    got = watch.events(run.tested, complete, "a test's event is missing")
    assert {event["source"] for event in got} == {"sms-tracker.test"}
    assert run.live.drain() == []


def test_no_provider_is_asked(run: Run, simulators: dict[str, Simulator]) -> None:
    assert run.answers
    assert {to for each in simulators.values() for to in map(NUMBER, run.answers) if each.posts(to)} == set()


def test_each_kind_of_key_finds_its_own_messages(run: Run, stack: Stack, testing: httpx.Client) -> None:
    path = f"/messages/{run.answers['00'].json()['message_id']}"
    with clients.of(stack, CLIENT, "send", "read", "admin") as live:
        assert (testing.get(path).status_code, live.get(path).status_code) == (200, 404)
        found = [api.get("/messages", params={"to": NUMBER("00")}).json()["messages"] for api in (testing, live)]
        assert [len(each) for each in found] == [1, 0]
        assert live.post("/messages", json={"to": NUMBER("00"), "body": "x", "provider": "test"}).status_code == 400
    assert post(testing, "00", provider="twilio").status_code == 400


@pytest.mark.parametrize(("method", "path"), [("GET", "/stats"), ("GET", "/opt-outs"), ("PUT", "/opt-outs")])
def test_a_test_key_reaches_nothing_that_is_live(method: str, path: str, testing: httpx.Client) -> None:
    refused = testing.request(method, path, json={"to": NUMBER("00")} if method == "PUT" else None)

    assert (refused.status_code, refused.json()["type"]) == (403, "urn:sms-tracker:problem:test-key")


def test_statistics_leave_tests_out(run: Run, stack: Stack) -> None:
    assert run.answers
    watch.counted(stack)

    with clients.of(stack, CLIENT, "read", "send") as live:
        stats = live.get("/stats").raise_for_status().json()

    assert stats["groups"] == []

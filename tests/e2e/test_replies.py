"""Replies, from a person's handset to opt-outs, events and refused sends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.observe import Queue
from local.stack import Stack
from tests.e2e import clients, command, watch
from tests.e2e.provider import NAMES, Simulator, number
from tests.e2e.test_secrecy import FUNCTIONS

A, B = "+15550001111", "+15550002222"
RECEIVED, CHANGED = "SMS Received", "SMS Opt-Out Changed"
ACCEPTED, REFUSED = 202, 422


@pytest.fixture(scope="module")
def heard(stack: Stack) -> Queue:
    """What a consumer of replies receives from here on."""
    return stack.observe_events(name="replies", kinds=(RECEIVED, CHANGED))


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[httpx.Client]:
    with clients.of(stack, "support", "admin", "read") as client:
        yield client


def send(api: httpx.Client, provider: str, to: str, sender: str) -> httpx.Response:
    return api.post("/messages", json={"to": to, "from": sender, "provider": provider, "body": "News"})


def is_blocked(admin: httpx.Client, provider: str, to: str, sender: str) -> bool:
    asked = {"to": to, "provider": provider, "from": sender}
    (found,) = admin.get("/opt-outs", params=asked).raise_for_status().json()["opt_outs"]
    return bool(found["blocked"])


def becomes(admin: httpx.Client, provider: str, to: str, sender: str, *, blocked: bool) -> None:
    watch.eventually(
        lambda: is_blocked(admin, provider, to, sender) is blocked, f"{provider}: blocked is not {blocked}"
    )


def next_second() -> None:
    """Providers date replies by the second at worst, and of a STOP and a START in one second the STOP wins."""
    second = int(time.time())
    watch.eventually(lambda: int(time.time()) > second, "the clock stands still")


def events(heard: Queue, person: str, *, of: int) -> list[dict[str, Any]]:
    """The first events that name ``person``, as many as that; those about others are let go."""

    def about(bodies: list[str]) -> list[dict[str, Any]]:
        return [each for each in map(json.loads, bodies) if person in json.dumps(each["detail"])]

    return about(watch.collected(heard, lambda bodies: len(about(bodies)) >= of, f"no {of} events"))


@pytest.mark.parametrize("provider", NAMES)
def test_a_stop_to_one_sender_blocks_that_one_until_a_start(
    provider: str,
    stack: Stack,
    api: httpx.Client,
    admin: httpx.Client,
    simulators: dict[str, Simulator],
    heard: Queue,
) -> None:
    person, simulator = number("00"), simulators[provider]

    assert set(simulator.reply(person, A, "Stop.")) <= {200, 204}
    becomes(admin, provider, person, A, blocked=True)
    before = len(simulator.posts(person))
    refused, other = send(api, provider, person, A), send(api, provider, person, B)

    assert (refused.status_code, refused.json()["type"]) == (REFUSED, "urn:sms-tracker:problem:recipient-opted-out")
    record = api.get(f"/messages/{refused.json()['message_id']}").json()
    assert (record["status"], record["failure"]["reason"], record["opt_out_scope"]) == ("failed", "opted_out", None)
    seen = admin.get(f"/messages/{record['message_id']}").json()
    assert seen["opt_out_scope"] == f"sender:{provider}:{A}"  # the other key lists no senders
    assert other.status_code == ACCEPTED
    assert len(simulator.posts(person)) == before + 1  # the other sender's

    next_second()
    simulator.reply(person, A, "START")
    becomes(admin, provider, person, A, blocked=False)
    assert send(api, provider, person, A).status_code == ACCEPTED
    told = events(heard, person, of=4)
    kinds = [each["detail-type"] for each in told]
    undated = [each for each in told if each["detail-type"] == RECEIVED and each["detail"]["sent_at"] is None]
    assert len(undated) == (2 if provider == "aws" else 0)
    assert (kinds.count(RECEIVED), kinds.count(CHANGED)) == (2, 2)
    assert {each["detail"]["body"] for each in told if each["detail-type"] == RECEIVED} == {"Stop.", "START"}
    assert watch.held(stack, "InboundDlqUrl") == 0


@pytest.mark.parametrize("provider", NAMES)
def test_a_forged_stop_changes_nothing(
    provider: str, api: httpx.Client, admin: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    person = number("00")

    assert set(simulators[provider].reply(person, A, "STOP", forged=True)) <= {403}  # AWS's topic takes none
    assert not is_blocked(admin, provider, person, A)
    assert send(api, provider, person, A).status_code == ACCEPTED


@pytest.mark.parametrize("provider", NAMES)
def test_a_provider_s_refusal_is_learnt_without_a_reply(
    provider: str, api: httpx.Client, admin: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    person = number("10")
    send(api, provider, person, A)
    becomes(admin, provider, person, A, blocked=True)

    answer = send(api, provider, person, A)

    assert (answer.status_code, answer.json()["type"]) == (REFUSED, "urn:sms-tracker:problem:recipient-opted-out")
    assert len(simulators[provider].posts(person)) == 1


def places(stack: Stack, *words: str) -> set[str]:
    """The tables, queues and logs of the service in which any of the ``words`` stands."""
    outputs, clients = stack.deployment.outputs, stack.clients
    tables = [name for name in outputs if name.endswith("TableName")]
    scans = {name: clients.dynamodb.get_paginator("scan").paginate(TableName=outputs[name]) for name in tables}
    held: dict[str, object] = {name: [page["Items"] for page in pages] for name, pages in scans.items()}
    held |= {name: watch.bodies(stack, name) for name in outputs if name.endswith(("QueueUrl", "DlqUrl"))}
    held |= {f"log of {name}": stack.logs(name) for name in FUNCTIONS}
    return {place for place, found in held.items() if any(word in json.dumps(found, default=str) for word in words)}


def test_a_forgotten_person_stays_blocked_and_nothing_readable_is_left(
    stack: Stack, api: httpx.Client, admin: httpx.Client, simulators: dict[str, Simulator], heard: Queue
) -> None:
    person, text = number("00"), "It is me, Jane Roe"
    digits = person.removeprefix("+")
    watch.final(api, send(api, "twilio", person, A).json()["message_id"])
    simulators["twilio"].reply(person, A, text)
    simulators["twilio"].reply(person, A, "STOP")
    becomes(admin, "twilio", person, A, blocked=True)
    unreadable = json.dumps({"v": 9, "from": person, "text": text})
    stack.clients.sqs.send_message(QueueUrl=stack.deployment.outputs["InboundQueueUrl"], MessageBody=unreadable)
    events(heard, person, of=3)
    watch.eventually(lambda: watch.held(stack, "InboundQueueUrl") == 0, "the inbound queue is not empty")
    watch.drained(stack)
    assert places(stack, digits, text) == {"MessagesTableName", "StateTableName", "InboundDlqUrl"}

    def forget() -> None:
        done = command.run(stack, "ops.forget", "--to", person, "--apply")
        assert done.returncode == 0, done.stdout + done.stderr

    forget()
    assert places(stack, digits, text) == set()
    assert send(api, "twilio", person, A).status_code == REFUSED
    assert places(stack, digits, text) == {"MessagesTableName"}  # the record of the refused request
    forget()
    assert places(stack, digits, text) == set()
    assert is_blocked(admin, "twilio", person, A)
    assert len(simulators["twilio"].posts(person)) == 1


def test_a_manual_block_ends_by_hand_and_a_stop_by_an_admin_with_a_reason(
    api: httpx.Client, admin: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    about = {"to": number("00"), "provider": "twilio", "from": A}

    assert admin.put("/opt-outs", json=about).json()["cause"] == "added"
    assert api.put("/opt-outs", json=about).status_code == 403  # the key lists no senders
    assert admin.delete("/opt-outs", params=about).json()["blocked"] is False
    simulators["twilio"].reply(about["to"], A, "STOP")
    becomes(admin, "twilio", about["to"], A, blocked=True)
    assert admin.delete("/opt-outs", params=about).status_code == 409
    assert admin.delete("/opt-outs", params={**about, "reason": "asked by phone"}).json()["blocked"] is False


def test_bird_says_what_a_stop_covers_and_which_words_it_knows(
    api: httpx.Client, admin: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    person, bird, sender = number("00"), simulators["bird"], "+15550003333"
    bird.settings(coverage="non_transactional", own_start="ja")
    try:
        bird.reply(person, sender, "STOP")
        becomes(admin, "bird", person, sender, blocked=True)
        message = {"to": person, "from": sender, "provider": "bird", "body": "News"}
        codes = [
            api.post("/messages", json={**message, "category": category}).status_code
            for category in ("marketing", "transactional")
        ]
        assert codes == [REFUSED, ACCEPTED]
        bird.reply(person, sender, "Ja!")
        becomes(admin, "bird", person, sender, blocked=False)
    finally:
        bird.settings(coverage="all", own_start="")

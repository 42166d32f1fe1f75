"""After a deployment, keys, and forgetting somebody: the operator's commands on the deployed stack."""

from __future__ import annotations

import json

import httpx

from local import simulators
from local.stack import Stack
from ops.queues import QUEUES, QueueScan
from ops.smoke.sending import TEST_ENTRIES
from tests.e2e import clients, command, watch
from tests.e2e.provider import Simulator, callback, number, report_fields, signed, tell

NOBODY = "00000000-0000-0000-0000-000000000000"


def test_a_deployment_that_is_well_passes_every_check(stack: Stack, api_key: str) -> None:
    variables = {
        "URL": stack.api_url,
        "KEY": api_key,
        "READ_KEY": stack.create_key("e2e", {"read"}),
        "SEND_KEY": stack.create_key("e2e", {"send"}),
    }
    for name, url in stack.simulator_urls.items():
        document = simulators.load(name).credentials(url)
        variables |= {variable: document[entry] for entry, variable in TEST_ENTRIES[name].items()}

    done = command.run(stack, "ops.smoke", "--to", number("00"), "--seconds", "60", **variables)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "secrets: of stack sms-tracker" in done.stdout
    assert "1 skipped, 0 broken" in done.stdout  # the local address is plain http
    assert api_key not in done.stdout + done.stderr
    assert watch.found_in(stack, "UnmatchedQueueUrl", NOBODY)


def test_a_deployment_that_does_not_know_the_key_does_not_pass(stack: Stack) -> None:
    done = command.run(stack, "ops.smoke", URL=stack.api_url, KEY="smst_revoked-long-ago")

    assert done.returncode == 1
    assert "broken: GET /messages with the key is answered" in done.stderr


def status(api: httpx.Client, key: str) -> int:
    return api.get("/messages", headers={"authorization": f"Bearer {key}"}).status_code


def test_a_rotated_key_and_the_old_one_open_until_the_old_one_is_revoked(stack: Stack, api: httpx.Client) -> None:
    old = command.run(stack, "ops.api_key", "--client", "rotating").stdout.strip()
    (name,) = (line.split()[0] for line in keys_of(stack, "rotating"))

    new = command.run(stack, "ops.api_key", "rotate", name).stdout.strip()
    both = len(keys_of(stack, "rotating"))
    revoked = command.run(stack, "ops.api_key", "revoke", name, "--apply")

    assert (both, revoked.returncode) == (2, 0)
    assert (status(api, new), status(api, old)) == (200, 403)  # the old one was not used, so nothing remembers it


def keys_of(stack: Stack, client: str) -> list[str]:
    listed = command.run(stack, "ops.api_key", "list").stdout.splitlines()
    return [line for line in listed if client in line.split()]


def test_a_forgotten_person_is_in_no_record_and_no_queue_and_gets_no_second_message(
    stack: Stack, api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    to = number("01")  # undelivered
    request = {"to": to, "body": "Meet me", "provider": "twilio", "reference": f"of {to}"}
    sent = api.post("/messages", json=request, headers={"idempotency-key": f"forget-{to}"}).raise_for_status().json()
    watch.final(api, sent["message_id"])
    foreign = signed(
        "twilio", callback(stack.api_url, "twilio", NOBODY), {**report_fields("twilio", "SM1", "sent"), "To": to}
    )
    assert tell(foreign) == 204
    watch.drained(stack)
    watch.eventually(lambda: names(stack, to) == 2, "a record and a report name the number")

    done = command.run(stack, "ops.forget", "--to", to, "--apply")

    assert done.returncode == 0, done.stdout + done.stderr
    assert names(stack, to) == 0
    assert api.get("/messages", params={"to": to}).json()["messages"] == []
    again = api.post("/messages", json=request, headers={"idempotency-key": f"forget-{to}"})
    assert (again.status_code, again.json()["to"]) == (202, None)
    assert len(simulators["twilio"].taken(to)) == 1
    assert api.get(f"/messages/{sent['message_id']}").json()["status"] == "undelivered"


def test_a_stopped_client_is_sent_nothing_for_until_its_start(stack: Stack, simulators: dict[str, Simulator]) -> None:
    to = number("00")
    message = {"to": to, "body": "Hello", "provider": "twilio"}

    def told(action: str, client: str, why: str) -> None:
        done = command.run(stack, "ops.sending", action, "--client", client, "--by", "ann", "--why", why)
        assert done.returncode == 0, done.stderr

    with clients.of(stack, "halting", "send", "read") as halting, clients.of(stack, "started", "send") as started:
        assert halting.post("/messages", json=message).status_code == 202
        told("stop", "started", "leaked key")
        told("start", "started", "key revoked")
        told("stop", "halting", "leaked key")

        def refused() -> httpx.Response | None:
            answer = halting.post("/messages", json=message)
            return answer if answer.status_code == 503 else None

        refusal = watch.eventually(refused, "the stop does not hold", every=0.5)
        taken = len(simulators["twilio"].taken(to))
        assert refused()
        assert halting.get("/messages", params={"to": to}).status_code == 200
        assert len(simulators["twilio"].taken(to)) == taken
        assert started.post("/messages", json=message).status_code == 202  # one item has both clients' instructions

    assert refusal.json()["type"] == "urn:sms-tracker:problem:sending-stopped"
    assert "leaked key" in refusal.json()["detail"]


def names(stack: Stack, to: str) -> int:
    """How many records and waiting messages hold the number, in any attribute."""
    table = stack.deployment.outputs["MessagesTableName"]
    pages = stack.clients.dynamodb.get_paginator("scan").paginate(TableName=table)
    records = sum(to[1:] in json.dumps(item) for page in pages for item in page["Items"])
    queues = [stack.deployment.outputs[output] for output in QUEUES.values()]
    sweeps = (QueueScan(sqs=stack.clients.sqs, queue=queue, number=to, wait=0) for queue in queues)
    return records + sum(sweep.run(apply=False) for sweep in sweeps)

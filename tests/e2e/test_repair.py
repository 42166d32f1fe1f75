"""The operator's command, as a person runs it, against the deployed stack."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import httpx
import pytest

from local.clients import REGION
from local.observe import Queue
from local.stack import Stack
from tests.e2e import command, watch
from tests.e2e.provider import number

REGION_LINE = f"stack sms-tracker, region {REGION} (AWS_DEFAULT_REGION)\n"


def repair(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make repair ARGS=…` without make."""
    return command.run(stack, "ops.repair", *arguments)


@pytest.fixture(scope="module")
def heard(stack: Stack) -> Queue:
    """What a consumer on the bus receives from here on."""
    return stack.observe_events(name="repair-events")


@pytest.fixture
def failed(api: httpx.Client, heard: Queue) -> dict[str, Any]:
    """A message that was not delivered, and whose event was received."""
    answer = api.post("/messages", json={"to": number("01"), "body": "To be told of again", "provider": "twilio"})
    record = watch.final(api, answer.raise_for_status().json()["message_id"])
    assert event_of(heard, record)["status"] == "undelivered"
    return record


def event_of(heard: Queue, record: dict[str, Any]) -> dict[str, Any]:
    return watch.event(heard, record["message_id"], version=record["version"])


def test_an_event_is_published_again_under_its_own_version(stack: Stack, heard: Queue, failed: dict[str, Any]) -> None:
    done = repair(stack, "republish", "--id", failed["message_id"], "--apply")

    assert (done.returncode, done.stderr) == (0, REGION_LINE)
    assert done.stdout == "1 published\nmessages read: 1; 1 published again\n"
    again = event_of(heard, failed)
    assert (again["status"], again["failure"]["code"], again["previous_status"]) == ("undelivered", "30003", "sent")


def test_what_could_not_be_published_is_made_again_from_the_table(
    stack: Stack, heard: Queue, failed: dict[str, Any]
) -> None:
    sqs, url = stack.clients.sqs, stack.deployment.outputs["PublishFailedQueueUrl"]
    change = {"dynamodb": {"Keys": {"message_id": {"S": failed["message_id"]}}}}
    pointer = {"DDBStreamBatchInfo": {"shardId": f"shardId-{failed['message_id']}"}}
    for body in (pointer, change):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))

    done = repair(stack, "redrive", "publish-failed", "--apply")

    assert done.returncode == 0, done.stderr
    assert f"{failed['message_id']}: published" in done.stdout
    assert "left: no record has its message id" in done.stdout
    assert event_of(heard, failed)["status"] == "undelivered"
    left = watch.found_in(stack, "PublishFailedQueueUrl", f"shardId-{failed['message_id']}")
    assert json.loads(left["Body"]) == pointer


def test_a_record_that_says_other_than_its_reports_is_rebuilt(
    stack: Stack, api: httpx.Client, failed: dict[str, Any]
) -> None:
    key = {"message_id": {"S": failed["message_id"]}}
    stack.clients.dynamodb.update_item(
        TableName=stack.deployment.outputs["MessagesTableName"],
        Key=key,
        UpdateExpression="SET #status = :wrong, #order = :order",
        ExpressionAttributeNames={"#status": "status", "#order": "order"},
        ExpressionAttributeValues={":wrong": {"S": "sent"}, ":order": {"N": "24"}},
    )

    done = repair(stack, "rebuild", "--id", failed["message_id"], "--apply")

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"{failed['message_id']}: sent -> undelivered (written)",
        "messages read: 1; 1 rebuilt",
    ]
    now = api.get(f"/messages/{failed['message_id']}").raise_for_status().json()
    assert (now["status"], now["final"], now["version"]) == ("undelivered", True, failed["version"] + 1)


@pytest.mark.parametrize(
    "command",
    [
        ["stuck"],
        ["stuck", "--open"],
        ["rebuild"],
        ["rebuild", "--open"],
        ["republish"],
        ["redrive", "unmatched"],
        ["redrive", "publish-failed"],
    ],
)
def test_a_dry_run_finds_the_stack_and_changes_nothing(stack: Stack, command: list[str]) -> None:
    done = repair(stack, *command)

    assert done.returncode == 0, done.stderr
    assert command[0] == "stuck" or "nothing was changed" in done.stderr


def test_a_stack_that_is_not_there_is_one_line(stack: Stack) -> None:
    done = repair(stack, "stuck", "--stack", "no-such-stack")

    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [f"error: no stack no-such-stack in {REGION}"]

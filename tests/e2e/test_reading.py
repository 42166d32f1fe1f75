"""The read routes over HTTP: a message with its timeline, lists over every index, and nobody else's messages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.e2e import clients, watch
from tests.e2e.provider import number


@pytest.fixture(scope="module")
def read(api: httpx.Client) -> list[dict[str, Any]]:
    """Three messages of one reference to one recipient, oldest first, as their records are when final."""
    message = {"to": number("01"), "body": "Hello", "provider": "twilio", "reference": "a shelf / 3"}
    sent = [api.post("/messages", json=message).json() for _ in range(3)]
    return [watch.final(api, each["message_id"], reports=3) for each in sent]


def listed(api: httpx.Client, **query: str) -> list[str]:
    answer = api.get("/messages", params=query)
    assert answer.status_code == 200, answer.text
    return [each["message_id"] for each in answer.json()["messages"]]


def test_a_message_is_shown_with_its_timeline(read: list[dict[str, Any]]) -> None:
    record = read[0]

    assert (record["status"], record["final"], record["outcome"]) == ("undelivered", True, "failure")
    assert record["failure"]["code"] == "30003"
    assert {(report["provider_status"], report["source"], report["code"]) for report in record["reports"]} == {
        ("queued", "answer", None),
        ("sent", "callback", None),
        ("undelivered", "callback", "30003"),
    }
    assert record["body"] is None


def test_messages_are_found_by_each_index_newest_first(read: list[dict[str, Any]], api: httpx.Client) -> None:
    ids = [record["message_id"] for record in reversed(read)]

    assert listed(api, to=read[0]["to"]) == ids
    assert listed(api, reference="a shelf / 3") == ids
    assert listed(api, provider_message_id=read[1]["provider_message_id"]) == [read[1]["message_id"]]
    assert set(ids) <= set(listed(api, status="undelivered", limit="100"))  # in the order in which they failed
    assert [each for each in listed(api, since=read[0]["created_at"], limit="100") if each in ids] == ids
    assert listed(api, to=read[0]["to"], until=read[0]["created_at"]) == ids[2:]
    assert listed(api, to=read[0]["to"], status="delivered") == []


def test_a_list_goes_on_from_its_cursor(read: list[dict[str, Any]], api: httpx.Client) -> None:
    first = api.get("/messages", params={"to": read[0]["to"], "limit": 2}).json()
    rest = api.get("/messages", params={"to": read[0]["to"], "limit": 2, "cursor": first["cursor"]}).json()

    assert [each["message_id"] for each in first["messages"] + rest["messages"]] == [
        record["message_id"] for record in reversed(read)
    ]
    assert rest["cursor"] is None


def test_another_clients_message_is_not_there(read: list[dict[str, Any]], stack: Stack) -> None:
    with clients.of(stack, "another", "read") as stranger:
        answer = stranger.get(f"/messages/{read[0]['message_id']}")
        absent = stranger.get("/messages/00000000-0000-4000-8000-000000000000")
        assert listed(stranger, to=read[0]["to"]) == []
        assert listed(stranger, reference="a shelf / 3") == []

    assert answer.status_code == 404
    assert answer.json() == absent.json()

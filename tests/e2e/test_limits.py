"""Limits with many senders at once: separate processes on the tables, and the real API with its policies enforced."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests import tables
from tests.e2e import clients, watch
from tests.e2e.conftest import LIMITED
from tests.e2e.limited_senders import EACH, FLAKY, LIMIT, Tables, run
from tests.e2e.provider import Simulator, number

PROCESSES = 50


@pytest.fixture
def both(emulated: str) -> Tables:
    for resource, name in (("MessagesTable", "messages"), ("StateTable", "state")):
        tables.create(tables.client(emulated), resource, name)
    return Tables(emulated)


def items(found: Tables, table: str) -> list[dict[str, Any]]:
    pages = tables.client(found.endpoint).get_paginator("scan").paginate(TableName=table)
    return [dict(item) for page in pages for item in page["Items"]]


def counted(found: Tables, client: str) -> int:
    (counter,) = (each for each in items(found, "state") if each["pk"]["S"].endswith(f"-31#{client}"))
    return int(counter["d"]["N"])


def test_fifty_processes_get_exactly_as_many_messages_through_as_the_limit_says(both: Tables) -> None:
    replies = run(both, "shop", PROCESSES)

    assert replies == Counter({"202": LIMIT, "429": PROCESSES * EACH - LIMIT, "taken": LIMIT})
    assert counted(both, "shop") == LIMIT
    assert len(items(both, "messages")) == LIMIT, "what was refused left nothing"


def test_where_the_provider_refuses_half_what_is_counted_is_what_was_taken(both: Tables) -> None:
    processes = 20
    replies = run(both, FLAKY, processes)

    assert replies == Counter(
        {"202": processes * EACH // 2, "422": processes * EACH // 2, "taken": processes * EACH // 2}
    )
    assert counted(both, FLAKY) == replies["taken"]


def test_the_api_hands_over_exactly_a_limit_of_concurrent_requests(
    stack: Stack, simulators: dict[str, Simulator]
) -> None:
    to, most = number("00"), 30
    with clients.of(stack, LIMITED, "send", "read") as api:

        def post(each: int) -> httpx.Response:
            return api.post("/messages", json={"to": to, "body": f"Number {each}"})

        with ThreadPoolExecutor(6) as pool:
            replies = list(pool.map(post, range(most + 10)))

    refused = [each.json() for each in replies if each.status_code == 429]
    assert Counter(each.status_code for each in replies) == {202: most, 429: 10}
    assert {each["limit"] for each in refused} == {"client_per_day"}
    assert {each["type"] for each in refused} == {"urn:sms-tracker:problem:over-limit"}
    assert all(int(each.headers["retry-after"]) > 0 for each in replies if each.status_code == 429)
    watch.eventually(lambda: len(simulators["twilio"].taken(to)) == most, "the provider has not taken all")
    assert len(simulators["twilio"].posts(to)) == most

"""GET /stats over HTTP: what the reconciler counted is what the records say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.e2e import clients, watch
from tests.e2e.provider import NAMES, number

CLIENT = "statistics"


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[httpx.Client]:
    """A client of its own, so that what it sent is all that it has."""
    with clients.of(stack, CLIENT, "send", "read") as api:
        yield api


@pytest.fixture(scope="module")
def records(shop: httpx.Client) -> list[dict[str, Any]]:
    """Messages that arrive, that do not, and one that nothing is ever said about."""
    sent = [
        shop.post("/messages", json={"to": number(digits), "body": "Hello", "provider": name}).json()
        for name in NAMES
        for digits in ("00", "00", "01", "18")
    ]
    silent = shop.post("/messages", json={"to": number("08"), "body": "Hello", "provider": NAMES[0]}).json()
    found = [watch.final(shop, each["message_id"]) for each in sent]
    return [*found, shop.get(f"/messages/{silent['message_id']}").json()]


@pytest.fixture(scope="module")
def counted(stack: Stack, records: list[dict[str, Any]], shop: httpx.Client) -> dict[str, Any]:
    assert records
    watch.counted(stack)
    answer = shop.get("/stats", params={"by": "provider"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_sums_are_those_of_the_records(counted: dict[str, Any], records: list[dict[str, Any]]) -> None:
    for group in counted["groups"]:
        mine = [each for each in records if each["provider"] == group["provider"]]
        assert group["statuses"] == Counter(each["status"] for each in mine)
        assert group["reasons"] == Counter(each["failure"]["reason"] for each in mine if each["failure"])
        assert sum(group["seconds_to_delivery"]["counts"]) == group["outcomes"]["success"]
    assert counted["total"]["messages"] == len(records)
    assert {group["provider"] for group in counted["groups"]} == set(NAMES)


def test_the_hour_of_the_messages_says_when_it_was_counted(
    counted: dict[str, Any], records: list[dict[str, Any]]
) -> None:
    fresh = {each["hour"]: each for each in counted["hours"]}

    for record in records:
        hour = fresh[f"{record['created_at'][:13]}:00:00.000Z"]
        assert (hour["computed_at"] > record["created_at"], hour["final"]) == (True, False)


def test_an_admin_sees_this_client_among_all(stack: Stack, counted: dict[str, Any]) -> None:
    with clients.of(stack, "support", "admin") as admin:
        answer = admin.get("/stats", params={"by": "client"})

    groups = {group["client"]: group["messages"] for group in answer.json()["groups"]}
    assert groups[CLIENT] == counted["total"]["messages"]
    assert sum(groups.values()) == answer.json()["total"]["messages"]


def test_a_failure_is_explained_and_a_late_report_says_why_it_was_not_applied(records: list[dict[str, Any]]) -> None:
    failed = next(each for each in records if each["status"] == "undelivered" and each["provider"] == "twilio")

    assert failed["failure"]["docs_url"] == "https://www.twilio.com/docs/api/errors/30003"
    assert failed["failure"]["meaning"]
    assert {(each["provider_status"], each["applied"]) for each in failed["reports"]} >= {("undelivered", True)}


def test_what_an_admin_reads_of_another_s_is_logged_with_both_names(
    stack: Stack, records: list[dict[str, Any]]
) -> None:
    message_id = records[0]["message_id"]
    with clients.of(stack, "auditor", "admin") as auditor:

        def is_logged() -> bool:  # the emulator may show a line only with the function's next invocation
            assert auditor.get(f"/messages/{message_id}").json()["client"] == CLIENT
            return any('"auditor"' in line and message_id in line for line in stack.logs("query"))

        watch.eventually(is_logged, "the read is not logged", every=1)

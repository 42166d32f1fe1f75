"""That the functions' policies are enforced, and that each statement taken out of the template is missed.

The other end-to-end tests run under the same enforcement: they show that nothing is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.process import ROOT
from local.stack import Stack
from local.template import Template
from tests.e2e import clients, provider, watch
from tests.e2e.provider import callback, deliver, report_fields, signed, tell

EVENT = json.loads((ROOT / "events" / "published" / "undelivered.json").read_text(encoding="utf-8"))


def without(**taken_out: list[str]) -> Callable[[Template], Template]:
    """Takes statements, or attached policies, out of the roles of these functions."""

    def transform(template: Template) -> Template:
        for role, names in taken_out.items():
            properties = template["Resources"][f"{role}Role"]["Properties"]
            for name in names:
                _take_out(properties, name)
        return template

    return transform


def _take_out(properties: dict[str, Any], name: str) -> None:
    attached = properties.get("ManagedPolicyArns", [])
    if {"Ref": name} in attached:
        attached.remove({"Ref": name})
        return
    (policy,) = properties["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    (statement,) = [each for each in statements if each.get("Sid") == name]
    statements.remove(statement)


def started(tmp_path_factory: pytest.TempPathFactory, **taken_out: list[str]) -> Iterator[Stack]:
    logs = tmp_path_factory.mktemp("logs")
    with Stack(auth=True, transform=without(**taken_out), log_dir=logs) as stack:
        yield stack


@pytest.fixture(scope="module")
def unrecorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from started(tmp_path_factory, Send=["KeepRecords"], Digest=["TellPeople"])


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from started(
        tmp_path_factory, Send=["SettingsPolicy", "SendSettingsPolicy"], Webhook=["QueueReportsAndReplies"]
    )


@pytest.fixture(scope="module")
def deaf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    taken_out = {
        "Reconciler": ["KeepStatistics"],
        "Processor": ["KeepRecords"],
        "Publisher": ["Publish"],
        "Query": ["FindRecords", "ReadStatistics", "SeeQueue"],
    }
    yield from started(tmp_path_factory, **taken_out)


def client(stack: Stack) -> httpx.Client:
    return clients.of(stack, "permissions", "send", "read")


def send(api: httpx.Client, digits: str) -> httpx.Response:
    message = {"to": f"+316123456{digits}", "body": "Hello", "provider": "twilio"}
    return api.post("/messages", json=message)


def assert_denied(stack: Stack, function: str, words: str, again: Callable[[], object] = lambda: None) -> None:
    """The function's log names this call as refused for want of a permission.

    The emulator may show a line only with the function's next invocation: a queue's second delivery, or ``again``.
    """

    def look() -> bool:
        shown = any(words in line for line in stack.logs(function))
        if not shown:
            again()
        return shown

    watch.eventually(look, f"{function} does not log {words}", seconds=150, every=1)


def asked(stack: Stack) -> list[Any]:
    ledger = httpx.get(f"{stack.simulator_urls['twilio']}/_ledger", trust_env=False, timeout=60).raise_for_status()
    return list(ledger.json()["posts"])


def test_a_send_that_may_not_write_its_record_sends_nothing(unrecorded: Stack) -> None:
    with client(unrecorded) as api:
        refused = send(api, "00")
        assert_denied(unrecorded, "send", "PutItem: AccessDenied", lambda: send(api, "00"))

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:sms-tracker:problem:unavailable")
    assert refused.headers["retry-after"]
    assert asked(unrecorded) == []


def test_a_digest_that_may_not_tell_people_keeps_what_it_has_to_tell(unrecorded: Stack) -> None:
    unrecorded.clients.events.put_events(
        Entries=[
            {
                "EventBusName": unrecorded.deployment.outputs["BusName"],
                "Source": EVENT["source"],
                "DetailType": EVENT["detail-type"],
                "Detail": json.dumps(EVENT["detail"]),
            }
        ]
    )

    assert_denied(unrecorded, "digest", "Publish: AuthorizationError")
    assert watch.held(unrecorded, "FailuresQueueUrl") == 1


def test_a_send_that_may_not_read_its_secrets_sends_nothing(closed: Stack) -> None:
    with client(closed) as api:
        refused = send(api, "00")
        assert_denied(closed, "send", "GetParameters: AccessDenied", lambda: send(api, "00"))

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:sms-tracker:problem:unavailable")
    assert asked(closed) == []


@pytest.mark.parametrize("name", provider.CALLING)
def test_a_webhook_that_may_not_queue_asks_the_provider_to_come_again(name: str, closed: Stack) -> None:
    target = callback(closed.api_url, name, "00000000-0000-4000-8000-000000000003")
    report = signed(name, target, report_fields(name, "0123", "delivered"))
    answer = deliver(report)

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:sms-tracker:problem:unavailable")
    assert answer.headers["retry-after"]
    assert_denied(closed, "webhook", "SendMessage: AccessDenied", lambda: deliver(report))


def test_a_processor_that_may_not_write_loses_no_report(deaf: Stack) -> None:
    with client(deaf) as api:
        sent = send(api, "08").json()
        target = callback(deaf.api_url, "twilio", sent["message_id"])
        report = signed("twilio", target, report_fields("twilio", sent["provider_message_id"], "delivered"))
        assert tell(report) == 204
        assert_denied(deaf, "processor", "UpdateItem: AccessDenied")
        record = api.get(f"/messages/{sent['message_id']}").json()

    assert (record["status"], record["final"]) == ("accepted", False)
    assert watch.held(deaf, "ReportsQueueUrl") == 1


def test_a_publisher_that_may_not_publish_leaves_the_change_to_be_published(deaf: Stack) -> None:
    events = deaf.observe_events()
    with client(deaf) as api:
        assert send(api, "09").status_code == 422
        assert_denied(deaf, "publisher", '"errors":["PutEvents: AccessDenied', lambda: send(api, "09"))

    assert events.drain(wait_seconds=1) == []


def test_a_query_that_may_not_use_the_indexes_says_so(deaf: Stack) -> None:
    with client(deaf) as api:
        sent = send(api, "08").json()
        assert api.get(f"/messages/{sent['message_id']}").status_code == 200
        refused = api.get("/messages", params={"to": sent["to"]})
        assert_denied(deaf, "query", "Query: AccessDenied", lambda: api.get("/health"))

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:sms-tracker:problem:unavailable")
    assert refused.headers["retry-after"]


def test_a_query_that_may_not_read_the_statistics_says_so(deaf: Stack) -> None:
    with client(deaf) as api:
        refused = api.get("/stats")
        assert_denied(deaf, "query", "BatchGetItem: AccessDenied", lambda: api.get("/health"))

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:sms-tracker:problem:unavailable")


def test_a_reconciler_that_may_not_keep_what_it_counted_says_so(deaf: Stack) -> None:
    name = f"{deaf.deployment.name}-reconciler"
    answer = deaf.clients.functions.invoke(FunctionName=name, Payload=b'{"step": "statistics"}')

    assert json.loads(answer["Payload"].read())["failed"] > 0


def test_a_service_that_may_not_see_its_queue_is_unwell(deaf: Stack) -> None:
    with clients.with_key(deaf, None) as visitor:
        health = visitor.get("/health")

    assert (health.status_code, health.json()["type"]) == (503, "urn:sms-tracker:problem:unhealthy")
    assert (health.json()["table"], health.json()["queue"]) == ("ok", "unavailable")

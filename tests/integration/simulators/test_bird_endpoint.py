"""Bird's registered endpoint and a whole service: what reaches it, and what becomes of messages while it is paused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from local.simulators.bird import SIMULATOR
from tests.integration.simulators.running import TO, Receiver, Simulator, number
from tests.integration.simulators.service import Service

COURSES = ("delivered", "undelivered", "failed", "expired", "corrected", "long-way", "opted-out", "new-code")


@pytest.fixture
def service(platform: Simulator, receiver: Receiver) -> Service:
    credentials = SIMULATOR.credentials(platform.url)
    made = Service(str(uuid4()), "bird", credentials, receiver.url.removesuffix("/hook"))
    platform.settings(webhook_url=made.url)
    return made


@pytest.fixture
def endpoint(service: Service, sdk: Any) -> Any:
    (found,) = sdk.webhooks.list(url=service.url)
    return found


def test_what_happened_while_the_endpoint_was_paused_for_an_hour_is_read_from_bird(
    platform: Simulator, service: Service, receiver: Receiver, sdk: Any, endpoint: Any
) -> None:
    # Found in Bird's guides
    sdk.webhooks.update(endpoint.id, status="paused")
    states, ids = [], []
    for _ in range(12):
        ids += [service.send(number(course)) for course in COURSES]
        platform.idle(taken=len(ids))
        service.clock.sleep(300)
        states.append(service.reconcile().endpoints["bird"])
    assert set(states) == {"endpoint-paused"}
    assert receiver.requests == []

    sdk.webhooks.update(endpoint.id, status="active")
    for _ in range(15):  # the last ones are looked at when they are ten minutes old, failures once more an hour later
        service.clock.sleep(300)
        states.append(service.reconcile().endpoints["bird"])

    assert states[-1] == "endpoint-up"
    truth = {SIMULATOR.message_id(entry): entry["handset"] for entry in platform.ledger()["messages"]}
    assert set(truth) == set(ids) == set(service.messages.records)
    wrong = {
        message_id: (str(service.record(message_id).state.status), handset)
        for message_id, handset in truth.items()
        if str(service.record(message_id).state.status) != SIMULATOR.status(handset["word"], handset["code"])
    }
    assert wrong == {}
    assert service.left_over == {}
    assert platform.ledger()["counts"] == {"posts": len(ids), "taken": len(ids)}


def test_after_the_pause_reports_come_by_webhook_again_and_a_look_up_queues_no_text(
    platform: Simulator, service: Service, receiver: Receiver, sdk: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk.webhooks.update(endpoint.id, status="paused")
    missed = service.send(TO)
    platform.idle(taken=1)
    sdk.webhooks.update(endpoint.id, status="active")
    message_id = service.send(TO)
    platform.idle(taken=2)

    assert service.take_in(receiver.requests) == {"queued": 2}
    assert str(service.record(message_id).state.status) == "delivered"
    assert str(service.record(missed).state.status) == "accepted"
    service.clock.sleep(660)
    monkeypatch.setattr(Service, "drain", lambda _: None)
    service.reconcile()
    (queued,) = service.queue.bodies
    assert "parcel" not in queued


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "endpoint-up"),
        ({"status": "paused"}, "endpoint-paused"),
        ({"events": ["sms.delivered", "sms.failed"]}, "endpoint-lacks-events"),
        ({"url": "https://elsewhere.example.com/webhooks/bird"}, "endpoint-missing"),
        (None, "endpoint-unreadable"),
    ],
)
def test_the_reconciler_knows_what_the_endpoint_is(
    service: Service, sdk: Any, endpoint: Any, change: dict[str, Any] | None, state: str
) -> None:
    if change:
        sdk.webhooks.update(endpoint.id, **change)
    if change is None:  # the key may not read it
        service.credentials = {**service.credentials, "api_key": "bk_us1_example"}

    assert service.reconcile().endpoints == {"bird": state}
    assert service.done[state] == 1


def test_birds_own_test_is_answered_and_is_about_no_message(
    service: Service, receiver: Receiver, sdk: Any, endpoint: Any
) -> None:
    assert sdk.webhooks.test(endpoint.id, event_type="sms.delivered").status == "delivered"

    assert service.receive(receiver.requests[0]).status == 204
    assert service.take_in(receiver.requests) == {"queued": 1}
    assert service.left_over == {}


def test_a_report_moves_the_message_in_its_metadata_whatever_its_url_names(
    platform: Simulator, service: Service, receiver: Receiver
) -> None:
    first, second = service.send(TO), service.send(number("silent"))
    platform.idle(taken=2)
    others = [
        replace(each, url=f"{each.url}?message_id={second}&attempt=1&token=anything") for each in receiver.requests
    ]

    assert service.take_in(others) == {"queued": len(others)}

    assert str(service.record(first).state.status) == "delivered"
    assert str(service.record(second).state.status) == "accepted"
    assert service.left_over == {}


def test_a_report_that_was_changed_or_signed_otherwise_is_refused(
    platform: Simulator, service: Service, receiver: Receiver, sdk: Any
) -> None:
    elsewhere = sdk.webhooks.create(url=f"{service.base}/elsewhere", events=["sms.delivered"])
    service.send(TO)
    platform.idle(taken=1)
    mine = [each for each in receiver.requests if each.url == service.url]
    (of_the_other,) = [each for each in receiver.requests if each.url == elsewhere.url]
    signature = mine[0].headers["webhook-signature"]
    versions = [signature.replace("v1,", f"{version},") for version in ("v2", "v1a", "V1", "v01")]
    forged = [replace(mine[0], headers={**mine[0].headers, "webhook-signature": each}) for each in versions]
    forged += [replace(mine[0], body=mine[0].body.replace(b"sms.", b"smS.")), of_the_other]

    assert Counter(service.receive(each).status for each in forged) == {403: len(forged)}
    assert service.queue.sent == []
    assert json.loads(of_the_other.body)["data"]["metadata"]["token"]


def test_an_old_report_is_taken_and_counted(platform: Simulator, service: Service, receiver: Receiver) -> None:
    message_id = service.send(TO)
    platform.idle(taken=1)

    assert not service.receive(receiver.requests[0]).stale
    service.clock.sleep(timedelta(hours=2).total_seconds())
    old = service.receive(receiver.requests[-1])
    service.take_in(receiver.requests)

    assert (old.status, old.decision, old.stale) == (204, "queued", True)
    assert str(service.record(message_id).state.status) == "delivered"

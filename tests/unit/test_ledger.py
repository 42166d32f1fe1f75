"""The judge of the demo and the e2e tests: whatever does not agree is named, and what agrees is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from local import simulators
from local.ledger import FAILURES, Taken, differences, taken, taken_message
from sms_tracker.domain.status import Outcome, Status
from sms_tracker.providers import load

ID = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
ARRIVED = Taken(provider="twilio", provider_id="SM1", message_id=ID, expected="delivered", times=1)
LOST = replace(ARRIVED, expected="undelivered")


def record(status: str = "delivered", *, provider_id: str | None = "SM1", version: int = 4) -> dict[str, Any]:
    return {"message_id": ID, "status": status, "provider_message_id": provider_id, "version": version}


def costing(amount: str) -> dict[str, Any]:
    return {"attempt": 1, "cost": {"1": {"amount": amount, "currency": "EUR"}}}


def event(status: str, version: int = 4, message_id: str = ID) -> dict[str, Any]:
    return {"message_id": message_id, "status": status, "version": version}


def told(found: Mapping[str, Any] | None, taken: list[Taken], events: list[dict[str, Any]]) -> list[str]:
    return list(differences({} if found is None else {ID: found}, taken, events))


@pytest.mark.parametrize(
    ("found", "taken", "events"),
    [
        (record(), [ARRIVED], []),
        ({**record(), **costing("0.07")}, [replace(ARRIVED, charged="0.0700 EUR")], []),
        ({**record(), "attempt": 2, "cost": {}}, [replace(ARRIVED, charged="0.07 EUR")], []),
        (record("undelivered"), [LOST], [event("undelivered")]),
        (record("delivered", version=5), [ARRIVED], [event("undelivered", 4), event("delivered", 5)]),
        (record("delivered", version=5), [ARRIVED], [event("delivered", 5), event("undelivered", 4)]),
        (record("failed", provider_id=None), [], [event("failed")]),
        (record("undelivered"), [LOST], [event("undelivered"), event("undelivered")]),
        (record(), [ARRIVED], [event("undelivered", 9, OTHER)]),
    ],
    ids=[
        "arrived",
        "costs-the-same",
        "cost-not-known",
        "lost",
        "corrected",
        "events-out-of-order",
        "refused",
        "event-twice",
        "another-messages-event",
    ],
)
def test_what_agrees_is_not_named(found: dict[str, Any], taken: list[Taken], events: list[dict[str, Any]]) -> None:
    assert told(found, taken, events) == []


@pytest.mark.parametrize(
    ("found", "taken", "events", "line"),
    [
        (None, [ARRIVED], [], "a provider took it and there is no record"),
        (record("accepted"), [], [], "no provider took it, the record says accepted"),
        (record("failed"), [], [event("failed")], "no provider took it, the record says failed"),
        (record(), [ARRIVED, replace(ARRIVED, provider_id="SM2")], [], "sent more than once"),
        (record(), [replace(ARRIVED, times=2)], [], "sent more than once"),
        (record("sent"), [ARRIVED], [], "the record says sent, expected is delivered"),
        (record(), [LOST], [], "the record says delivered, expected is undelivered"),
        (record(provider_id="SM9"), [ARRIVED], [], "the record names another message of the provider"),
        (record(provider_id=None), [ARRIVED], [], "the record names another message of the provider"),
        (
            {**record(), **costing("0.07")},
            [replace(ARRIVED, charged="0.070001 EUR")],
            [],
            "it costs 0.07 EUR by the record, 0.070001 EUR by the provider",
        ),
        (
            {**record(), **costing("0.07")},
            [replace(ARRIVED, charged="0.07 USD")],
            [],
            "it costs 0.07 EUR by the record, 0.07 USD by the provider",
        ),
        ({**record(), **costing("0.07")}, [ARRIVED], [], "it costs 0.07 EUR by the record, None by the provider"),
        (record("undelivered"), [LOST], [], "undelivered, without an event of that status"),
        (record("undelivered"), [LOST], [event("failed")], "undelivered, without an event of that status"),
        (record(), [ARRIVED], [event("undelivered", 3)], "delivered, but the newest event has status undelivered"),
        (record(), [ARRIVED], [event("delivered", 5)], "an event has a version that the record never had"),
    ],
)
def test_each_kind_of_difference_is_named(
    found: dict[str, Any] | None, taken: list[Taken], events: list[dict[str, Any]], line: str
) -> None:
    assert told(found, taken, events) == [f"{ID}: {line}"]


@pytest.mark.parametrize("status", sorted(FAILURES))
def test_no_failure_may_stay_without_its_event(status: str) -> None:
    assert told(record(status), [replace(ARRIVED, expected=status)], []) == [
        f"{ID}: {status}, without an event of that status"
    ]


def test_what_is_called_a_failure_is_what_the_service_calls_one() -> None:
    assert {str(status) for status in Status if status.outcome is Outcome.FAILURE} == FAILURES


@pytest.mark.parametrize("provider", simulators.names())
def test_the_judges_own_table_agrees_with_the_adapters(provider: str) -> None:
    own = simulators.load(provider).statuses
    final = {words: words.partition(":") for words in own}

    assert {words: str(load(provider).status(word, code or None)) for words, (word, _, code) in final.items()} == own


@contextmanager
def serving(word: str, code: int | None) -> Iterator[str]:
    """The ledger of a provider that took one message, served on the loopback."""
    callback = f"http://127.0.0.1/webhooks/twilio?message_id={ID}&attempt=1#rc=5&rp=all"
    entry = {"id": "SM1", "callback_url": callback, "times_taken": 1, "handset": {"word": word, "code": code}}

    class Books(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/_ledger" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"messages": [entry]}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Books) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize(
    ("provider", "word", "code", "expected"),
    [
        ("twilio", "delivered", None, "delivered"),
        ("twilio", "undelivered", 30003, "undelivered"),
        ("twilio", "undelivered", 30036, "expired"),
        ("messagebird", "delivery_failed", 1, "undelivered"),
        ("messagebird", "expired", None, "expired"),
        ("messagebird", "teleported", None, "teleported"),
    ],
)
def test_the_expected_status_is_read_from_the_providers_ledger(
    provider: str, word: str, code: int | None, expected: str
) -> None:
    with serving(word, code) as url:
        assert taken(provider, url) == [replace(ARRIVED, provider=provider, expected=expected)]


REPORTED = {"word": "UNREACHABLE.final", "code": "UNREACHABLE", "status": 200}
ARRIVED_THERE = {"word": "DELIVERED.final", "code": None, "status": 200}


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        ([], "unknown"),
        ([{"word": "PENDING", "code": None, "status": 200}], "unknown"),
        ([{**ARRIVED_THERE, "status": None}], "unknown"),
        ([{**ARRIVED_THERE, "status": 503}], "unknown"),
        ([REPORTED], "undelivered"),
        ([{"word": "UNREACHABLE", "code": None, "status": 200}], "unknown"),
        ([ARRIVED_THERE, REPORTED], "delivered"),
    ],
)
def test_of_a_provider_without_look_ups_only_what_it_reported_is_expected(
    callbacks: list[dict[str, Any]], expected: str
) -> None:
    entry = {
        "id": "862a8790",
        "extra": {"context": {"message_id": ID}},
        "times_taken": 1,
        "handset": {"word": "DELIVERED.final", "code": None},
        "callbacks": callbacks,
    }

    assert taken_message("aws", entry).expected == expected


def test_a_message_of_which_nothing_was_heard_has_no_id_of_the_provider() -> None:
    unheard = replace(ARRIVED, provider="aws", provider_id="862a8790", expected="unknown")

    assert told(record("unknown", provider_id=None), [unheard], []) == []
    assert told(record("unknown", provider_id="another"), [unheard], []) != []

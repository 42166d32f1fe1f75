"""The judge of the demo and the e2e tests: whatever does not agree is named, and what agrees is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import permutations
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


def told(found: Mapping[str, Any] | None, taken: list[Taken], events: Iterable[dict[str, Any]]) -> list[str]:
    return list(differences({} if found is None else {ID: found}, taken, [*events]))


COSTING = {**record(), **costing("0.07")}


@pytest.mark.parametrize(
    ("found", "taken", "events"),
    [
        pytest.param(record(), [ARRIVED], [], id="arrived"),
        pytest.param(COSTING, [replace(ARRIVED, charged="0.0700 EUR")], [], id="costs the same"),
        pytest.param(
            {**record(), "attempt": 2, "cost": {}}, [replace(ARRIVED, charged="0.07 EUR")], [], id="cost not known"
        ),
        pytest.param(record("undelivered"), [LOST], [event("undelivered")], id="lost"),
        *[
            pytest.param(record(version=5), [ARRIVED], events, id="corrected")
            for events in permutations([event("undelivered", 4), event("delivered", 5)])
        ],
        pytest.param(record("failed", provider_id=None), [], [event("failed")], id="refused"),
        pytest.param(record("undelivered"), [LOST], [event("undelivered")] * 2, id="event twice"),
        pytest.param(record(), [ARRIVED], [event("undelivered", 9, OTHER)], id="another message's event"),
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
        *[
            (COSTING, [replace(ARRIVED, charged=each)], [], f"it costs 0.07 EUR by the record, {each} by the provider")
            for each in ("0.070001 EUR", "0.07 USD", None)
        ],
        (record("undelivered"), [LOST], [event("failed")], "undelivered, without an event of that status"),
        *[
            (record(status), [replace(ARRIVED, expected=status)], [], f"{status}, without an event of that status")
            for status in sorted(FAILURES)
        ],
        (record(), [ARRIVED], [event("undelivered", 3)], "delivered, but the newest event has status undelivered"),
        (record(), [ARRIVED], [event("delivered", 5)], "an event has a version that the record never had"),
    ],
)
def test_each_kind_of_difference_is_named(
    found: dict[str, Any] | None, taken: list[Taken], events: list[dict[str, Any]], line: str
) -> None:
    assert told(found, taken, events) == [f"{ID}: {line}"]


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
        *[("twilio", "delivered", None, "delivered"), ("twilio", "undelivered", 30003, "undelivered")],
        *[("twilio", "undelivered", 30036, "expired"), ("messagebird", "delivery_failed", 1, "undelivered")],
        *[("messagebird", "expired", None, "expired"), ("messagebird", "teleported", None, "teleported")],
    ],
)
def test_the_expected_status_is_in_the_ledger(provider: str, word: str, code: int | None, expected: str) -> None:
    with serving(word, code) as url:
        assert taken(provider, url) == [replace(ARRIVED, provider=provider, expected=expected)]


REPORTED = {"word": "UNREACHABLE.final", "code": "UNREACHABLE", "status": 200}
ARRIVED_THERE = {"word": "DELIVERED.final", "code": None, "status": 200}


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        ([], "unknown"),
        ([{**ARRIVED_THERE, "word": "PENDING"}], "unknown"),
        ([{**ARRIVED_THERE, "status": None}], "unknown"),
        ([{**ARRIVED_THERE, "status": 503}], "unknown"),
        ([{**REPORTED, "word": "UNREACHABLE", "code": None}], "unknown"),
        ([REPORTED], "undelivered"),
        ([ARRIVED_THERE, REPORTED], "delivered"),
    ],
)
def test_without_look_ups_only_what_was_reported_is_expected(callbacks: list[dict[str, Any]], expected: str) -> None:
    handset, extra = {"word": "DELIVERED.final", "code": None}, {"context": {"message_id": ID}}
    entry = {"id": "862a8790", "extra": extra, "times_taken": 1, "handset": handset, "callbacks": callbacks}

    assert taken_message("aws", entry).expected == expected


def test_a_message_of_which_nothing_was_heard_has_no_id_of_the_provider() -> None:
    unheard = replace(ARRIVED, provider="aws", provider_id="862a8790", expected="unknown")

    assert told(record("unknown", provider_id=None), [unheard], []) == []
    assert told(record("unknown", provider_id="another"), [unheard], []) != []

"""The MessageBird simulator as MessageBird's own SDK sees it, and its reports as the SDK's validators judge them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from messagebird.client import ErrorException
from messagebird.signed_request import SignedRequest

from tests.integration.simulators.running import BIRD, TO, Receiver, Simulator, bird_client, bird_vouches, number


def test_the_messagebird_sdk_sends_and_the_reports_bear_a_valid_jwt(
    bird: Simulator, bird_sdk: Any, receiver: Receiver
) -> None:
    params = {"reference": "ref-1", "reportUrl": f"{receiver.url}/webhooks/messagebird?message_id=abc"}

    sent = bird_sdk.message_create("Simulator", TO, "Hallo", params)
    ledger = bird.idle()

    assert sent.recipients["items"][0].recipient == int(TO)
    assert {request.method for request in receiver.requests} == {"GET"}
    assert sorted(receiver.words) == ["delivered", "sent"]
    assert all(bird_vouches(request) for request in receiver.requests)
    assert {r.query["message_id"] + r.query["reference"] + r.query["id"] for r in receiver.requests} == {
        f"abcref-1{sent.id}"
    }
    assert bird_sdk.message(sent.id).recipients["items"][0].status == "delivered"
    assert [each.id for each in bird_sdk.message_list().items] == [sent.id]
    assert ledger["messages"][0]["handset"] == {"word": "delivered", "code": None}


def test_without_reference_or_report_url_no_report_is_made(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    bird_sdk.message_create("Simulator", TO, "Hallo", {"reportUrl": receiver.url})
    bird_sdk.message_create("Simulator", TO, "Hallo again", {"reference": "ref-1"})

    assert bird.idle(taken=2)["messages"][0]["record"]["word"] == "delivered"
    assert receiver.requests == []


def test_each_recipient_has_reports_of_its_own(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    to = [TO, number("undelivered")]
    sent = bird_sdk.message_create("Simulator", to, "Hallo", {"reference": "r", "reportUrl": receiver.url})
    bird.idle()

    finals = {
        r.query["recipient"]: r.query.get("statusErrorCode") for r in receiver.requests if r.query["status"] != "sent"
    }
    assert finals == {TO[1:]: None, number("undelivered")[1:]: "1"}
    assert bird.http.get(f"/_ledger/{sent.id}", params={"to": to[1]}).json()["handset"]["word"] == "delivery_failed"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_posted_report_is_covered_by_its_payload_hash(
    bird: Simulator, bird_sdk: Any, receiver: Receiver, algorithm: str
) -> None:
    bird.settings(method="POST", algorithm=algorithm, signing_key="k" * 64)

    bird_sdk.message_create("Simulator", TO, "Hallo", {"reference": "r", "reportUrl": receiver.url})
    bird.idle()

    assert {json.loads(request.body)["status"] for request in receiver.requests} == {"sent", "delivered"}
    assert json.loads(receiver.requests[0].body)["price"] == {"amount": "0.07", "currency": "EUR"}
    assert all(bird_vouches(request, "k" * 64) for request in receiver.requests)


def test_the_legacy_signature_satisfies_the_sdk(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    bird.settings(signature="legacy")

    bird_sdk.message_create("Simulator", TO, "Hallo", {"reference": "a b", "reportUrl": f"{receiver.url}/?z=1&A=2"})
    bird.idle()

    assert len(receiver.requests) == 2
    for request in receiver.requests:
        query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
        at, signature = request.headers["messagebird-request-timestamp"], request.headers["messagebird-signature"]
        with pytest.deprecated_call():
            assert SignedRequest(signature, at, "", query).verify(BIRD.signing_key)


def test_the_bird_signature_covers_the_full_url(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    bird.settings(signature="bird")

    bird_sdk.message_create("Simulator", TO, "Hallo", {"reference": "r", "reportUrl": receiver.url + "/x"})
    bird.idle()

    assert len(receiver.requests) == 2
    for request in receiver.requests:
        payload = f"{request.headers['messagebird-request-timestamp']}\n{request.url}\n".encode()
        digest = hmac.digest(BIRD.signing_key.encode(), payload + hashlib.sha256(b"").digest(), "sha256")
        assert request.headers["messagebird-signature"] == base64.b64encode(digest).decode()


def test_a_refused_report_comes_again_until_it_is_taken(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    bird.script(TO, {"reports": "delivered"})
    receiver.answers = [503, 404]

    bird_sdk.message_create("Simulator", TO, "Hallo", {"reference": "r", "reportUrl": receiver.url})
    callback = bird.idle()["messages"][0]["callbacks"][0]

    assert [each["status"] for each in callback["attempts"]] == [503, 404, 204]
    assert callback["over"]


def test_a_forged_report_has_a_jwt_that_nobody_vouches_for(bird: Simulator, bird_sdk: Any, receiver: Receiver) -> None:
    params = {"reference": "r", "reportUrl": receiver.url}
    bird_sdk.message_create("Simulator", number("forged"), "Hallo", params)
    bird.idle()

    vouched = {request.query["status"]: bird_vouches(request) for request in receiver.requests}
    assert vouched == {"delivered": False, "sent": True, "delivery_failed": True}


@pytest.mark.parametrize(
    ("key", "to", "body", "code"),
    [
        ("wrong", TO, "Hallo", 2),
        (BIRD.access_key, TO, "", 9),
        (BIRD.access_key, "12", "Hallo", 10),
        (BIRD.access_key, number("refused"), "Hallo", 10),
        (BIRD.access_key, number("locked-out"), "Hallo", 2),
    ],
)
def test_messagebird_refuses_with_its_own_code(
    bird: Simulator, bird_sdk: Any, key: str, to: str, body: str, code: int
) -> None:
    with pytest.raises(ErrorException) as refused:
        bird_client(bird, key).message_create("Simulator", to, body)
    with pytest.raises(ErrorException) as unknown:
        bird_sdk.message("0" * 32)

    assert [error.code for caught in (refused, unknown) for error in caught.value.errors] == [code, 20]
    assert bird.ledger()["counts"] == {"posts": 1, "taken": 0}

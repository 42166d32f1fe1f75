"""The Bird simulator as Bird's own SDK and our adapter see it, and its events as the SDK's verifier judges them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.simulators.bird import SIMULATOR, Settings
from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.opt_out import Keyword, Kind
from sms_tracker.domain.outbound import (
    Accepted,
    NoSuchMessage,
    NotProcessed,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
)
from sms_tracker.domain.report import Report
from sms_tracker.domain.text import Encoding
from sms_tracker.providers.base import Listed
from sms_tracker.providers.bird import api, opt_outs, report, signature, webhook
from sms_tracker.providers.optional import Blocks
from tests.bird_sdk import bird
from tests.criteria import searched
from tests.integration.simulators.running import TO, Receiver, Simulator, client, number
from tests.integration.simulators.running import Received as Webhook

ACCOUNT = Settings()
MESSAGE_ID = "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa"
EVENTS = ["sms.sent", "sms.delivered"]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of this test alone: a workspace remembers them from test to test."""
    monkeypatch.setitem(TOKEN, "of", str(uuid4()))


TOKEN = {"of": "this test"}


@pytest.fixture
def registered(platform: Simulator, receiver: Receiver) -> Receiver:
    """A receiver to which the endpoint of the settings points."""
    platform.settings(webhook_url=receiver.url)
    return receiver


MESSAGE = OutboundMessage(
    message_id=MESSAGE_ID, attempt=1, to=TO, sender="Acme", body="Hallo", encoding=Encoding.GSM_7, token=""
)


def message(to: str = TO, **changes: Any) -> OutboundMessage:
    return replace(MESSAGE, **{"to": to, "token": f"{TOKEN['of']} {to}", **changes})


def ask(platform: Simulator, request: HttpRequest, **how: Any) -> HttpResponse:
    answer = platform.http.request(request.method, request.url, headers=request.headers, content=request.body, **how)
    return HttpResponse(answer.status_code, dict(answer.headers), answer.content)


def credentials(platform: Simulator) -> dict[str, str]:
    return SIMULATOR.credentials(platform.url)


def post(platform: Simulator, wanted: OutboundMessage, **how: Any) -> HttpResponse:
    return ask(platform, api.send_request(wanted, credentials=credentials(platform), callback_url=""), **how)


def vouched(request: Webhook, secret: str = ACCOUNT.webhook_secret) -> bool:
    try:
        bird.Bird(webhook_secret=secret).webhooks.unwrap(request.body, request.headers)
    except bird.WebhookVerificationError:
        return False
    return True


def words(receiver: Receiver) -> list[str]:
    return [json.loads(request.body)["type"].removeprefix("sms.") for request in receiver.requests]


# Sending and reading


def test_the_sdk_sends_and_reads_and_its_verifier_vouches_for_the_events(
    platform: Simulator, sdk: Any, registered: Receiver
) -> None:
    metadata = {"message_id": MESSAGE_ID, "attempt": 1, "token": "t"}
    sent = sdk.sms.send(to=TO, from_="Acme", text="Hallo", category="authentication", metadata=metadata)
    truth = platform.idle(taken=1)

    assert sent.status == "accepted"
    assert sorted(words(registered)) == ["delivered", "sent"]
    assert all(vouched(request) for request in registered.requests)
    assert {json.dumps(json.loads(request.body)["data"]["metadata"]) for request in registered.requests} == {
        json.dumps(metadata)
    }
    found = sdk.sms.get(sent.id)
    assert (found.status, found.text, found.cost.currency_code) == ("delivered", "**REDACTED**", "EUR")
    assert [each.id for each in sdk.sms.list(to=TO, direction="outbound")] == [sent.id]
    assert truth["messages"][0]["handset"] == {"word": "delivered", "code": None}
    assert SIMULATOR.message_id(truth["messages"][0]) == MESSAGE_ID


def test_our_adapter_sends_reads_and_finds_what_it_sent_and_nothing_else(
    platform: Simulator, registered: Receiver
) -> None:
    accepted = api.send_outcome(post(platform, message()))
    assert isinstance(accepted, Accepted)
    platform.idle(taken=1)

    looked_up, unknown = (
        api.lookup_outcome(
            ask(platform, api.lookup_request(known, credentials=credentials(platform))), received_at="now"
        )
        for known in (accepted.provider_message_id, "sms_" + 26 * "0")
    )
    assert isinstance(looked_up, Report)
    assert (looked_up.word, str(looked_up.price), unknown) == ("delivered", "0.0079 EUR", NoSuchMessage())
    for received in registered.requests:
        request = HttpRequest(received.method, received.url, received.headers, received.body)
        signature.verify(request, secrets=webhook.keys(credentials(platform)), now=datetime.now(UTC))
        found = webhook.target(request, webhook.fields(request))
        assert (found.message_id, found.attempt, found.token) == (MESSAGE_ID, 1, message().token)
        told = report.report(webhook.fields(request), received_at="now")
        assert told.provider_message_id == accepted.provider_message_id


def test_a_send_whose_answer_was_lost_is_found_by_its_metadata_on_a_later_page(platform: Simulator) -> None:
    lost = message(number("broken-answer"))
    assert isinstance(api.send_outcome(post(platform, lost)), OutcomeUnknown)
    platform.script("*", "silent")
    for at in range(100):
        other = replace(lost, message_id=f"other-{at}", token=str(uuid4()))
        assert isinstance(api.send_outcome(post(platform, other)), Accepted)
    truth = platform.idle(taken=101)
    criteria = searched(lost, "bird", "2020-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z")

    pages: list[Listed] = []
    while not pages or pages[-1].next_page:
        page = pages[-1].next_page if pages else None
        answer = ask(platform, api.search_request(criteria, credentials=credentials(platform), page=page))
        found = api.search_outcome(answer, criteria=criteria)
        assert isinstance(found, Listed)
        pages.append(found)

    assert [len(page.candidates) for page in pages] == [0, 1]
    assert pages[1].candidates[0].provider_message_id == truth["messages"][0]["id"]


# Refusals


@pytest.mark.parametrize(
    ("changes", "name", "param"),
    [
        ({"to": "0612345678"}, "SMSInvalidRecipient", "to"),
        ({"from_": "!"}, "SMSSenderNotConfigured", "from"),
        ({"category": None}, "ValidationError", "category"),
        ({"category": "important"}, "ValidationError", "category"),
        ({"text": "x" * 1900}, "ValidationError", "text"),
        ({"metadata": {"x": "y" * 2100}}, "ValidationError", "metadata"),
    ],
)
def test_bird_refuses_what_its_rules_forbid(
    platform: Simulator, sdk: Any, changes: dict[str, Any], name: str, param: str
) -> None:
    good = {"to": TO, "from_": "Acme", "text": "Hallo", "category": "service"}

    with pytest.raises(bird.ValidationError) as caught:
        sdk.sms.send(**{**good, **changes})

    assert (caught.value.name, caught.value.param, caught.value.status_code) == (name, param, 422)
    assert platform.ledger()["counts"] == {"posts": 1, "taken": 0}


@pytest.mark.parametrize(
    ("field", "name"), [("validity_period", "SMSUnsupportedFeature"), ("reference", "ValidationError")]
)
def test_unknown_fields_and_previews_are_refused(platform: Simulator, field: str, name: str) -> None:
    body = {"to": TO, "from": "Acme", "text": "Hallo", "category": "service", field: 60}
    answer = platform.http.post("/v1/sms/messages", json=body, headers={"authorization": f"Bearer {ACCOUNT.api_key}"})

    assert (answer.status_code, answer.json()["error"]["name"]) == (422, name)


@pytest.mark.parametrize("key", ["bk_us1_wrong", "x"])
def test_another_key_is_refused(platform: Simulator, key: str) -> None:
    client = bird.Bird(api_key=key, base_url=platform.url, max_retries=0)
    with client, pytest.raises(bird.APIStatusError) as caught:
        client.sms.send(to=TO, from_="Acme", text="Hallo", category="service")

    assert (caught.value.status_code, caught.value.type) == (401, "auth_error")
    assert platform.ledger()["counts"] == {"posts": 1, "taken": 0}


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        ("refused", Refused),
        ("locked-out", Refused),
        ("throttled", NotProcessed),
        ("unavailable", OutcomeUnknown),
        ("broken-answer", OutcomeUnknown),
        ("delivered", Accepted),
    ],
)
def test_our_adapter_understands_its_answers(platform: Simulator, scenario: str, kind: type[object]) -> None:
    assert isinstance(api.send_outcome(post(platform, message(number(scenario)))), kind)


# Idempotency keys


@pytest.mark.parametrize(("scenario", "taken"), [("delivered", 1), ("refused", 0)])
def test_the_same_request_is_answered_again_and_carried_out_once(
    platform: Simulator, scenario: str, taken: int
) -> None:
    first, second = (post(platform, message(number(scenario))) for _ in range(2))

    assert (first.status, first.body) == (second.status, second.body)
    assert "idempotency-replay" not in first.headers
    assert second.headers["idempotency-replay"] == "true"
    assert platform.idle(taken=taken)["counts"] == {"posts": 1, "taken": taken}


@pytest.mark.parametrize("scenario", ["throttled-once", "unavailable", "broken-answer"])
def test_what_is_not_kept_is_carried_out_again(platform: Simulator, scenario: str) -> None:
    answers = [post(platform, message(number(scenario))) for _ in range(2)]

    assert not [answer for answer in answers if "idempotency-replay" in answer.headers]
    assert platform.idle()["counts"]["posts"] == 2


def conflicts(answer: HttpResponse, code: str) -> bool:
    return (answer.status, json.loads(answer.body)["error"]["code"]) == (409, code) and isinstance(
        api.send_outcome(answer), OutcomeUnknown
    )


def test_another_request_under_the_same_key_is_a_conflict(platform: Simulator) -> None:
    post(platform, message())

    assert conflicts(post(platform, message(body="Hallo again")), "E01005")


def test_while_the_first_request_runs_another_is_a_conflict_and_later_it_is_answered(platform: Simulator) -> None:
    wanted = message(number("timeout"))

    def first() -> None:
        with client(platform.url) as http, pytest.raises(httpx.ReadTimeout):
            post(Simulator(http), wanted, timeout=1.0)

    running = Thread(target=first)
    running.start()
    platform.http.get("/_control/seen", params={"posts": 1}).raise_for_status()
    conflict = post(platform, wanted)
    running.join()
    platform.idle(taken=1)
    later = post(platform, wanted)

    assert conflicts(conflict, "E01004")
    assert isinstance(api.send_outcome(later), Accepted)
    assert later.headers["idempotency-replay"] == "true"
    assert platform.ledger()["counts"] == {"posts": 1, "taken": 1}


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none_is_refused(platform: Simulator, key: str) -> None:
    request = api.send_request(message(), credentials=credentials(platform), callback_url="")
    answer = ask(platform, HttpRequest("POST", request.url, {**request.headers, "idempotency-key": key}, request.body))

    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "E01002")


# Endpoints


def test_an_endpoint_is_registered_listed_changed_and_deleted(sdk: Any) -> None:
    made = sdk.webhooks.create(url="https://sms.example.com/webhooks/bird", events=EVENTS, description="ours")

    assert made.secret.startswith("whsec_")
    assert [each.id for each in sdk.webhooks.list(url=made.url)] == [made.id]
    assert list(sdk.webhooks.list(url="https://elsewhere.example")) == []
    assert "secret" not in sdk.webhooks.get(made.id).model_dump()
    assert sdk.webhooks.update(made.id, events=["sms.failed"], status="paused").status == "paused"
    assert sdk.webhooks.get(made.id).events == ["sms.failed"]
    sdk.webhooks.delete(made.id)
    with pytest.raises(bird.APIStatusError) as caught:
        sdk.webhooks.get(made.id)
    assert caught.value.type == "not_found_error"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        *(
            ({"url": url}, "url")
            for url in ("http://x.example/", "https://localhost/", "ftp://x.example", "https://10")
        ),
        *(({"events": events}, "events") for events in (["sms.teleported"], ["*"], EVENTS * 51)),
    ],
)
def test_an_endpoint_is_public_and_takes_only_events_that_exist(sdk: Any, changes: dict[str, Any], param: str) -> None:
    with pytest.raises(bird.ValidationError) as caught:
        sdk.webhooks.create(**{"url": "https://sms.example.com/", "events": EVENTS, **changes})
    assert caught.value.param == param


def test_every_endpoint_of_the_workspace_gets_the_events_it_asked_for(
    platform: Simulator, sdk: Any, registered: Receiver
) -> None:
    other = sdk.webhooks.create(url=f"{registered.url}/second", events=["sms.delivered"])

    post(platform, message())
    platform.idle(taken=1)
    sdk.webhooks.delete(other.id)

    second = [request for request in registered.requests if request.url.endswith("/second")]
    assert sorted(words(registered)) == ["delivered", "delivered", "sent"]
    assert [vouched(request, other.secret) for request in second] == [True]
    assert not vouched(second[0])


def test_while_a_secret_rotates_both_sign_and_an_endpoint_holds_five(
    platform: Simulator, sdk: Any, registered: Receiver
) -> None:
    (endpoint,) = sdk.webhooks.list(url=registered.url)
    new = sdk.webhooks.rotate_secret(endpoint.id).secret

    post(platform, message())
    platform.idle(taken=1)

    assert all(vouched(request) and vouched(request, new) for request in registered.requests)
    for _ in range(3):
        sdk.webhooks.rotate_secret(endpoint.id)
    with pytest.raises(bird.APIStatusError) as caught:
        sdk.webhooks.rotate_secret(endpoint.id)
    assert caught.value.status_code == 409


def test_what_happens_while_an_endpoint_is_paused_never_reaches_it(
    platform: Simulator, sdk: Any, registered: Receiver
) -> None:
    (endpoint,) = sdk.webhooks.list(url=registered.url)
    sdk.webhooks.update(endpoint.id, status="paused")
    post(platform, message())
    platform.idle(taken=1)
    sdk.webhooks.update(endpoint.id, status="active")
    sdk.webhooks.replay(endpoint.id)
    platform.idle()

    assert registered.requests == []


def test_what_failed_is_replayed_and_what_arrived_is_not(platform: Simulator, sdk: Any, registered: Receiver) -> None:
    platform.script(TO, {"reports": "sent"})
    registered.answers = [503] * 5
    post(platform, message())
    platform.idle(taken=1)
    post(platform, message(token=str(uuid4()), message_id="another"))
    platform.idle(taken=2)
    (endpoint,) = sdk.webhooks.list(url=registered.url)
    before = len(registered.requests)

    sdk.webhooks.replay(endpoint.id)
    platform.idle()
    attempts = sdk.webhooks.attempts(endpoint.id).data

    assert len(registered.requests) == before + 1
    assert registered.requests[-1].headers["webhook-id"] == registered.requests[0].headers["webhook-id"]
    assert vouched(registered.requests[-1])
    assert [each.response_status_code for each in attempts].count(503) == 5
    assert [each.status for each in attempts].count("delivered") == 2


def test_a_test_is_a_stub_that_reaches_a_paused_endpoint_too(sdk: Any, registered: Receiver) -> None:
    (endpoint,) = sdk.webhooks.list(url=registered.url)
    sdk.webhooks.update(endpoint.id, status="paused")
    registered.answers = [204, 403]

    passed, refused = (sdk.webhooks.test(endpoint.id, event_type="sms.delivered") for _ in range(2))

    assert (passed.status, passed.response_status_code) == ("delivered", 204)
    assert (refused.status, refused.response_status_code) == ("failed", 403)
    assert json.loads(registered.requests[0].body)["data"] == {}
    fields = {"body": registered.requests[0].body.decode()}
    assert webhook.target(HttpRequest("POST", "https://x"), fields).message_id is None


def test_the_settings_move_the_endpoint_and_change_its_secret(
    platform: Simulator, sdk: Any, registered: Receiver
) -> None:
    (endpoint,) = sdk.webhooks.list(url=registered.url)
    successor = SIMULATOR.signing.successor if SIMULATOR.signing else ""
    platform.settings(webhook_url=f"{registered.url}/moved", webhook_secret=successor)

    post(platform, message())
    platform.idle(taken=1)

    assert [each.id for each in sdk.webhooks.list()] == [endpoint.id]
    assert {request.url for request in registered.requests} == {f"{registered.url}/moved"}
    assert all(vouched(request, successor) and not vouched(request) for request in registered.requests)


def says(platform: Simulator, text: str) -> None:
    said = {"from": PERSON, "to": OURS, "text": text}
    platform.http.post("/_control/reply", json=said).raise_for_status()


def kinds(platform: Simulator) -> object:
    asked = opt_outs.blocks_request(person=PERSON, number=OURS, credentials=credentials(platform))
    listed = opt_outs.blocks_outcome(ask(platform, asked))
    assert isinstance(listed, Blocks)
    return {each.kind for each in listed.found}


PERSON, OURS = "+31612345699", "+15550001111"


def test_opt_outs_are_kept_and_shown_as_their_sdk_reads_them(
    platform: Simulator, registered: Receiver, sdk: Any
) -> None:
    says(platform, "Stop!")
    (found,) = sdk.sms_suppressions.list(destination=PERSON, originator=OURS)
    said = [json.loads(each.body) for each in registered.requests]

    assert (found.reason, found.applies_to, kinds(platform)) == ("keyword_stop", "all", {Kind.STOP})
    assert [each["type"] for each in said] == ["sms.received", "sms_suppression.created"]
    assert (said[1]["data"]["suppression_id"], said[1]["timestamp"]) == (found.id, found.effective_at)
    says(platform, "START")
    assert (list(sdk.sms_suppressions.list(destination=PERSON)), kinds(platform)) == ([], set())


def test_a_workspace_has_words_and_a_coverage_of_its_own(platform: Simulator, sdk: Any) -> None:
    platform.settings(coverage="non_transactional", own_start="ja")
    rules = opt_outs.keywords_request(OURS, "NL", credentials=credentials(platform))
    words = opt_outs.keywords_outcome(ask(platform, rules))

    assert isinstance(words, dict)
    assert [words[word] for word in ("stop", "ja", "help")] == [Keyword.STOP, Keyword.START, Keyword.HELP]
    assert {each.scope.value for each in sdk.sms_keyword_rules.list(number=OURS).data} == {"system", "workspace"}
    for text, blocked in (("stop", {Kind.STOP_MARKETING}), ("Ja", set())):
        says(platform, text)
        assert kinds(platform) == blocked

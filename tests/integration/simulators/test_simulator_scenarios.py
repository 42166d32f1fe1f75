"""What happens to a message is what its number or its script says, and the ledger tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import phonenumbers
import pytest

from local import simulators
from local.simulators.base import Destination
from local.simulators.scenario import HANG, TABLE, Scenario
from sms_tracker import providers
from sms_tracker.aws.json_client import Credentials
from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.outbound import OutboundMessage
from sms_tracker.domain.text import Encoding
from sms_tracker.provider_http import call
from sms_tracker.providers.base import Provider
from sms_tracker.wiring import SignedHttp
from tests.integration.simulators.conftest import account
from tests.integration.simulators.running import FROM, TO, Received, Receiver, Simulator, number, post, twilio_vouches
from tests.integration.simulators.service import SENDERS

MESSAGE = OutboundMessage(
    message_id="m-1", attempt=1, to=TO, sender=FROM, body="Hallo", encoding=Encoding.GSM_7, token="a-token"
)


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("delivered", ["delivered", "sent"]),
        ("undelivered", ["sent", "undelivered"]),
        ("expired", ["sent", "undelivered"]),
        ("failed", ["failed"]),
        ("tangled", ["delivered", "delivered", "sent", "sent"]),
        ("silent", []),
        ("read", ["delivered", "read", "sent"]),
        ("new-word", ["delivered", "sent", "teleported"]),
        ("corrected", ["delivered", "sent", "undelivered"]),
        ("code-then-none", ["sent", "undelivered", "undelivered"]),
        ("shuffled", ["delivered", "queued", "sending", "sent"] * 3),
    ],
)
def test_a_scenario_makes_its_reports_and_no_other(
    twilio: Simulator, messages: Any, receiver: Receiver, scenario: str, words: list[str]
) -> None:
    messages.create(to=number(scenario), from_=FROM, body="Hallo", status_callback=receiver.url)
    message = twilio.idle(taken=1)["messages"][0]

    assert sorted(receiver.words) == sorted(words)
    assert all(twilio_vouches(request) for request in receiver.requests)
    assert message["record"]["word"] == message["handset"]["word"]
    assert message["scenario"] == scenario


def test_a_failure_carries_its_code(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    sent = messages.create(to=number("undelivered"), from_=FROM, body="Hallo", status_callback=receiver.url)
    ledger = twilio.idle()["messages"][0]["handset"]

    codes = {request.form["MessageStatus"]: request.form.get("ErrorCode") for request in receiver.requests}
    assert codes == {"sent": None, "undelivered": "30003"}
    assert messages(sent.sid).fetch().error_code == 30003
    assert ledger == {"word": "undelivered", "code": 30003}


def test_tangled_reports_come_last_one_first(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    messages.create(to=number("tangled"), from_=FROM, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    assert receiver.words == ["delivered", "delivered", "sent", "sent"]
    assert receiver.requests[0] == receiver.requests[1]


def test_early_reports_precede_the_answer(messages: Any, receiver: Receiver) -> None:
    sent = messages.create(to=number("early"), from_=FROM, body="Hallo", status_callback=receiver.url)

    assert sorted(receiver.words) == ["delivered", "sent"]
    assert sent.status == "queued"


def test_a_taken_message_whose_answer_never_comes_is_reported_afterwards(twilio: Simulator, receiver: Receiver) -> None:
    form = {"To": number("timeout"), "From": FROM, "Body": "Hallo", "StatusCallback": receiver.url}

    with pytest.raises(httpx.ReadTimeout):
        post(twilio, form, timeout=0.2)
    ledger = twilio.idle(taken=1)

    assert sorted(receiver.words) == ["delivered", "sent"]
    assert ledger["posts"][0]["answered"] is None
    message = ledger["messages"][0]
    first = datetime.fromisoformat(message["callbacks"][0]["attempts"][0]["at"])
    assert first - datetime.fromisoformat(message["taken_at"]) > timedelta(seconds=0.15)
    assert ledger["counts"] == {"posts": 1, "taken": 1}


def test_a_hanging_request_that_was_not_taken_leaves_nothing(twilio: Simulator, receiver: Receiver) -> None:
    form = {"To": number("hang"), "From": FROM, "Body": "Hallo", "StatusCallback": receiver.url}

    with pytest.raises(httpx.ReadTimeout):
        post(twilio, form, timeout=0.2)

    assert twilio.idle()["counts"] == {"posts": 1, "taken": 0}
    assert receiver.requests == []


def test_a_throttled_request_is_taken_when_it_comes_again(twilio: Simulator) -> None:
    form = {"To": number("throttled-once"), "From": FROM, "Body": "Hallo"}

    answers = [post(twilio, form) for _ in range(2)]
    ledger = twilio.idle()

    assert [answer.status_code for answer in answers] == [429, 201]
    assert answers[0].json()["code"] == 20429
    assert [entry["earlier"] for entry in ledger["posts"]] == [0, 1]
    assert ledger["messages"][0]["times_taken"] == 1
    assert ledger["sent_twice"] == []


@pytest.mark.parametrize(
    ("scenario", "status", "words"), [("broken-answer", 500, ["delivered", "sent"]), ("unavailable", 503, [])]
)
def test_an_answer_that_is_an_error_may_hide_a_message_that_was_taken(
    twilio: Simulator, receiver: Receiver, scenario: str, status: int, words: list[str]
) -> None:
    form = {"To": number(scenario), "From": FROM, "Body": "Hallo", "StatusCallback": receiver.url}

    assert post(twilio, form).status_code == status
    assert twilio.idle(taken=int(bool(words)))["counts"] == {"posts": 1, "taken": bool(words)}
    assert sorted(receiver.words) == words


def test_a_forged_report_is_one_more_and_nobody_vouches_for_it(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    messages.create(to=number("forged"), from_=FROM, body="Hallo", status_callback=receiver.url)
    message = twilio.idle()["messages"][0]

    vouched = {request.form["MessageStatus"]: twilio_vouches(request) for request in receiver.requests}
    assert vouched == {"delivered": False, "sent": True, "undelivered": True}
    assert [each["word"] for each in message["callbacks"] if each["forged"]] == ["delivered"]
    assert message["handset"]["word"] == "undelivered"


def test_what_is_sent_twice_is_told(twilio: Simulator) -> None:
    form = {"To": TO, "From": FROM, "Body": "Hallo"}

    sids = [post(twilio, form).json()["sid"] for _ in range(2)]
    ledger = twilio.idle()

    assert ledger["sent_twice"] == [sids]
    assert [message["times_taken"] for message in ledger["messages"]] == [2, 2]


def test_a_script_can_be_set_for_one_number_or_for_all(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    twilio.script("*", "silent")
    twilio.script(TO, {"like": "undelivered", "copies": 3, "order": "reversed", "fields": {"Extra": "new"}})

    messages.create(to="+4915123456700", from_=FROM, body="Hallo", status_callback=receiver.url)
    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    assert receiver.words == ["undelivered"] * 3 + ["sent"] * 3
    assert {request.form["Extra"] for request in receiver.requests} == {"new"}
    assert all(twilio_vouches(request) for request in receiver.requests)


def test_the_last_report_can_be_lost_alone(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    twilio.script(TO, {"like": "corrected", "drop_last": True})

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=receiver.url)
    message = twilio.idle(taken=1)["messages"][0]

    assert sorted(receiver.words) == ["sent", "undelivered"]
    assert (message["record"]["word"], message["handset"]["word"]) == ("delivered", "delivered")


@pytest.mark.parametrize(
    "script",
    [
        *("no-such", 3, {"like": "no-such"}, {"unheard": 1}, {"copies": "2"}, {"order": "odd"}),
        *({"reports": 5}, {"error": 1.5}),
    ],
)
def test_a_script_that_makes_no_sense_is_refused_with_its_reason(twilio: Simulator, script: object) -> None:
    answer = twilio.http.put("/_control/scenario", json={"to": "*", "script": script})

    assert (answer.status_code, bool(answer.json()["detail"])) == (400, True)


def test_every_scenario_has_numbers_that_are_possible() -> None:
    made = [f"{prefix}{row.digits}" for row in TABLE for prefix in ("+316123456", "+491512345678", "+155512345")]

    assert [each for each in made if not phonenumbers.is_possible_number(phonenumbers.parse(each))] == []


def test_waiting_ends_without_an_answer_while_a_callback_is_to_come_and_forgetting_ends_it(
    twilio: Simulator, messages: Any
) -> None:
    twilio.script(TO, {"delay": 1e6})
    messages.create(to=TO, from_=FROM, body="Hallo")

    waiting = twilio.http.get("/_control/idle?timeout=0.01")
    nonsense = twilio.http.get("/_control/idle?timeout=soon")
    twilio.http.delete("/_ledger")

    assert nonsense.status_code == 400
    assert (waiting.status_code, waiting.json()["pending"]) == (503, 1)
    assert twilio.idle()["messages"] == []


def test_one_message_and_the_table_can_be_asked_for(twilio: Simulator, messages: Any) -> None:
    sid = messages.create(to=TO, from_=FROM, body="Hallo").sid

    assert twilio.http.get(f"/_ledger/{sid}").json()["to"] == TO
    assert twilio.http.get("/_ledger/SM0").status_code == 404
    rows = twilio.http.get("/_control/scenarios").json()
    assert [row["digits"] for row in rows] == [row.digits for row in TABLE]
    assert rows[1]["script"]["reports"][-1] == {"word": "undelivered", "code": 30003}


@pytest.mark.parametrize("settings", [{"auth_token": ""}, {"auth_token": 5}, {"unheard": "of"}])
def test_settings_that_make_no_sense_are_refused(twilio: Simulator, settings: dict[str, Any]) -> None:
    assert twilio.http.put("/_control/settings", json=settings).status_code == 400


SCENARIOS = [
    pytest.param(name, row, id=f"{name}-{row.name}")
    for name in simulators.names()
    for row in TABLE
    if row.script(simulators.load(name).courses).answer != HANG
]


@pytest.mark.parametrize(("name", "row"), SCENARIOS)
def test_every_scenario_ends_with_its_truth_on_record(
    name: str, row: Scenario, urls: dict[str, Any], receiver: Receiver
) -> None:
    provider, simulated, base = providers.load(name), simulators.load(name), receiver.url.removesuffix("/hook")
    script = row.script(simulated.courses)
    with account(urls, name) as simulator:
        simulator.settings(**simulated.reports_to(Destination(base, base, {"AwsEventsTopicArn": "arn:aws:sns:x"})))
        secret = simulated.credentials(simulator.url)
        message = replace(MESSAGE, to=f"+316123456{row.digits}", sender=SENDERS[name], token=str(uuid4()))
        callback = f"{base}/webhooks/{name}?message_id=m-1&attempt=1"
        http = SignedHttp(call, lambda: Credentials("example", "example"))
        answer = http(provider.send_request(message, credentials=secret, callback_url=callback), timeout=10)
        ledger = simulator.idle()

    assert isinstance(answer, HttpResponse)
    assert ledger["posts"][0]["answered"] == answer.status
    assert len(ledger["messages"]) == script.is_taken
    assert all(each["record"] | {"at": None} == each["handset"] | {"at": None} for each in ledger["messages"])
    assert all(callback["over"] for each in ledger["messages"] for callback in each["callbacks"])
    if provider.WEBHOOK:
        genuine = [each for each in receiver.requests if verified(provider, each, secret)]
        assert len(genuine) == len(receiver.requests) - bool(script.forge)


def verified(provider: Provider, received: Received, secret: Mapping[str, str]) -> bool:
    request = HttpRequest(received.method, received.url, received.headers, received.body)
    try:
        provider.verify(request, secrets=provider.keys(secret), now=datetime.now(UTC))
    except InvalidSignature:
        return False
    return True

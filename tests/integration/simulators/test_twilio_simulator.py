"""The Twilio simulator as Twilio's own SDK sees it, and its callbacks as the SDK's validator judges them."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator as TwilioValidator

from tests.integration.simulators.running import (
    FROM,
    TO,
    TWILIO,
    Receiver,
    Simulator,
    number,
    post,
    twilio_sdk,
    twilio_vouches,
)


def test_the_twilio_sdk_sends_and_the_callbacks_bear_the_accounts_signature(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    callback = f"{receiver.url}/webhooks/twilio?message_id=abc&attempt=1"

    sent = messages.create(to=TO, from_=FROM, body="Hallo", status_callback=f"{callback}#rc=5&rp=all")
    ledger = twilio.idle()

    assert (sent.status, sent.num_segments, sent.error_code) == ("queued", "1", None)
    assert [request.url for request in receiver.requests] == [callback, callback]
    assert {(r.form["MessageSid"], r.form["To"], r.form["From"]) for r in receiver.requests} == {(sent.sid, TO, FROM)}
    assert sorted(receiver.words) == ["delivered", "sent"]
    assert all(twilio_vouches(request) for request in receiver.requests)
    assert messages(sent.sid).fetch().status == "delivered"
    assert ledger["messages"][0]["handset"] == {"word": "delivered", "code": None}
    assert ledger["messages"][0]["body_sha256"] == hashlib.sha256(b"Hallo").hexdigest()


def test_a_messaging_service_accepts_first_and_is_named_in_callbacks(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    service = "MG" + "1" * 32

    sent = messages.create(to=TO, messaging_service_sid=service, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    assert (sent.status, sent.from_, sent.num_segments) == ("accepted", None, "0")
    assert {request.form["MessagingServiceSid"] for request in receiver.requests} == {service}


def test_the_list_is_filtered_and_paged_as_the_sdk_reads_it(twilio: Simulator, messages: Any) -> None:
    sids = [messages.create(to=TO, from_=FROM, body=f"{n}").sid for n in range(5)]
    messages.create(to="+4915123456700", from_=FROM, body="another")
    twilio.idle()
    hour = timedelta(hours=1)
    now = datetime.now(UTC)

    assert [each.sid for each in messages.stream(to=TO, page_size=2)] == sids[::-1]
    assert len(messages.list(to=TO, date_sent_after=now - hour)) == 5
    assert messages.list(to=TO, date_sent_after=now + hour) == []
    assert messages.list(to=TO, date_sent_before=now - hour) == []
    assert len(messages.list(from_=FROM)) == 6


def test_a_message_that_waits_has_no_date_sent_to_filter_by(messages: Any) -> None:
    # Found in Twilio's SDK
    slow = "+4915123456704"
    messages.create(to=slow, from_=FROM, body="Hallo")

    assert [each.date_sent for each in messages.list(to=slow)] == [None]
    assert messages.list(to=slow, date_sent_after=datetime.now(UTC) - timedelta(hours=1)) == []


def test_an_api_key_is_as_good_as_the_token_and_a_wrong_token_is_refused_and_counted(twilio: Simulator) -> None:
    with twilio_sdk(twilio, TWILIO.api_key_sid, TWILIO.api_key_secret) as sdk:
        sid = sdk.create(to=TO, from_=FROM, body="Hallo").sid
    with twilio_sdk(twilio, password="wrong") as sdk, pytest.raises(TwilioRestException) as caught:
        sdk.create(to=TO, from_=FROM, body="Hallo")

    assert (caught.value.status, caught.value.code) == (401, 20003)
    ledger = twilio.ledger()
    assert [(post["answered"], post["error"]) for post in ledger["posts"]] == [(201, None), (401, 20003)]
    assert [each["id"] for each in ledger["messages"]] == [sid]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *(({"To": None}, 21604), ({"From": None}, 21603), ({"Body": None}, 21602), ({"To": "12"}, 21211)),
        *(({"From": "much too long a name"}, 21212), ({"Body": "x" * 1601}, 21617)),
        *(({"StatusCallback": "nowhere"}, 21609), ({"ValidityPeriod": "0"}, 20001)),
        *(({"From": f"+1500555000{digit}"}, code) for digit, code in ((1, 21212), (7, 21606), (8, 21611))),
        *(({"To": f"+1500555000{digit}"}, code) for digit, code in ((1, 21211), (2, 21612), (3, 21408), (4, 21610))),
        ({"To": "+15005550009"}, 21614),
        *(
            ({"To": number("refused")}, 21211),
            ({"To": number("opted-out")}, 21610),
            ({"To": number("locked-out")}, 20003),
        ),
    ],
)
def test_twilio_refuses_with_its_own_code(twilio: Simulator, changes: dict[str, str | None], code: int) -> None:
    form = {"To": TO, "From": FROM, "Body": "x", **changes}

    answer = post(twilio, {name: value for name, value in form.items() if value is not None})

    assert answer.json()["code"] == code
    assert answer.json()["status"] == answer.status_code
    assert answer.json().keys() == {"code", "message", "more_info", "status"}
    assert twilio.ledger()["counts"] == {"posts": 1, "taken": 0}


def test_test_numbers_never_call_back(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    messages.create(to=TO, from_="+15005550006", body="Hallo", status_callback=receiver.url)

    assert twilio.idle(taken=1)["messages"][0]["handset"]["word"] == "queued"
    assert receiver.requests == []


def test_a_rotated_token_signs_at_once_and_the_secondary_still_logs_in(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    twilio.settings(auth_token="new", secondary_auth_token=TWILIO.auth_token)

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    assert [twilio_vouches(request, "new") for request in receiver.requests] == [True, True]
    assert [twilio_vouches(request) for request in receiver.requests] == [False, False]


def test_a_shared_key_signs_by_sha_256(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    twilio.settings(shared_key_id="sharedkey_1", shared_key_secret="shared")

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=receiver.url)
    twilio.idle()

    header = receiver.requests[0].headers["x-twilio-webhooks-signature-settings"]
    assert header == "key=sharedkey_1,algorithm=HMAC_SHA256"
    assert all(twilio_vouches(request, "shared") for request in receiver.requests)


@pytest.mark.parametrize(
    ("host", "rest"), [("127.0.0.1", "/a[b]?x=[1]:,'%41&y=a+b%20c&z"), ("some-api.localhost", "/x")]
)
def test_the_signed_url_is_sent_byte_for_byte_also_to_a_name_under_localhost(
    twilio: Simulator, messages: Any, receiver: Receiver, host: str, rest: str
) -> None:
    url = receiver.url.replace("127.0.0.1", host) + rest

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=url)
    twilio.idle()

    assert [request.url for request in receiver.requests] == [url, url]


def test_userinfo_is_signed_and_sent_as_basic_auth(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "http://user:pass@")

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback=url)
    twilio.idle()

    request = receiver.requests[0]
    assert request.url == receiver.url
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"user:pass").decode()
    assert TwilioValidator(TWILIO.auth_token).validate(url, request.form, request.headers["x-twilio-signature"])


def test_a_5xx_loses_the_report_unless_the_url_asks_for_retries(
    twilio: Simulator, messages: Any, receiver: Receiver
) -> None:
    twilio.script(TO, {"reports": "delivered"})
    receiver.answers = [503, 503, 503, 429]

    messages.create(to=TO, from_=FROM, body="lost", status_callback=receiver.url)
    lost = twilio.idle()["messages"][0]["callbacks"][0]
    messages.create(to=TO, from_=FROM, body="kept", status_callback=f"{receiver.url}#rc=3&rp=all")
    kept = twilio.idle()["messages"][1]["callbacks"][0]

    assert [each["status"] for each in lost["attempts"]] == [503]
    assert [each["status"] for each in kept["attempts"]] == [503, 503, 429, 204]
    tokens = {request.headers["i-twilio-idempotency-token"] for request in receiver.requests[1:]}
    assert len(tokens) == 1
    assert tokens != {receiver.requests[0].headers["i-twilio-idempotency-token"]}


def test_only_a_failed_connection_is_retried_once_by_default(twilio: Simulator, messages: Any) -> None:
    twilio.script(TO, {"reports": "delivered"})

    messages.create(to=TO, from_=FROM, body="Hallo", status_callback="http://127.0.0.1:1/")
    callback = twilio.idle()["messages"][0]["callbacks"][0]

    assert [each["status"] for each in callback["attempts"]] == [None, None]
    assert "ConnectError" in callback["error"]


def test_a_reply_has_a_record_and_a_forged_one_has_none(twilio: Simulator, messages: Any, receiver: Receiver) -> None:
    twilio.http.put("/_control/settings", json={"inbound_url": receiver.url}).raise_for_status()
    before = datetime.now(UTC).replace(microsecond=0)
    for forged in (False, True):
        twilio.http.post("/_control/reply", json={"from": TO, "to": FROM, "text": "STOP", "forged": forged})
    genuine, forged_sid = (request.form["MessageSid"] for request in receiver.requests)

    found = messages(genuine).fetch()
    assert (found.sid, found.direction, found.status) == (genuine, "inbound", "received")
    assert (found.from_, found.to, found.body) == (TO, FROM, "STOP")
    assert before <= found.date_created <= datetime.now(UTC)
    with pytest.raises(TwilioRestException) as refused:
        messages(forged_sid).fetch()
    assert refused.value.code == 20404


def test_a_reply_is_signed_sent_as_often_as_asked_and_kept_with_who_opted_out(
    twilio: Simulator, receiver: Receiver
) -> None:
    url, person = f"{receiver.url}/webhooks/twilio/inbound", TO
    twilio.http.put("/_control/settings", json={"inbound_url": f"{url}#rc=5&rp=all"}).raise_for_status()
    receiver.answers[:] = [503]  # its first try

    twilio.http.post("/_control/reply", json={"from": person, "to": FROM, "text": "STOP", "copies": 2})
    forged = twilio.http.post("/_control/reply", json={"from": person, "to": FROM, "text": "START", "forged": True})
    ledger = twilio.ledger()

    assert forged.json() == {"statuses": [204]}
    assert [request.url for request in receiver.requests] == [url] * 4
    assert [twilio_vouches(request) for request in receiver.requests] == [True, True, True, False]
    assert len({request.form["MessageSid"] for request in receiver.requests}) == 2
    assert ledger["opted_out"] == [[person, FROM]]
    assert [(each["text"], each["forged"]) for each in ledger["replies"]] == [("STOP", False), ("START", True)]
    assert [callback["status"] for callback in ledger["replies"][0]["callbacks"]] == [204, 204]
    assert [len(callback["attempts"]) for callback in ledger["replies"][0]["callbacks"]] == [2, 1]

"""Replies: what each provider's fields say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from sms_tracker import providers
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.opt_out import Keyword
from sms_tracker.domain.queued import Inbound

NOW = "2026-01-31T12:00:00.000Z"
PERSON, NUMBER, SERVICE = "+31612345678", "+15551234567", "MG" + "1" * 32
TWILIO = {"MessageSid": "SM" + "1" * 32, "From": PERSON, "To": NUMBER, "Body": "Stop", "SmsStatus": "received"}
MESSAGEBIRD = {
    "id": "e8077d803532c0b5937c639b60216938",
    "originator": "31612345678",
    "recipient": "15551234567",
    "payload": "Stop",
    "createdDatetime": "2026-01-31T11:59:58+00:00",
}

AWS = {
    "originationNumber": PERSON,
    "destinationNumber": NUMBER,
    "messageKeyword": "STOP",
    "messageBody": "Stop",
    "inboundMessageId": "cae173d2-66b9-564c-8309-21f858e9fb84",
}


def bird(kind: str = "sms.received", **data: Any) -> dict[str, str]:
    known = {"sms_id": "sms_01kr", "from": PERSON, "to": NUMBER, "text": "Stop"}
    event = {"type": kind, "timestamp": "2026-01-31T11:59:58Z", "data": {**known, **data}}
    return {"body": json.dumps(event)}


def suppression(**data: Any) -> dict[str, str]:
    known = {"suppression_id": "sup_1", "destination": PERSON, "originator": NUMBER, "reason": "keyword_stop"}
    return {"body": json.dumps({"type": "sms_suppression.created", "timestamp": NOW, "data": {**known, **data}})}


def heard(provider: str, fields: Mapping[str, str]) -> Inbound:
    return providers.load(provider).inbound(fields, received_at=NOW)


@pytest.mark.parametrize(
    ("provider", "fields"), [("twilio", TWILIO), ("messagebird", MESSAGEBIRD), ("bird", bird()), ("aws", AWS)]
)
def test_a_reply_names_the_person_our_number_and_the_text(provider: str, fields: Mapping[str, str]) -> None:
    reply = heard(provider, fields)

    assert providers.load(provider).is_reply(fields)
    signal = Keyword.STOP if provider == "aws" else None
    assert (reply.sender, reply.to, reply.text, reply.signal) == (PERSON, (NUMBER,), "Stop", signal)
    assert reply.at == (None if provider in ("twilio", "aws") else "2026-01-31T11:59:58.000Z")


def test_a_messaging_service_is_one_of_our_addresses_and_a_short_code_stays_as_it_is() -> None:
    assert heard("twilio", {**TWILIO, "MessagingServiceSid": SERVICE}).to == (NUMBER, SERVICE)
    assert heard("messagebird", {**MESSAGEBIRD, "recipient": "1008"}).to == ("1008",)


@pytest.mark.parametrize(
    ("word", "signal"), [("STOP", Keyword.STOP), ("START", Keyword.START), ("HELP", Keyword.HELP), ("NEW", None)]
)
def test_twilios_advanced_opt_out_has_a_signal_of_its_own(word: str, signal: Keyword | None) -> None:
    assert heard("twilio", {**TWILIO, "Body": "basta", "OptOutType": word}).signal is signal


@pytest.mark.parametrize(
    "fields",
    [
        {"message_id": MESSAGEBIRD["id"], "sender": "31612345678", "receiver": "15551234567", "body": "Stop"},
        {"id": MESSAGEBIRD["id"], "originator": PERSON, "recipient": NUMBER, "incomingMessage": "Stop", "payload": ""},
        *[{**MESSAGEBIRD, "createdDatetime": time} for time in ("yesterday", "", "2026-13-45T00:00:00Z")],
    ],
)
def test_every_alias_of_messagebirds_flows_is_read_and_no_unreadable_time(fields: Mapping[str, str]) -> None:
    reply = heard("messagebird", fields)

    assert (reply.sender, reply.to, reply.text, reply.at) == (PERSON, (NUMBER,), "Stop", None)


@pytest.mark.parametrize("sender", [f"rcs:{PERSON}", f"RCS:{PERSON}"])
def test_a_reply_by_rcs_is_from_the_persons_number(sender: str) -> None:
    # Found in openclaw/openclaw#102373
    reply = heard("twilio", {**TWILIO, "From": sender, "To": "rcs:my_shop_agent", "MessagingServiceSid": SERVICE})

    assert (reply.sender, reply.to) == (PERSON, ("rcs:my_shop_agent", SERVICE))


def test_a_reply_by_another_channel_is_from_no_number_that_gets_sms() -> None:
    whatsapp = f"whatsapp:{PERSON}"

    assert heard("twilio", {**TWILIO, "From": whatsapp}).sender == whatsapp


def test_a_reply_to_a_short_code_has_names_of_its_own() -> None:
    # Found in nyaruka/courier#856
    sent = {"mid": "1008", "shortcode": "86753", "originator": "15557654321", "message": "Stop"}
    fields = {**sent, "receive_datetime": "20260131115958"}
    reply = heard("messagebird", fields)

    assert providers.load("messagebird").is_reply(fields)
    assert (reply.provider_message_id, reply.sender, reply.to) == ("1008", "+15557654321", ("86753",))
    assert (reply.text, reply.at) == ("Stop", None)


def test_aws_states_which_message_a_reply_answers() -> None:
    assert heard("aws", {**AWS, "previousPublishedMessageId": "wJalrXUt"}).answers == "wJalrXUt"
    assert heard("aws", {**AWS, "previousPublishedMessageId": ""}).answers is None


@pytest.mark.parametrize(
    ("matched", "text", "signal"),
    [
        *[("STOP", "Stop please", Keyword.STOP), ("OPT-OUT", "opt-out, thanks", Keyword.STOP)],
        ("td", "TD", Keyword.STOP),
        ("STOP", "please stop", None),  # the number's only keyword, not what the text begins with
        *[("STOP", "nonstop", None), ("KEYWORD_123456789012", "stop by at 5", None), ("JOIN", "join us", None)],
        *[("START", "start your engines", None), ("", "", None)],
    ],
)
def test_a_text_that_begins_with_an_aws_keyword_is_a_signal(matched: str, text: str, signal: Keyword | None) -> None:
    assert heard("aws", {**AWS, "messageKeyword": matched, "messageBody": text}).signal is signal


def test_birds_suppression_is_a_stop_without_a_text() -> None:
    reply = heard("bird", suppression())

    assert (reply.sender, reply.to, reply.text, reply.signal, reply.at) == (PERSON, (NUMBER,), None, Keyword.STOP, NOW)


def test_a_text_is_kept_whole_and_a_picture_alone_has_an_empty_one() -> None:
    text = "line one\nline two\t" + "x" * 1500

    assert heard("bird", bird(text=text)).text == heard("twilio", {**TWILIO, "Body": text}).text == text
    assert heard("bird", bird(text=None)).text == ""


@pytest.mark.parametrize(
    ("provider", "fields"),
    [
        *[("twilio", {**TWILIO, "MessageSid": ""}), ("twilio", {**TWILIO, "From": ""})],
        *[("messagebird", {**MESSAGEBIRD, "originator": ""}), ("messagebird", {**MESSAGEBIRD, "id": ""})],
        *[("bird", bird(sms_id=None)), ("bird", suppression(originator=None))],
        ("bird", {"body": '{"type": "sms.received", "data": {"text": "STOP"}}'}),
        ("aws", {**AWS, "originationNumber": ""}),
    ],
)
def test_a_reply_without_its_id_or_a_number_is_unreadable(provider: str, fields: Mapping[str, str]) -> None:
    with pytest.raises(Unreadable):
        heard(provider, fields)


@pytest.mark.parametrize(
    ("provider", "fields"),
    [
        ("twilio", {"MessageSid": "SM1", "MessageStatus": "delivered", "To": PERSON, "From": NUMBER}),
        ("twilio", {"SmsSid": "SM1", "SmsStatus": "sent"}),
        ("messagebird", {"id": "x", "reference": "y", "recipient": "31612345678", "status": "delivered"}),
        ("bird", bird("sms.delivered")),
        ("bird", {"body": "[]"}),
        ("bird", {"body": json.dumps({"type": "sms.received", "timestamp": NOW, "data": {}})}),
        ("bird", {"body": json.dumps({"type": "sms_suppression.created", "timestamp": NOW, "data": None})}),
        ("aws", {"eventType": "TEXT_DELIVERED", "messageStatus": "DELIVERED"}),
    ],
)
def test_a_report_is_no_reply(provider: str, fields: Mapping[str, str]) -> None:
    assert not providers.load(provider).is_reply(fields)

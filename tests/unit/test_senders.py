"""Senders by country: what a document may hold, and which sender a message leaves with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from sms_tracker import providers
from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.operator_rules import Destinations
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.services.policy import read_senders
from sms_tracker.services.send_request import measure_send
from tests.fakes import Answer, FixedSettings, MemoryMessages
from tests.setups import BIRD_TAKEN, POLICY, RULES, TAKEN, UNHEARD, UNREACHED, WRONG_TOKEN, SendSetup
from tests.unit.test_receive import Counted

SERVICE = "MG" + "0" * 32
LISTED = {
    "twilio": {"US": "+14155550100", "GB": "MyShop", "*": SERVICE},
    "messagebird": {"NL": "Winkel", "BE": "Boutique"},
}
DUTCH, BELGIAN, BRITISH, AMERICAN = "+31612345678", "+32470123456", "+447400123456", "+12025550143"
SATELLITE, UNKNOWN_AMERICAN = "+881612345678", "+15551234567"


def flaws(document: object) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(Misconfigured) as caught:
        read_senders(text)
    return str(caught.value)


def sender_of(request: HttpRequest) -> str:
    if request.body.startswith(b"{"):
        return str(json.loads(request.body)["originator"])
    fields = parse_qs(request.body.decode())
    return (fields.get("From") or fields["MessagingServiceSid"])[0]


class TestTheDocument:
    @pytest.mark.parametrize("document", [LISTED, {}, {"twilio": {}}, {"bird": {"*": "My-Shop"}}])
    def test_senders_of_known_providers_and_countries_are_read(self, document: dict[str, Any]) -> None:
        assert read_senders(json.dumps(document)) == document
        assert read_senders("\ufeff" + json.dumps(document, indent=2)) == document

    @pytest.mark.parametrize("text", ["", "{", "twilio: MyShop", '{"twilio": {}, "twilio": {}}', "[" * 100_000])
    def test_what_is_not_json_or_has_a_name_twice_is_refused(self, text: str) -> None:
        assert flaws(text) == "senders are not JSON, or have a name twice"

    @pytest.mark.parametrize(
        ("document", "flaw"),
        [
            ([], "the document is no object"),
            (None, "the document is no object"),
            ({"pigeon": {}}, "pigeon is no provider"),
            ({"Twilio\n": {"*": "MyShop"}}, "Twilio? is no provider"),
            ({"twilio": "MyShop"}, "twilio: is no object of countries and senders"),
            ({"twilio": {"UK": "MyShop"}}, "twilio: UK is no country code, write GB"),
            ({"twilio": {"nl": "MyShop"}}, "twilio: nl is no country code, write NL"),
            ({"twilio": {"+31": "MyShop"}}, "twilio: +31 is no country code"),
            ({"twilio": {"NL": None}}, "twilio: NL is no text"),
            ({"twilio": {"*": ["MyShop"]}}, "twilio: * is no text"),
        ],
    )
    def test_each_flaw_is_named(self, document: object, flaw: str) -> None:
        assert flaws(document) == f"senders: {flaw}"
        assert len(flaws({f"provider-{number}": {} for number in range(1000)})) < 1000

    def test_all_flaws_are_named_at_once_and_no_sender_is_shown(self) -> None:
        told = flaws({"twilio": {"NL": "Winkel.nl", "XX": "x"}, "messagebird": {"BE": SERVICE}, "dove": 1})
        dove, messagebird, country, twilio = told.removeprefix("senders: ").split("; ")

        assert (dove, country) == ("dove is no provider", "twilio: XX is no country code")
        assert messagebird.startswith("messagebird: BE is not a sender for messagebird, which takes E.164")
        assert twilio.startswith("twilio: NL is not a sender for twilio, which takes E.164")
        assert "Winkel" not in told
        assert SERVICE not in told

    @pytest.mark.parametrize("provider", providers.names())
    def test_a_sender_is_one_that_the_api_takes_for_that_provider(self, provider: str) -> None:
        assert read_senders(json.dumps({provider: {"*": "+15551234567"}}))
        assert f"{provider}: * is not a sender for {provider}" in flaws({provider: {"*": "a sender too long"}})


def setup(*answers: Answer, senders: Any = LISTED, defaults: Any = None, **policy: Any) -> SendSetup:
    rules = replace(RULES, policy=replace(POLICY, senders=defaults or {}, **policy))
    return SendSetup(answers or (TAKEN,), rules=rules, settings=FixedSettings(senders=senders))


def stored(made: SendSetup) -> Record:
    assert isinstance(made.messages, MemoryMessages)
    (record,) = made.messages.records.values()
    return record


def senders_of(made: SendSetup) -> list[str]:
    """The sender of each request."""
    return [sender_of(request) for request in made.http.requests]


class TestAMessageWithoutASender:
    @pytest.mark.parametrize(
        ("to", "sender"),
        [
            (AMERICAN, "+14155550100"),
            (BRITISH, "MyShop"),
            (DUTCH, SERVICE),
            (UNKNOWN_AMERICAN, "+14155550100"),
            (SATELLITE, SERVICE),
        ],
    )
    def test_leaves_with_the_sender_of_its_country_or_the_one_for_all(self, to: str, sender: str) -> None:
        made = setup(allowed=Destinations(None, (to,)), defaults={"twilio": "+15551234567"})
        assert made.post(to=to).status == 202
        assert (senders_of(made), stored(made).sender) == ([sender], sender)

    def test_leaves_with_the_parameters_sender_where_the_document_has_none(self) -> None:
        made = setup(BIRD_TAKEN, defaults={"messagebird": "MyShop"}, default_provider="messagebird")
        assert made.post(to=BRITISH).status == made.post(to=BELGIAN).status == 202
        assert senders_of(made) == ["MyShop", "Boutique"]

    def test_is_our_fault_and_not_the_callers_where_none_fits(self) -> None:
        made, counted = setup(default_provider="messagebird"), Counted()

        refused = made.post("k", to=BRITISH)
        measure_send(refused, counted, provider_calls=0)

        assert (refused.status, refused.decision, refused.body["provider"]) == (502, "no-sender", "messagebird")
        assert refused.warnings == ("messagebird has no sender for the recipient's country",)
        assert made.http.requests == []
        assert counted.counts == {"AccountRefused": 1, "SendErrors": 1, "ProviderRetries": 0}
        assert isinstance(made.messages, MemoryMessages)
        assert made.messages.records == {}

    def test_is_sent_under_the_same_key_once_the_operator_set_one(self) -> None:
        senders: dict[str, dict[str, str]] = {}
        made = setup(senders=senders)
        assert made.post("k").status == 502

        senders["twilio"] = {"NL": "Winkel"}

        assert made.post("k").status == 202
        assert senders_of(made) == ["Winkel"]


class TestAMessageThatNamesItsSender:
    @pytest.mark.parametrize("senders", [LISTED, {}])
    def test_keeps_it_and_needs_no_other(self, senders: object) -> None:
        made = setup(senders=senders)
        assert made.post(sender="Own").status == 202
        assert senders_of(made) == ["Own"]

    def test_keeps_it_in_a_second_attempt(self) -> None:
        made = setup(UNREACHED)
        assert made.post("k", sender="Own").status == 503
        made.http.answers = [BIRD_TAKEN]

        assert made.post("k", sender="Own", provider="messagebird").status == 202
        assert senders_of(made)[-1] == "Own"


class TestASecondAttempt:
    def test_over_another_provider_has_that_providers_sender_for_the_country(self) -> None:
        made = setup(UNREACHED)
        assert made.post("k").status == 503
        assert (stored(made).send.phase, stored(made).sender) == (SendPhase.RELEASED, SERVICE)
        made.http.answers = [BIRD_TAKEN]

        assert made.post("k", provider="messagebird").status == 202
        assert (stored(made).send.attempt, stored(made).sender, senders_of(made)[-1]) == (2, "Winkel", "Winkel")

    def test_over_a_provider_without_one_sends_nothing_and_leaves_the_key_free(self) -> None:
        made = setup(UNREACHED)
        assert made.post("k", to=BRITISH).status == 503
        before = stored(made)

        assert made.post("k", to=BRITISH, provider="messagebird").status == 502
        assert stored(made) == before

    def test_after_the_provider_refused_the_operators_sender_has_the_new_one(self) -> None:
        senders = {"twilio": {"NL": "Old"}}
        made = setup(WRONG_TOKEN, TAKEN, senders=senders)
        assert made.post("k").status == 502
        senders["twilio"] = {"NL": "New"}

        assert made.post("k").status == 202
        assert (stored(made).sender, senders_of(made)) == ("New", ["Old", "New"])

    def test_of_a_lost_message_keeps_the_sender_of_the_first(self) -> None:
        senders = {"twilio": {"NL": "First"}}
        made = setup(UNHEARD, TAKEN, senders=senders, keeps_text=True)
        made.post("k", resend_if_lost=True)
        senders["twilio"] = {"NL": "Second"}

        made.sender.resend(stored(made))

        assert (senders_of(made), stored(made).send.attempt) == (["First", "First"], 2)

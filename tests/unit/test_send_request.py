"""What POST /messages takes and refuses, field by field, from the bytes on."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_tracker import providers
from sms_tracker.domain.errors import InvalidMessage
from sms_tracker.domain.http import Caller, HttpRequest
from sms_tracker.domain.operator_rules import Destinations
from sms_tracker.domain.text import Encoding
from sms_tracker.services.idempotency import fingerprint, idempotency_key
from sms_tracker.services.numbers import e164
from sms_tracker.services.policy import Policy
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send_request import Draft, SendRequest, draft_from_request, submit
from sms_tracker.services.validation import MAX_SEGMENTS, text_hash
from tests.fakes import MemoryMessages
from tests.setups import POLICY, REQUEST, SendSetup

SEND = frozenset({"send"})
VOICE = r"(must|may|is|has|holds|needs|starts) .*[^.]\Z"


def taken(policy: Policy = POLICY, **fields: object) -> Draft:
    """The draft of REQUEST with ``fields``; ``sender`` stands for ``from``."""
    if "sender" in fields:
        fields["from"] = fields.pop("sender")
    return draft_from_request({**REQUEST, **fields}, policy)


def refused(policy: Policy = POLICY, **fields: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidMessage) as refusal:
        taken(policy, **fields)
    assert all(error.message for error in refusal.value.errors)
    return [(error.field, error.message) for error in refusal.value.errors]


def refused_fields(policy: Policy = POLICY, **fields: object) -> list[str]:
    return [field for field, _ in refused(policy, **fields)]


def refusal_of(name: str, policy: Policy = POLICY, **fields: object) -> str:
    ((field, message),) = refused(policy, **fields)
    assert field == name
    return message


def raw(body: bytes, **headers: str) -> ApiResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    setup = SendSetup()
    reply = submit(setup.sender.send, Caller("shop", SEND), HttpRequest("POST", "/messages", named, body))
    assert reply.status == 202 or setup.http.requests == []
    return reply


def raw_fields(**fields: object) -> ApiResponse:
    return raw(json.dumps({**REQUEST, **fields}).encode())


class TestTo:
    @pytest.mark.parametrize(
        "number", ["+31612345678", " +31 6 1234 5678 ", "+31 (0)6-1234.5678", "tel:+31-6-12345678"]
    )
    def test_any_international_form_becomes_e164(self, number: str) -> None:
        assert taken(to=number).to == "+31612345678"

    @pytest.mark.parametrize(
        "number",
        [
            *("", "+", "0612345678", "+31", "+316123456789012345", "+999612345678", "+31612345678 ext. 5"),
            *("not a number", "+31\ud800612345678", "+" + "1" * 300),
            *(None, 31612345678, ["+31612345678"], {"number": "+31612345678"}, True),
        ],
    )
    def test_what_is_no_possible_international_number_is_refused(self, number: object) -> None:
        assert refused_fields(to=number) == ["to"]

    @pytest.mark.parametrize("number", ["+49 151 2345678O", "whatsapp:+31612345608", "+39 (0)312 3456789", "+31\ud800"])
    def test_the_answer_says_what_is_wrong_with_a_number(self, number: str) -> None:
        reply = raw_fields(to=number)
        with pytest.raises(ValueError, match=r"\w") as caught:
            e164(number, None)
        assert (reply.status, reply.body["errors"]) == (400, [{"field": "to", "message": str(caught.value)}])

    def test_a_national_number_is_taken_where_one_country_is_sent_to(self) -> None:
        dutch = replace(POLICY, allowed=Destinations(frozenset({"NL"})))
        assert taken(dutch, to="06 1234 5678").to == "+31612345678"
        assert refused_fields(dutch, to="0032 470 12 34 56") == ["to"]  # read, and not allowed

    def test_it_is_required(self) -> None:
        with pytest.raises(InvalidMessage) as refusal:
            draft_from_request({"body": "x"}, POLICY)
        assert [(error.field, error.message) for error in refusal.value.errors] == [("to", "is required")]

    @pytest.mark.parametrize(
        ("countries", "number", "allowed"),
        [
            ({"NL", "BE"}, "+31612345678", True),
            ({"NL", "BE"}, "+32470123456", True),
            ({"NL", "BE"}, "+4915112345678", False),
            ({"NL", "BE"}, "+12025550143", False),
            ({"NL", "BE"}, "+80012345678", False),  # no country at all
            ({"CA"}, "+16135550199", True),
            ({"CA"}, "+12025550143", False),
            ({"CA"}, "+18765550123", False),
        ],
    )
    def test_only_allowed_countries_are_sent_to(self, countries: set[str], number: str, *, allowed: bool) -> None:
        policy = replace(POLICY, allowed=Destinations(frozenset(countries)))
        if allowed:
            assert taken(policy, to=number).to == number
        else:
            assert refused_fields(policy, to=number) == ["to"]

    def test_a_closed_range_is_named_and_opens_where_it_is_listed(self) -> None:
        dutch = replace(POLICY, allowed=Destinations(frozenset({"NL"}), ("+3190912",)))

        assert refusal_of("to", dutch, to="+31 909 555666") == (
            "is a premium-rate number, and those are sent to only in ranges that AllowedCountries lists"
        )
        assert taken(dutch, to="+31 909 123456").to == "+31909123456"


class TestBody:
    @pytest.mark.parametrize(
        ("text", "encoding", "segments"),
        [
            ("x" * 160, Encoding.GSM_7, 1),
            ("x" * 161, Encoding.GSM_7, 2),
            ("€" * 80, Encoding.GSM_7, 1),
            ("x" * 1530, Encoding.GSM_7, 10),
            ("д" * 70, Encoding.UCS_2, 1),
            ("д" * 670, Encoding.UCS_2, 10),
        ],
    )
    def test_up_to_ten_segments_are_taken(self, text: str, encoding: Encoding, segments: int) -> None:
        made = taken(body=text)
        assert (made.segmentation.encoding, made.segmentation.segments) == (encoding, segments)

    @pytest.mark.parametrize("text", ["x" * 1531, "д" * 671, "x" * 1600, "€" * 766, "", "\ud800", "ok\udfff"])
    def test_more_than_ten_segments_an_empty_text_or_half_a_pair_are_refused(self, text: str) -> None:
        assert refused_fields(body=text) == ["body"]

    def test_the_longest_text_of_the_schema_is_the_longest_that_fits_ten_segments(self) -> None:
        longest = "x" * SendRequest.model_json_schema()["properties"]["body"]["maxLength"]
        assert len(longest) == 1530
        assert taken(body=longest).segmentation.segments == MAX_SEGMENTS
        assert "1530" in refusal_of("body", body=longest + "x")

    @pytest.mark.parametrize("text", [" ", "\n\r\t", "\u00a0", "\u200b\u2800", "\u3164", "\ufeff", "\u202e\u202c"])
    def test_a_text_that_shows_nothing_is_refused(self, text: str) -> None:
        # Found in Unicode
        assert refusal_of("body", body=text) == "is blank: a phone would show nothing"
        assert refusal_of("body", body=text, smart_encoding=True) == "is blank: a phone would show nothing"

    @pytest.mark.parametrize(("text", "which"), [("a\x00", "U+0000"), ("\x1b[1m", "U+001B"), ("it\x92s", "U+0092")])
    def test_control_characters_are_refused_by_number(self, text: str, which: str) -> None:
        # Found in 3GPP TS 23.038
        assert refusal_of("body", body=text).endswith(f"no phone shows: {which}")

    @pytest.mark.parametrize("text", ["one\r\ntwo", "one\ttwo", "page\ftwo", "\u0085x", "\u200bx", " x "])
    def test_white_space_beside_a_text_is_sent_as_it_is(self, text: str) -> None:
        assert taken(body=text).body == text

    def test_a_text_with_too_many_segments_is_told_which_characters_cost_them(self) -> None:
        # Found in developers.telnyx.com, smart-encoding
        assert refusal_of("body", body="x" * 700 + "’") == (
            "needs 11 segments; at most 10 are sent. "
            "These characters force UCS-2: ’ (U+2019); smart_encoding replaces them"
        )
        assert refusal_of("body", body="x" * 700 + "á😀").endswith("UCS-2: á (U+00E1), 😀 (U+1F600)")
        assert refusal_of("body", body="абвгдежз" * 100).endswith("д (U+0434) and 3 more")
        assert refusal_of("body", body="€" * 1000) == "needs 14 segments; at most 10 are sent"


class TestSmartEncoding:
    def test_a_text_of_typographic_characters_becomes_gsm_7_only_when_asked_for(self) -> None:
        made = taken(body="“It’s” – here…" + "x" * 700, smart_encoding=True)

        assert made.body == '"It\'s" - here...' + "x" * 700
        assert (made.segmentation.encoding, made.segmentation.segments) == (Encoding.GSM_7, 5)
        assert made.warnings == ()
        assert taken(body="It’s").body == taken(body="It’s", smart_encoding=False).body == "It’s"

    def test_a_text_that_is_ucs_2_in_any_case_is_sent_as_written(self) -> None:
        # Found in twilio.com smart-encoding-char-list, docs.bird.com smart-encoding
        text = "“It’s” 👨\u200d👩\u200d👧"
        made = taken(body=text, smart_encoding=True)
        assert (made.body, made.warnings) == (text, ())

    def test_the_provider_gets_what_is_counted_and_hashed_and_the_key_belongs_to_what_the_client_wrote(self) -> None:
        messages = MemoryMessages()
        setup = SendSetup(messages=messages)
        payload = {**REQUEST, "body": "It’s", "smart_encoding": True}
        setup.sender.send("shop", payload, "order-1")
        (record,) = messages.records.values()
        key = setup.settings().service_key

        assert b"It%27s" in setup.http.requests[0].body
        assert record.text_hash == text_hash(key, "It's")
        assert record.fingerprint == fingerprint(key, payload)


KOREAN = "안녕하세요 고객님, 주문하신 상품이 도착했습니다. 감사합니다."


class TestWarnings:
    @pytest.mark.parametrize(
        ("text", "warning"),
        [
            (
                "x" * 400 + "’\u00a0",
                "body: these characters force UCS-2: ’ (U+2019), U+00A0. Segments: 6, with smart_encoding 3.",
            ),
            (
                "caf\ufffd",
                "body: U+FFFD usually stands for bytes that were not UTF-8. Check how the text was decoded.",
            ),
            (
                unicodedata.normalize("NFD", KOREAN),
                "body: letters are in parts (Unicode NFD). Segments: 2, composed (NFC) 1.",
            ),
            *((text, None) for text in ("Hello", "Привет, “мир”", "你好", "😀", "façade", "€")),
            *((text, None) for text in (KOREAN, unicodedata.normalize("NFD", "감사합니다."))),
        ],
    )
    def test_what_is_odd_in_a_text_is_named(self, text: str, warning: str | None) -> None:
        # Found in apache/lucene#16241, zenmoney/sms-formats#1029
        assert raw_fields(body=text).body.get("warnings") == (warning and [warning])

    def test_a_replay_has_them_and_a_refusal_has_not(self) -> None:
        setup = SendSetup()
        payload = {**REQUEST, "body": "It’s"}
        first, again = (setup.sender.send("shop", payload, "order-1") for _ in range(2))
        reused = setup.sender.send("shop", {**payload, "body": "It’s not"}, "order-1")

        assert (first.decision, again.decision) == ("accepted", "replayed")
        assert first.body["warnings"] == again.body["warnings"]
        assert reused.status == 422
        assert "warnings" not in reused.body

    def test_a_pair_of_surrogates_in_json_is_one_character(self) -> None:
        assert raw(b'{"to": "+31612345678", "body": "\\ud83d\\ude00"}').status == 202
        reply = raw(b'{"to": "+31612345678", "body": "\\ud83d"}')
        assert reply.body["errors"] == [
            {"field": "body", "message": "holds half a surrogate pair, which no encoding can carry"}
        ]


class TestFrom:
    @pytest.mark.parametrize("sender", ["+15551234567", "12345", "123", "12345678", "My Shop", "A", "Shop2Go4You"])
    def test_e164_short_codes_and_eleven_alphanumerics_are_taken(self, sender: str) -> None:
        assert taken(sender=sender).sender == sender

    @pytest.mark.parametrize(
        "sender",
        [
            *("", "12", "123456789", "15551234567", "+0123456789", "+1", "MG" + "0" * 31),
            *("TwelveLetter", " Shop", "Shop ", "My.Shop", "Ünïcode", "Shop\n", "a\ud800"),
        ],
    )
    def test_anything_else_is_refused(self, sender: str) -> None:
        assert refused_fields(sender=sender) == ["from"]

    @pytest.mark.parametrize("sender", ["T-Mobile", "A&B", "MG" + "0a" * 16])
    def test_the_chosen_providers_rule_counts_and_is_named(self, sender: str) -> None:
        # Found in https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id
        assert taken(sender=sender).sender == sender
        assert refusal_of("from", sender=sender, provider="messagebird").startswith(
            "is not a sender for messagebird, which takes E.164, a short code of 3 to 8 digits, or"
        )

    def test_without_one_it_is_chosen_later(self) -> None:
        made = taken(replace(POLICY, senders={}))
        assert (made.sender, made.default_sender) == ("", True)


ALL = replace(
    POLICY,
    providers=("bird", "messagebird", "twilio"),
    senders={"bird": "Acme", "messagebird": "MyShop", "twilio": "+15551234567"},
    keeps_text=True,
)
CHOICES = pytest.mark.parametrize("chosen", [True, False], ids=["named", "by default"])


def at(provider: str, *, chosen: bool) -> tuple[Policy, dict[str, object]]:
    """The policy and the request's field that choose a provider, by name or as the default."""
    return (ALL, {"provider": provider}) if chosen else (replace(ALL, default_provider=provider), {})


class TestWhatTheProviderCannotDo:
    """Each is a 400 that names field, provider and what is possible, whether the request or the default chose it."""

    @CHOICES
    @pytest.mark.parametrize(
        ("provider", "within"), [("twilio", (1, 36_000)), ("messagebird", (1, 36_000)), ("bird", (60, 172_800))]
    )
    def test_a_validity_is_within_the_providers_range(
        self, provider: str, within: tuple[int, int], *, chosen: bool
    ) -> None:
        policy, field = at(provider, chosen=chosen)
        for seconds in within:
            assert taken(policy, **field, validity_seconds=seconds).validity_seconds == seconds
        for seconds in (within[0] - 1, within[1] + 1, 259_200, -60):
            refusal = refusal_of("validity_seconds", policy, **field, validity_seconds=seconds)
            assert refusal == f"is out of range for {provider}, which takes {within[0]} to {within[1]} seconds"

    @CHOICES
    @pytest.mark.parametrize("provider", ["twilio", "messagebird"])
    def test_a_category_needs_a_provider_that_has_categories(self, provider: str, *, chosen: bool) -> None:
        policy, field = at(provider, chosen=chosen)
        refusal = refusal_of("category", policy, **field, category="transactional")
        assert refusal == f"is not possible with {provider}, which has no categories"

    @CHOICES
    def test_a_category_is_one_of_the_providers(self, *, chosen: bool) -> None:
        policy, field = at("bird", chosen=chosen)
        for word in (None, "transactional", "marketing", "authentication", "service"):
            assert taken(policy, **field, category=word).category == word
        for wrong in ("Marketing", "promotional", "", " service"):
            refusal = refusal_of("category", policy, **field, category=wrong)
            assert refusal == (
                "is not a category of bird, which takes transactional, marketing, authentication, or service"
            )

    @CHOICES
    @pytest.mark.parametrize("provider", ["bird", "messagebird", "twilio"])
    def test_a_lost_message_can_be_searched_for_at_these(self, provider: str, *, chosen: bool) -> None:
        policy, field = at(provider, chosen=chosen)
        assert taken(policy, **field, resend_if_lost=True).resend_if_lost

    @CHOICES
    def test_what_cannot_be_done_at_all_is_named(self, *, chosen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        mute = SimpleNamespace(**{**vars(providers.load("twilio")), "VALIDITY": None, "LOOKUP": False})
        monkeypatch.setattr("sms_tracker.services.policy.providers.load", lambda _: mute)
        policy, field = at("twilio", chosen=chosen)
        assert refusal_of("validity_seconds", policy, **field, validity_seconds=60) == (
            "is not possible with twilio, which takes no validity"
        )
        assert refusal_of("resend_if_lost", policy, **field, resend_if_lost=True) == (
            "is not possible with twilio, which cannot be searched for a lost message"
        )

    def test_every_impossible_field_is_named_at_once_and_a_wrong_provider_alone(self) -> None:
        wrong = {"sender": "?", "validity_seconds": 59, "category": "x"}
        assert refused_fields(ALL, provider="bird", **wrong) == ["from", "validity_seconds", "category"]
        assert refused_fields(ALL, provider="pigeon", resend_if_lost=True, **wrong) == ["provider"]


class TestOtherFields:
    @pytest.mark.parametrize("seconds", [1, 36000, 60.0, None])
    def test_validity_is_whole_seconds(self, seconds: float | None) -> None:
        assert taken(validity_seconds=seconds).validity_seconds == seconds

    @pytest.mark.parametrize("reference", ["a", "order #42 – ü", "x" * 128, None])
    def test_a_reference_has_up_to_128_printable_characters(self, reference: str | None) -> None:
        assert taken(reference=reference).reference == reference

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("validity_seconds", each) for each in (-1, 1.5, "60", True, 10**30, float("nan"), float("inf"))),
            *(("reference", each) for each in ("", "x" * 129, "a\nb", "a\n", "\x00", "\x7f", 42, "\ud800")),
            *(("provider", each) for each in ("nexmo", "", "Twilio", "base", "\ud800")),
            *(("smart_encoding", each) for each in (None, "true", 1, "yes")),
            *(("resend_if_lost", each) for each in (None, "true", 1, "yes", [True])),
        ],
    )
    def test_any_other_value_is_refused(self, field: str, value: object) -> None:
        assert refused_fields(replace(POLICY, keeps_text=True), **{field: value}) == [field]

    def test_a_provider_that_exists_but_is_not_enabled_is_refused(self) -> None:
        assert refused_fields(replace(POLICY, providers=("twilio",)), provider="messagebird") == ["provider"]

    def test_every_wrong_field_is_named_at_once(self) -> None:
        assert refused_fields(colour="red", To="+31612345678") == ["colour", "To"]
        assert refused_fields(to="x", sender="-", body="д" * 671) == ["to", "body", "from"]
        wrong: dict[str, Any] = {"to": "x", "body": "", "provider": "nexmo", "sender": 1, "colour": "red"}
        assert refused_fields(**wrong) == ["to", "body", "provider", "from", "colour"]
        with pytest.raises(InvalidMessage) as refusal:  # our own name for the field "from"
            draft_from_request({**REQUEST, "sender": "MyShop"}, POLICY)
        assert [error.field for error in refusal.value.errors] == ["sender"]


ONE = '{"to": "+31612345678", "body": "x"}'
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("+31612345678")
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


class TestPayload:
    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"null", b"[]", b'"text"', b"{", b"NaN", b"\xff\xfe\x00", b"[" * 10_000, b'{"to":' * 10_000),
            *(ONE.encode(code) for code in ("utf-16", "utf-16-le", "utf-32")),
            *(ONE.replace("x", text).encode(code) for text, code in (("é", "latin-1"), ("\u2019", "cp1252"))),
            b'{"to": "+31612345678", "body": "\xed\xa0\xbd"}',
            b'{"to": "+31612345678", "body": "\xc0\xaf"}',  # an overlong form
            b'{"to": "+31612345678", "body": "a\x00"}',
            b'{"to": "+31612345678", "to": "+31687654321", "body": "x"}',
            b'{"to": "+31612345678", "body": "a", "t\\u006f": "+31687654321"}',
            b'{"to": "+31612345678", "body": "x", "a": {"b": 1, "b": 2}}',
            b'{"to": "+31612345678", "body": NaN}',
            b'{"to": "+31612345678", "body": "x", "other": -Infinity}',
            *(ONE.replace("}", f', "validity_seconds": {n}}}').encode() for n in ("Infinity", "9" * 5000, "1e999")),
        ],
    )
    def test_what_is_no_json_object_or_names_a_member_twice_is_400(self, body: bytes) -> None:
        # Found in RFC 8259
        reply = raw(body)
        assert (reply.status, reply.body["type"]) == (400, "urn:sms-tracker:problem:invalid-request")
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.body["errors"]

    @pytest.mark.parametrize("field", ["body", "reference"])
    def test_a_byte_that_a_gateway_replaced_is_refused_and_the_character_itself_can_be_escaped(
        self, field: str
    ) -> None:
        replaced = json.dumps({**REQUEST, field: "caf\ufffd"}, ensure_ascii=False).encode()
        reply = raw(replaced)

        assert reply.status == 400
        assert reply.body["errors"] == [
            {"field": "", "message": r"holds bytes that are not UTF-8, or U+FFFD; write that as \ufffd"}
        ]
        assert raw(json.dumps({**REQUEST, field: "caf\ufffd"}).encode()).status == 202

    @pytest.mark.parametrize("charset", ["utf-8", "UTF8", "iso-8859-1", "utf-16", "nonsense"])
    def test_the_bytes_decide_whatever_the_charset(self, charset: str) -> None:
        body = json.dumps({**REQUEST, "body": "é"}, ensure_ascii=False)
        named = f"application/json; charset={charset}"
        assert raw(body.encode(), content_type=named).status == 202
        assert raw(body.encode("latin-1"), content_type=named).status == 400

    def test_a_byte_order_mark_is_passed_over(self) -> None:
        assert raw(ONE.encode("utf-8-sig")).status == 202

    @pytest.mark.parametrize(
        "names", [["\ud800"], ["x" * 10_000], ["a\nb\x00"], [f"field{number}" for number in range(3000)]]
    )
    def test_fields_with_odd_names_are_refused_in_few_words_that_can_be_sent(self, names: list[str]) -> None:
        reply = raw_fields(**dict.fromkeys(names, 1))
        assert reply.status == 400
        assert len(json.dumps(reply.body, ensure_ascii=False).encode()) < (1000 if len(names) == 1 else 4000)

    def test_a_body_of_more_than_64_kib_is_refused_unread(self) -> None:
        # Found in pydantic/pydantic#8242, shakenfist/shakenfist#4249
        body = json.dumps(REQUEST).encode()
        reply = raw(body.ljust(64 * 1024 + 1))

        assert reply.status == 400
        assert reply.body["errors"] == [{"field": "", "message": "must be at most 65536 bytes"}]
        assert raw(body.ljust(64 * 1024)).status == 202

    def test_the_longest_valid_request_is_far_below_that(self) -> None:
        longest = {**REQUEST, "body": "\u00e9" * 1530, "reference": "\U0001f600" * 128}
        assert raw(json.dumps(longest, indent=4).encode()).status == 202

    @settings(deadline=None)  # a busy machine is no failure
    @given(st.binary(max_size=200))
    def test_any_bytes_get_an_answer(self, body: bytes) -> None:
        assert raw(body).status == 400

    @settings(deadline=None)
    @given(st.dictionaries(st.sampled_from([*REQUEST, "provider", "from", "reference", "validity_seconds", "x"]), JSON))
    def test_any_members_get_an_answer_that_can_be_sent(self, members: dict[str, Any]) -> None:
        reply = raw(json.dumps(members).encode())
        assert reply.status in {202, 400}
        json.dumps(reply.body, ensure_ascii=False).encode()
        for error in cast("list[dict[str, str]]", reply.body.get("errors", [])):
            assert re.match(VOICE, error["message"]), "it continues the sentence that the field's name begins"

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("to", 31612345678, "must be a string"),
            ("to", None, "must be a string"),
            ("body", "", "must have 1 or more characters"),
            ("body", "x" * 1531, "must have 1530 or fewer characters"),
            ("provider", "pigeon", "must be one of: twilio, messagebird"),
            ("from", ["x"], "must be a string"),
            ("reference", "a\nb", "holds control characters"),
            ("reference", "", "must have 1 or more characters"),
            ("validity_seconds", 0, "is out of range for twilio, which takes 1 to 36000 seconds"),
            ("validity_seconds", 36001, "is out of range for twilio, which takes 1 to 36000 seconds"),
            ("validity_seconds", 1.5, "must be a whole number"),
            ("validity_seconds", "60", "must be a whole number"),
            ("smart_encoding", 1, "must be true or false"),
            ("resend_if_lost", "yes", "must be true or false"),
            ("colour", "red", "is not a field of this request"),
        ],
    )
    def test_a_wrong_field_is_described_in_our_words(self, field: str, value: object, message: str) -> None:
        assert raw_fields(**{field: value}).body["errors"] == [{"field": field, "message": message}]

    def test_a_key_without_the_scope_is_403_before_anything_is_read(self) -> None:
        caller = Caller("shop", frozenset({"read", "admin"}))
        reply = submit(SendSetup().sender.send, caller, HttpRequest("POST", "/messages", {}, b"{"))
        assert (reply.status, reply.body["type"]) == (403, "urn:sms-tracker:problem:scope-missing")
        assert reply.headers["content-type"] == "application/problem+json"


class TestIdempotencyKey:
    @pytest.mark.parametrize("key", [None, "a", "!" * 255, "~order:42/a,b;c"])
    def test_none_or_one_to_255_visible_ascii_characters_are_a_key(self, key: str | None) -> None:
        assert idempotency_key(key) == key

    @pytest.mark.parametrize("key", ["", "x" * 256, "a b", " a", "a\n", "ü", "\x7f", "\x00"])
    def test_anything_else_is_400(self, key: str) -> None:
        reply = raw(json.dumps(REQUEST).encode(), idempotency_key=key)
        flaw = {"field": "Idempotency-Key", "message": "must be 1 to 255 visible ASCII characters"}
        assert (reply.status, reply.body["errors"]) == (400, [flaw])


class TestFingerprint:
    @pytest.mark.parametrize("same", [{"b": "ü", "a": 1}, {"a": 1, "b": "ü", "provider": None}])
    def test_it_is_the_same_for_the_same_payload_however_it_was_written(self, same: dict[str, object]) -> None:
        assert fingerprint(b"k", same) == fingerprint(b"k", {"a": 1, "b": "ü", "provider": "twilio"})
        assert fingerprint(b"l", same) != fingerprint(b"k", same)
        assert len(fingerprint(b"k", same)) == 22

    @pytest.mark.parametrize("other", [{"a": "1"}, {"a": 1, "b": None}, {"a": 1.5}, {}])
    def test_it_differs_with_any_difference(self, other: dict[str, object]) -> None:
        assert fingerprint(b"k", other) != fingerprint(b"k", {"a": 1})


def test_a_lost_message_is_sent_again_only_where_its_text_is_kept_and_only_when_asked_for() -> None:
    keeping = replace(POLICY, keeps_text=True)
    assert taken(keeping, resend_if_lost=True).resend_if_lost
    assert not taken(keeping).resend_if_lost
    assert refused_fields(resend_if_lost=True) == ["resend_if_lost"]


def test_the_hash_of_a_text_needs_the_key_and_does_not_show_the_text() -> None:
    hashed = text_hash(b"a-key", "Hello")
    assert (len(hashed), hashed) == (12, text_hash(b"a-key", "Hello"))
    assert len({hashed, text_hash(b"another", "Hello"), text_hash(b"a-key", "Hello!")}) == 3

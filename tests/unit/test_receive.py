"""The webhook on fakes: acknowledged only once queued, and never for what nobody vouches for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_tracker import providers
from sms_tracker.domain.callback import CallbackTarget
from sms_tracker.domain.errors import Misconfigured, Rejected, Unavailable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.queued import Envelope, RawInbound, decode_reply, decode_report
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.domain.settings import Settings
from sms_tracker.log import Line
from sms_tracker.services.receive import MAX_BODY, Received, Receiver, measure
from tests.factories import MESSAGE_ID
from tests.fakes import BASE_URL, MESSAGEBIRD, START, TWILIO, FakeClock, FixedSettings, MemoryQueue
from tests.setups import BIRD_ID, SID, callback_token, messagebird_get, messagebird_webhook, ours, twilio_webhook

Webhook = Callable[..., HttpRequest]
each_provider = pytest.mark.parametrize(
    ("provider", "webhook"),
    [("twilio", twilio_webhook), ("messagebird", messagebird_webhook)],
    ids=["twilio", "messagebird"],
)
KEYS = {"twilio": (TWILIO, "auth_token"), "messagebird": (MESSAGEBIRD, "signing_key")}
each_key = pytest.mark.parametrize(
    ("provider", "webhook", "key"),
    [("twilio", twilio_webhook, "token"), ("messagebird", messagebird_webhook, "key")],
    ids=["twilio", "messagebird"],
)


@dataclass
class Setup:
    """The webhook with a queue that one can look into."""

    settings: Callable[..., Settings] = field(default_factory=FixedSettings)
    enabled: tuple[str, ...] = ("twilio", "messagebird")
    tokens: frozenset[str] = frozenset()
    queue_sending: bool = True
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    replies: MemoryQueue = field(default_factory=MemoryQueue)

    def receive(self, provider: str, request: HttpRequest) -> Received:
        receiver = Receiver(
            queue=self.queue,
            replies=self.replies,
            settings=self.settings,
            clock=FakeClock(),
            enabled=self.enabled,
            tokens=self.tokens,
            queue_sending=self.queue_sending,
        )
        return receiver.receive(provider, request)

    def refuses(self, provider: str, request: HttpRequest) -> int:
        """The status, after making sure that nothing was queued."""
        received = self.receive(provider, request)
        assert self.queue.sent == self.replies.sent == []
        return received.status

    def queues(self, request: HttpRequest, provider: str = "twilio") -> Envelope:
        """The envelope that is queued for an acknowledged request."""
        received = self.receive(provider, request)
        assert (received.status // 100, received.decision) == (2, "queued")
        (body,) = self.queue.bodies
        return decode_report(body)


class TestVolume:
    """Without ``queue_sending``."""

    @pytest.mark.parametrize(
        ("token", "decision", "figures"),
        [
            (TWILIO["auth_token"], "counted", {"ReportsReceived": 1}),
            ("another", "refused-signature", {"SignaturesRefused": 1}),
        ],
    )
    def test_a_report_of_sending_is_acknowledged_and_counted_if_it_is_signed_and_not_queued(
        self, token: str, decision: str, figures: dict[str, int]
    ) -> None:
        setup, line = Setup(queue_sending=False), Line()
        received = setup.receive("twilio", twilio_webhook({"MessageStatus": "sending"}, token=token))
        measure(received, line)
        assert (received.status, received.decision) == (204 if decision == "counted" else 403, decision)
        assert received.acknowledged is (decision == "counted")
        assert (setup.queue.sent, line.figures) == ([], figures)

    def test_another_stacks_report_of_sending_is_foreign(self) -> None:
        query = ours("twilio").partition("&token=")[0] + "&token=" + "A" * 43
        webhook = twilio_webhook({"MessageStatus": "sending"}, query=query)
        assert Setup(queue_sending=False).receive("twilio", webhook).decision == "foreign"

    def test_by_default_it_is_queued(self) -> None:
        assert Setup().queues(twilio_webhook({"MessageStatus": "sending"}))

    @pytest.mark.parametrize("word", ["queued", "accepted", "sent", "delivered", "undelivered", "failed", "novel", ""])
    def test_every_other_word_is_queued(self, word: str) -> None:
        assert Setup(queue_sending=False).queues(twilio_webhook({"MessageStatus": word}))

    @pytest.mark.parametrize("status", ["accepted", "buffered", "sent", "delivered", "sending"])
    def test_a_provider_without_the_word_is_queued_whatever_it_says(self, status: str) -> None:
        assert Setup(queue_sending=False).queues(messagebird_webhook({"status": status}), "messagebird")


REPLY = {"MessageStatus": "received", "SmsStatus": "received", "From": "+31612345678", "To": "+15551234567"}


def twilio_reply(fields: dict[str, str], path: str, *, token: str = TWILIO["auth_token"]) -> HttpRequest:
    """A message to one of our numbers, as Twilio sends it to the number's webhook."""
    return twilio_webhook(fields, query="", path=path, token=token)


FLOW = {"id": "0" * 32, "originator": "31612345678", "recipient": "15551234567", "payload": "STOP"}


class TestReplies:
    @pytest.mark.parametrize("path", ["/webhooks/twilio", "/webhooks/twilio/inbound"])
    def test_a_signed_reply_is_queued_apart_whatever_its_address_and_answered_without_a_message(
        self, path: str
    ) -> None:
        setup, request = Setup(), twilio_reply({**REPLY, "Body": "STOP"}, path)
        received = setup.receive("twilio", request)
        assert (received.status, received.decision, received.acknowledged) == (200, "heard", True)
        assert received.body == "<Response></Response>"
        (body,) = setup.replies.bodies
        heard = decode_reply(body)
        assert isinstance(heard, RawInbound)
        assert (heard.provider, heard.fields["Body"], heard.received_at) == ("twilio", "STOP", timestamp(START))
        assert setup.queue.sent == []

    def test_a_provider_that_sends_no_text_back_is_acknowledged_as_for_a_report(self) -> None:
        setup = Setup()
        received = setup.receive("messagebird", messagebird_get(f"/webhooks/messagebird/inbound?{urlencode(FLOW)}"))
        assert (received.status, received.body, len(setup.replies.sent)) == (200, "", 1)

    def test_a_forged_reply_changes_nothing_and_the_signature_covers_its_address(self) -> None:
        forged = twilio_reply(REPLY, "/webhooks/twilio/inbound", token="another")
        moved = replace(twilio_reply(REPLY, "/webhooks/twilio"), url="/webhooks/twilio/inbound")
        assert Setup().refuses("twilio", forged) == Setup().refuses("twilio", moved) == 403

    def test_a_reply_that_cannot_be_queued_is_503(self) -> None:
        received = Setup(replies=MemoryQueue(fail=True)).receive("twilio", twilio_reply(REPLY, "/webhooks/twilio"))
        assert (received.status, received.decision) == (503, "unavailable")

    def test_our_token_vouches_for_no_reply(self) -> None:
        setup = Setup(tokens=frozenset({"twilio"}))
        assert setup.refuses("twilio", twilio_reply(REPLY, "/webhooks/twilio/inbound")) == 403
        assert setup.receive("twilio", twilio_webhook(REPLY)).decision == "queued"  # as a report, which moves nothing
        assert setup.replies.sent == []


class TestQueued:
    @each_provider
    def test_a_signed_report_is_queued_as_its_raw_fields_and_acknowledged(
        self, provider: str, webhook: Webhook
    ) -> None:
        setup = Setup()
        received = setup.receive(provider, webhook({"Odd": "raw  value ü"}, query=ours(provider, attempt=2)))
        assert (received.status, received.decision) == ({"twilio": 204, "messagebird": 200}[provider], "queued")
        assert received.message_id == MESSAGE_ID
        ((body, reason, delay),) = setup.queue.sent
        assert (reason, delay) == (None, 0)
        envelope = decode_report(body)
        assert (envelope.provider, envelope.message_id, envelope.attempt) == (provider, MESSAGE_ID, 2)
        assert (envelope.source, envelope.received_at) == (Source.CALLBACK, timestamp(START))
        assert envelope.fields["Odd"] == "raw  value ü"
        assert SID in envelope.fields.values() or BIRD_ID in envelope.fields.values()
        assert not {"message_id", "attempt", "token"} & envelope.fields.keys()

    @each_key
    def test_each_key_is_accepted_while_one_rotates_and_whether_it_is_the_next_is_told(
        self, provider: str, webhook: Webhook, key: str
    ) -> None:
        credentials, name = KEYS[provider]
        for prefix in ("", "next_"):
            received = Setup().receive(provider, webhook(**{key: credentials[prefix + name]}))
            assert (received.decision, received.next_secret) == ("queued", prefix == "next_")

    @each_provider
    def test_each_public_address_is_accepted(self, provider: str, webhook: Webhook) -> None:
        setup = Setup(FixedSettings(urls=("https://new.example.com", "https://old.example.com/stage")))
        for base in ("https://new.example.com", "https://old.example.com/stage"):
            assert setup.receive(provider, webhook(base=base)).decision == "queued"
        assert len(setup.queue.sent) == 2

    @pytest.mark.parametrize(
        "query",
        [
            *("", "message_id=not-a-uuid&attempt=1", "message_id=&attempt=1", f"message_id={MESSAGE_ID.upper()}"),
            *("message_id=%00%FF&attempt=", "attempt=7"),
        ],
    )
    def test_a_signed_query_whose_id_is_none_of_ours_is_queued_without_one(self, query: str) -> None:
        envelope = Setup().queues(twilio_webhook({"MessageStatus": "teleported"}, query=query))
        assert (envelope.message_id, envelope.fields["MessageStatus"]) == (None, "teleported")

    @each_provider
    def test_an_authentic_report_without_our_token_counts_by_the_providers_id_alone(
        self, provider: str, webhook: Webhook
    ) -> None:
        envelope = Setup().queues(webhook(query=f"message_id={MESSAGE_ID}&attempt=2"), provider)
        assert (envelope.message_id, envelope.attempt) == (None, 2)

    @each_provider
    @pytest.mark.parametrize("other", ["a-token", "", "%FF", "token of another attempt"])
    def test_a_report_about_another_stacks_message_is_acknowledged_and_not_queued(
        self, provider: str, webhook: Webhook, other: str
    ) -> None:
        setup = Setup()
        token = callback_token(provider, MESSAGE_ID, 2) if " " in other else other
        received = setup.receive(provider, webhook(query=f"message_id={MESSAGE_ID}&attempt=1&token={token}"))
        assert (received.status // 100, received.decision) == (2, "foreign" if token else "queued")
        assert [decode_report(body).message_id for body in setup.queue.bodies] == ([] if token else [None])

    @pytest.mark.parametrize("attempt", ["0", "20", "-1", "1e1", "", "x", "01", "9" * 5000, "%D9%A1"])
    def test_an_attempt_that_is_none_counts_as_the_first(self, attempt: str) -> None:
        query = ours("twilio").replace("attempt=1", f"attempt={attempt}")
        envelope = Setup().queues(twilio_webhook(query=query))
        assert (envelope.message_id, envelope.attempt) == (MESSAGE_ID, 1)

    def test_a_body_of_exactly_64_kib_is_taken(self) -> None:
        for padding, status in ((0, 204), (1, 413)):
            empty = twilio_webhook({"Padding": ""})
            request = twilio_webhook({"Padding": "x" * (MAX_BODY - len(empty.body) + padding)})
            assert len(request.body) == MAX_BODY + padding
            assert Setup().receive("twilio", request).status == status


class TestAge:
    """The age of a signature refuses nothing here: it is counted."""

    @pytest.mark.parametrize("seconds", [-301, -300, 0, 300, 301, 86400 * 3])
    def test_an_authentic_webhook_of_any_age_is_queued_and_an_old_one_counted(self, seconds: int) -> None:
        # Found in Bird's guides
        received = Setup().receive("messagebird", legacy_webhook(int(START.timestamp()) - seconds))
        old, metrics = abs(seconds) > 300, Counted()
        measure(received, metrics)
        assert (received.status, received.decision, received.stale) == (200, "queued", old)
        assert metrics.counts["ReportsStale"] == int(old)
        assert Setup().receive("messagebird", legacy_webhook(0, key="another")).stale is False

    @each_provider
    def test_a_signature_without_a_time_is_never_old(self, provider: str, webhook: Webhook) -> None:
        assert Setup().receive(provider, webhook()).stale is False


def legacy_webhook(stamp: int, key: str = MESSAGEBIRD["signing_key"]) -> HttpRequest:
    """A report signed with its time, in the older generation."""
    query = urlencode(sorted({"id": BIRD_ID, "status": "delivered"}.items()))
    text = b"\n".join((str(stamp).encode(), query.encode(), hashlib.sha256(b"").digest()))
    signature = base64.b64encode(hmac.digest(key.encode(), text, "sha256")).decode()
    headers = {"messagebird-signature": signature, "messagebird-request-timestamp": str(stamp)}
    return HttpRequest("GET", f"/webhooks/messagebird?{query}", headers)


@dataclass
class Counted:
    """The metrics of one webhook."""

    counts: Counter[str] = field(default_factory=Counter)

    def count(self, metric: str, value: int = 1) -> None:
        self.counts[metric] += value

    def measure(self, metric: str, value: float | list[float] | None, unit: str) -> None:
        raise AssertionError((metric, value, unit))

    def with_dimensions(self, **dimensions: str) -> Counted:
        raise AssertionError(dimensions)


class TestTarget:
    """The provider knows where our id stands in what it signs: here, as if it were in a field."""

    OTHER = CallbackTarget("0" + MESSAGE_ID[1:], 3, callback_token("twilio", "0" + MESSAGE_ID[1:], 3))

    @pytest.fixture(autouse=True)
    def provider(self, monkeypatch: pytest.MonkeyPatch) -> None:
        adapter = {**vars(providers.webhooks("twilio")), "target": lambda _request, _fields: self.OTHER}
        monkeypatch.setattr(providers, "webhooks", lambda _name: SimpleNamespace(**adapter))

    def test_a_signed_report_is_about_the_message_that_the_provider_reads_from_it(self) -> None:
        setup = Setup()
        received = setup.receive("twilio", twilio_webhook(query=f"message_id={MESSAGE_ID}&attempt=1"))
        envelope = decode_report(setup.queue.bodies[0])
        assert (envelope.message_id, envelope.attempt) == (self.OTHER.message_id, 3)
        assert received.message_id == self.OTHER.message_id

    def test_our_token_vouches_for_the_message_in_the_url_alone(self) -> None:
        assert Setup(tokens=frozenset({"twilio"})).queues(twilio_webhook()).message_id == MESSAGE_ID


class TestRefused:
    @each_key
    def test_a_wrong_key_or_none_is_403(self, provider: str, webhook: Webhook, key: str) -> None:
        assert Setup().refuses(provider, webhook(**{key: "another"})) == 403
        assert Setup().refuses(provider, replace(webhook(), headers={})) == 403
        keyless = Setup(FixedSettings(credentials={"twilio": {}, "messagebird": {}}))
        assert keyless.refuses(provider, webhook(**{key: ""})) == 403

    @each_provider
    def test_a_tampered_query_is_403(self, provider: str, webhook: Webhook) -> None:
        request = webhook()
        other = request.url.replace(MESSAGE_ID, MESSAGE_ID[::-1])
        assert Setup().refuses(provider, replace(request, url=other)) == 403
        assert Setup().refuses(provider, replace(request, url=request.url.replace("attempt=1", "attempt=2"))) == 403

    def test_a_tampered_body_is_403(self) -> None:
        request = twilio_webhook({"MessageStatus": "undelivered"})
        tampered = replace(request, body=request.body.replace(b"undelivered", b"delivered"))
        assert Setup().refuses("twilio", tampered) == 403
        assert Setup().refuses("messagebird", replace(messagebird_webhook(), body=b"{}")) == 403

    @each_provider
    def test_a_signature_for_another_address_is_403_whatever_the_host_header_says(
        self, provider: str, webhook: Webhook
    ) -> None:
        request = webhook(base="https://attacker.example.net")
        headers = {**request.headers, "host": "attacker.example.net", "x-forwarded-host": "attacker.example.net"}
        assert Setup().refuses(provider, replace(request, headers=headers)) == 403

    def test_one_providers_signature_is_worth_nothing_at_the_other(self) -> None:
        assert Setup().refuses("messagebird", twilio_webhook()) == 403
        assert Setup().refuses("twilio", messagebird_webhook()) == 403

    @pytest.mark.parametrize("name", ["nexmo", "", "base", "wire", "twilio_report", "../twilio", "Twilio", "twilio"])
    def test_a_provider_that_is_unknown_or_not_enabled_is_404(self, name: str) -> None:
        assert Setup(enabled=("messagebird",)).refuses(name, twilio_webhook()) == 404
        assert name == "twilio" or Setup().refuses(name, twilio_webhook()) == 404

    def test_signed_but_unreadable_is_400(self) -> None:
        fields = {f"f{number}": "" for number in range(300)}
        assert Setup().refuses("twilio", twilio_webhook(fields)) == 400

    @each_provider
    def test_a_query_of_more_than_64_kib_is_413(self, provider: str, webhook: Webhook) -> None:
        assert Setup().refuses(provider, webhook(query="x=" + "y" * MAX_BODY)) == 413


class TestUnavailable:
    @each_provider
    @pytest.mark.parametrize("error", [Unavailable("SendMessage: Throttled"), Rejected("SendMessage: Invalid")])
    def test_a_queue_that_does_not_take_it_is_503_so_that_the_provider_comes_again(
        self, provider: str, webhook: Webhook, error: Exception
    ) -> None:
        received = Setup(queue=MemoryQueue(fail=True, error=error)).receive(provider, webhook())
        assert (received.status, received.decision, received.message_id) == (503, "unavailable", MESSAGE_ID)

    @pytest.mark.parametrize("error", [Unavailable("GetParameters: Throttled"), Misconfigured("missing parameters")])
    def test_without_settings_nothing_can_be_believed_or_refused(self, error: Exception) -> None:
        assert Setup(FixedSettings(error=error)).refuses("twilio", twilio_webhook()) == 503


@dataclass
class Rotating:
    """Settings as the parameter store holds them and as they were cached; ``max_age`` reads them again."""

    cached: FixedSettings
    stored: FixedSettings
    refreshed: list[float] = field(default_factory=list)

    def __call__(self, *, max_age: float | None = None) -> Settings:
        if max_age is None:
            return self.cached()
        self.refreshed.append(max_age)
        return self.stored()


class TestRotation:
    NEW = FixedSettings(
        credentials={"twilio": {**TWILIO, "auth_token": "new"}, "messagebird": {**MESSAGEBIRD, "signing_key": "new"}}
    )

    @each_key
    def test_a_key_that_was_just_rotated_is_read_again_before_its_report_is_refused(
        self, provider: str, webhook: Webhook, key: str
    ) -> None:
        settings = Rotating(FixedSettings(), self.NEW)
        assert Setup(settings).receive(provider, webhook(**{key: "new"})).decision == "queued"
        assert settings.refreshed == [30.0]

    def test_an_address_that_was_just_added_is_read_again_too(self) -> None:
        settings = Rotating(FixedSettings(), FixedSettings(urls=(BASE_URL, "https://new.example.com")))
        request = twilio_webhook(base="https://new.example.com")
        assert Setup(settings).receive("twilio", request).status == 204

    def test_a_good_signature_reads_nothing_again_and_a_wrong_one_stays_refused_after_one_more_look(self) -> None:
        settings = Rotating(FixedSettings(), self.NEW)
        Setup(settings).receive("twilio", twilio_webhook())
        assert settings.refreshed == []
        assert Setup(settings).refuses("twilio", twilio_webhook(token="wrong")) == 403
        assert settings.refreshed == [30.0]


class TestToken:
    """An account without a signing key: our own token in the callback URL vouches."""

    def setup(self) -> Setup:
        unsigned = {"twilio": TWILIO, "messagebird": {"access_key": "live_key"}}
        return Setup(FixedSettings(credentials=unsigned), tokens=frozenset({"messagebird"}))

    def request(self, token: str | None, *, message_id: str = MESSAGE_ID, attempt: str = "1") -> HttpRequest:
        query = f"message_id={message_id}&attempt={attempt}" + ("" if token is None else f"&token={token}")
        return HttpRequest("GET", f"/webhooks/messagebird?{query}&id={BIRD_ID}&status=delivered")

    def test_our_token_is_believed_and_kept_out_of_the_queue(self) -> None:
        setup, token = self.setup(), callback_token("messagebird", MESSAGE_ID, 1)
        assert setup.receive("messagebird", self.request(token)).status == 200
        assert token not in setup.queue.bodies[0]

    @pytest.mark.parametrize("token", [None, "", "wrong", "%FF", quote("ü"), callback_token("twilio", MESSAGE_ID, 1)])
    def test_a_missing_or_wrong_token_is_403(self, token: str | None) -> None:
        assert self.setup().refuses("messagebird", self.request(token)) == 403

    def test_a_token_is_good_for_its_message_and_attempt_alone(self) -> None:
        token, other = callback_token("messagebird", MESSAGE_ID, 1), "1" + MESSAGE_ID[1:]
        assert self.setup().refuses("messagebird", self.request(token, message_id=other)) == 403
        assert self.setup().refuses("messagebird", self.request(token, attempt="2")) == 403
        assert self.setup().refuses("messagebird", self.request(token, message_id="")) == 403

    def test_neither_signature_nor_token_replaces_the_other(self) -> None:
        both = Setup(tokens=frozenset({"messagebird"}))
        assert both.refuses("messagebird", messagebird_webhook(query=f"message_id={MESSAGE_ID}&attempt=1")) == 403
        assert self.setup().refuses("twilio", replace(twilio_webhook(), headers={})) == 403


HEADERS = (
    *("x-twilio-signature", "x-twilio-webhooks-signature-settings", "content-type", "host"),
    *("messagebird-signature-jwt", "messagebird-signature", "messagebird-request-timestamp"),
)
MEDIA_TYPES = st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain; charset=\xff"])


QUERIES = st.text(st.characters(max_codepoint=255)) | st.sampled_from([f"message_id={MESSAGE_ID}", "%ff", "&=&"])


@pytest.mark.no_cover  # other tests cover what it uses
@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["twilio", "messagebird", "nexmo"]),
    st.sampled_from(["GET", "POST"]),
    QUERIES,
    st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=60) | MEDIA_TYPES),
    st.binary(max_size=300),
)
def test_whatever_a_stranger_sends_is_refused_and_never_queued(
    provider: str, method: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    request = HttpRequest(method, f"/webhooks/{provider}?{query}", headers, body)
    for tokens in (frozenset[str](), frozenset({"twilio", "messagebird"})):
        assert Setup(tokens=tokens).refuses(provider, request) == (404 if provider == "nexmo" else 403)


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_whatever_a_provider_signs_is_queued_in_one_readable_envelope(fields: dict[str, str]) -> None:
    setup = Setup()
    safe = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items() if name.isalnum()}
    theirs = {name: safe[name] for name in safe if name not in {"message_id", "attempt", "token", "bodySHA256"}}
    assert setup.receive("twilio", twilio_webhook(safe)).status == (403 if "AccountSid" in safe else 204)
    for body in setup.queue.bodies:
        kept = decode_report(json.dumps(json.loads(body))).fields
        assert {name: kept[name] for name in theirs} == theirs


@pytest.mark.parametrize(
    ("provider", "credentials", "named"),
    [
        ("twilio", {**TWILIO, "auth_token": TWILIO["account_sid"]}, "auth_token is a SID (AC…)"),
        ("messagebird", {"signing_key": "bk_eu1_hush"}, "signing_key is a key of the Bird platform"),
        ("messagebird", {"signing_key": "two hush"}, "signing_key holds a blank"),
    ],
)
def test_a_refusal_names_the_entry_that_cannot_be_a_key_and_no_value(
    provider: str, credentials: dict[str, str], named: str
) -> None:
    stored = {"twilio": TWILIO, "messagebird": MESSAGEBIRD, provider: credentials}
    request = twilio_webhook(token="another") if provider == "twilio" else messagebird_webhook()
    received = Setup(settings=FixedSettings(credentials=stored)).receive(provider, request)

    assert (received.status, received.decision) == (403, "refused-signature")
    assert named in (received.error or "")
    assert not [value for value in ("hush", TWILIO["account_sid"]) if value in (received.error or "")]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_provider_without_a_webhook_has_no_address(method: str) -> None:
    setup = Setup(enabled=("twilio", "aws"))
    body = json.dumps({"eventType": "TEXT_DELIVERED", "context": {"message_id": MESSAGE_ID}}).encode()
    assert setup.refuses("aws", HttpRequest(method, f"/webhooks/aws?{ours('aws')}", {}, body)) == 404
    assert setup.settings.asked == []  # type: ignore[attr-defined]  # the fake's own

"""Faults at every AWS call of the webhook: 2xx only if the queue has a report or reply, and never a stranger's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

import pytest

from sms_tracker.aws.settings import LIFETIME
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.queued import RawInbound, decode_reply, decode_report
from sms_tracker.services.receive import Received, Receiver
from tests.factories import MESSAGE_ID
from tests.fakes import TWILIO, FakeClock
from tests.integration.faults import TEMPORARY, Cloud, Fault, Wire, every_call, survived
from tests.setups import messagebird_get, messagebird_webhook, twilio_webhook

CALLS = ("GetParameters", "SendMessage")
REPLY_ID = "SM" + "b" * 32


def twilio_reply() -> HttpRequest:
    """A STOP to the address of a number."""
    said = {"SmsStatus": "received", "MessageSid": REPLY_ID, "From": "+31612345678", "To": "+15551234567"}
    return twilio_webhook({**said, "Body": "STOP"}, query="", path="/webhooks/twilio/inbound")


def messagebird_reply() -> HttpRequest:
    """A STOP that a flow forwards."""
    said = {"id": REPLY_ID, "originator": "31612345678", "recipient": "15551234567", "payload": "STOP"}
    return messagebird_get(f"/webhooks/messagebird/inbound?{urlencode(said)}")


@dataclass(frozen=True)
class Webhook:
    """A provider's webhook, the decision about it, and the id that the queue must then have."""

    provider: str
    request: Callable[[], HttpRequest]
    decision: str = "queued"
    id: str = MESSAGE_ID


WEBHOOKS = {
    "twilio": Webhook("twilio", twilio_webhook),
    "messagebird": Webhook("messagebird", messagebird_webhook),
    "twilio-reply": Webhook("twilio", twilio_reply, "heard", REPLY_ID),
    "messagebird-reply": Webhook("messagebird", messagebird_reply, "heard", REPLY_ID),
}
POINTS = {name: (CALLS, 0 if name.startswith("twilio") else 1) for name in WEBHOOKS}


@dataclass
class Desk:
    """The webhook in one process after another, over one deployment."""

    cloud: Cloud
    clock: FakeClock = field(default_factory=FakeClock)

    def receiver(self, wire: Wire | None = None) -> Receiver:
        line = wire or self.cloud.settled
        return Receiver(
            queue=self.cloud.queue(line, "reports"),
            replies=self.cloud.queue(line, "inbound"),
            settings=self.cloud.settings(line, self.clock),
            clock=self.clock,
            enabled=("twilio", "messagebird"),
            tokens=frozenset(),
            queue_sending=True,
        )

    def queued(self) -> list[str | None]:
        """Take what is in the queues: our message id of each report, the provider's of each reply."""
        replies = [decode_reply(body) for body in self.cloud.waiting("inbound")]
        return [
            *(decode_report(body).message_id for body in self.cloud.waiting("reports")),
            *(each.fields.get("MessageSid", each.fields.get("id")) for each in replies if isinstance(each, RawInbound)),
        ]


@pytest.fixture
def desk(make: Callable[[], Cloud]) -> Desk:
    return Desk(make())


def receive(receiver: Receiver, provider: str, request: HttpRequest) -> Received | None:
    return survived(lambda: receiver.receive(provider, request))


@pytest.mark.parametrize("case", WEBHOOKS)
def test_these_are_all_the_calls_there_are(case: str, desk: Desk) -> None:
    wire, webhook = Wire(), WEBHOOKS[case]
    received = receive(desk.receiver(wire), webhook.provider, webhook.request())
    assert received is not None
    assert received.decision == webhook.decision
    assert tuple(wire.calls) == CALLS
    assert desk.queued() == [webhook.id]


@every_call(POINTS, [*Fault])
def test_a_report_or_reply_is_acknowledged_only_if_it_is_queued_and_else_comes_again(
    case: str, at: int, fault: Fault, desk: Desk
) -> None:
    webhook = WEBHOOKS[case]
    received = receive(desk.receiver(Wire(fault, at)), webhook.provider, webhook.request())
    queued = desk.queued()
    if received is not None and received.status < 300:
        assert set(queued) == {webhook.id}
    else:
        assert received is None or received.status == 503
        again = receive(desk.receiver(), webhook.provider, webhook.request())
        assert again is not None
        assert again.decision == webhook.decision
        assert set(desk.queued()) == {webhook.id}


@pytest.mark.parametrize("made", [twilio_webhook, twilio_reply])
@pytest.mark.parametrize("fault", Fault)
def test_a_strangers_is_never_queued_whatever_fails(fault: Fault, made: Callable[[], HttpRequest], desk: Desk) -> None:
    wire = Wire(fault)
    received = receive(desk.receiver(wire), "twilio", replace(made(), headers={}))
    assert received is None or received.status in {403, 503}
    assert set(wire.calls) == {"GetParameters"}
    assert desk.queued() == []


WITHIN_ITS_LIFE = [fault for fault in TEMPORARY if not fault.startswith("killed")]


@pytest.mark.parametrize("fault", WITHIN_ITS_LIFE)
def test_settings_that_cannot_be_read_again_serve_on(fault: Fault, desk: Desk) -> None:
    wire = Wire()
    receiver = desk.receiver(wire)
    assert receiver.receive("twilio", twilio_webhook()).status == 204
    wire.fault, wire.at = fault, len(wire.calls)
    desk.clock.sleep(LIFETIME + 1)

    queue_is_away = fault in {Fault.OUTAGE, Fault.DEAF}
    assert receiver.receive("twilio", twilio_webhook()).status == (503 if queue_is_away else 204)
    assert wire.calls[2] == "GetParameters"


@pytest.mark.parametrize("fault", WITHIN_ITS_LIFE)
def test_a_wrong_signature_is_403_though_the_secrets_cannot_be_read_again(fault: Fault, desk: Desk) -> None:
    wire = Wire()
    receiver = desk.receiver(wire)
    receiver.receive("twilio", twilio_webhook())
    desk.queued()
    wire.fault, wire.at = fault, len(wire.calls)
    desk.clock.sleep(31)
    for _ in range(2):  # every wrong signature must not read the secrets
        assert receiver.receive("twilio", twilio_webhook(token="wrong")).status == 403
        assert wire.calls[2:] == ["GetParameters"]
    assert desk.queued() == []


def test_a_report_signed_with_a_key_that_was_stored_since_is_queued(desk: Desk) -> None:
    receiver = desk.receiver()
    receiver.receive("twilio", twilio_webhook())
    desk.queued()
    desk.cloud.store_secret("twilio", {**TWILIO, "auth_token": "rotated"})
    try:
        desk.clock.sleep(31)
        assert receiver.receive("twilio", twilio_webhook(token="rotated")).status == 204
    finally:
        desk.cloud.store_secret("twilio", TWILIO)
    assert desk.queued() == [MESSAGE_ID]

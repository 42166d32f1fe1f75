"""Faults at every AWS call of the webhook: 2xx only if the queue has the report, and a stranger's never gets there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from sms_tracker.aws.settings import LIFETIME
from sms_tracker.domain.envelope import decode
from sms_tracker.domain.http import HttpRequest
from sms_tracker.services.receive import Received, Receiver
from tests.factories import MESSAGE_ID
from tests.fakes import TWILIO, FakeClock
from tests.integration.faults import TEMPORARY, Cloud, Fault, Wire, clouds, every_call, survived
from tests.setups import messagebird_webhook, twilio_webhook

WEBHOOKS: dict[str, Callable[[], HttpRequest]] = {"twilio": twilio_webhook, "messagebird": messagebird_webhook}
CALLS = ("GetParameters", "SendMessage")


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
        )

    def queued(self) -> list[str | None]:
        """Take what is in the queue: the message id of each report."""
        return [decode(body).message_id for body in self.cloud.waiting("reports")]


@pytest.fixture(scope="module")
def make() -> Iterator[Callable[[], Cloud]]:
    with clouds() as making:
        yield making


@pytest.fixture
def desk(make: Callable[[], Cloud]) -> Desk:
    return Desk(make())


def receive(receiver: Receiver, provider: str, request: HttpRequest) -> Received | None:
    return survived(lambda: receiver.receive(provider, request))


@pytest.mark.parametrize("provider", WEBHOOKS)
def test_these_are_all_the_calls_there_are(provider: str, desk: Desk) -> None:
    wire = Wire()
    received = receive(desk.receiver(wire), provider, WEBHOOKS[provider]())
    assert received is not None
    assert received.decision == "queued"
    assert tuple(wire.calls) == CALLS
    assert desk.queued() == [MESSAGE_ID]


@every_call({"twilio": (CALLS, 0), "messagebird": (CALLS, 1)}, [*Fault])
def test_a_report_is_acknowledged_only_if_it_is_queued_and_else_comes_again(
    case: str, at: int, fault: Fault, desk: Desk
) -> None:
    received = receive(desk.receiver(Wire(fault, at)), case, WEBHOOKS[case]())
    queued = desk.queued()
    if received is not None and received.status < 300:
        assert set(queued) == {MESSAGE_ID}
    else:
        assert received is None or received.status == 503
        again = receive(desk.receiver(), case, WEBHOOKS[case]())
        assert again is not None
        assert again.decision == "queued"
        assert set(desk.queued()) == {MESSAGE_ID}


@pytest.mark.parametrize("fault", Fault)
def test_a_strangers_report_is_never_queued_whatever_fails(fault: Fault, desk: Desk) -> None:
    wire = Wire(fault)
    received = receive(desk.receiver(wire), "twilio", replace(twilio_webhook(), headers={}))
    assert received is None or received.status in {403, 503}
    assert set(wire.calls) == {"GetParameters"}
    assert desk.queued() == []


@pytest.mark.parametrize("fault", [fault for fault in TEMPORARY if not fault.startswith("killed")])
def test_settings_that_cannot_be_read_again_serve_on(fault: Fault, desk: Desk) -> None:
    wire = Wire()
    receiver = desk.receiver(wire)
    assert receiver.receive("twilio", twilio_webhook()).status == 204
    wire.fault, wire.at = fault, len(wire.calls)
    desk.clock.sleep(LIFETIME + 1)
    if fault in {Fault.OUTAGE, Fault.DEAF}:  # the queue is then away, too
        assert receiver.receive("twilio", twilio_webhook()).status == 503
    else:
        assert receiver.receive("twilio", twilio_webhook()).status == 204
    assert wire.calls[2] == "GetParameters"


@pytest.mark.parametrize("fault", [fault for fault in TEMPORARY if not fault.startswith("killed")])
def test_a_wrong_signature_is_403_though_the_secrets_cannot_be_read_again(fault: Fault, desk: Desk) -> None:
    wire = Wire()
    receiver = desk.receiver(wire)
    receiver.receive("twilio", twilio_webhook())
    desk.queued()
    wire.fault, wire.at = fault, len(wire.calls)
    desk.clock.sleep(31)
    assert receiver.receive("twilio", twilio_webhook(token="wrong")).status == 403
    assert wire.calls[2:] == ["GetParameters"]
    assert desk.queued() == []
    assert receiver.receive("twilio", twilio_webhook(token="wrong")).status == 403
    assert wire.calls[2:] == ["GetParameters"], "every wrong signature would read the secrets"


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

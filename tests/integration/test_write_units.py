"""What a message costs: AWS calls and write units, counted, case by case as the design states them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bench.units import KB, item_size
from sms_tracker import providers
from sms_tracker.aws.clients import calling
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.cost import parse_price as parsed
from sms_tracker.domain.queued import Envelope, encode_report
from sms_tracker.domain.record import SendPhase
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import Status
from sms_tracker.services.process import QueueMessage, ReportProcessor
from sms_tracker.services.track import track
from tests import tables
from tests.factories import MESSAGE_ID, NOW, record
from tests.fakes import FakeClock, MemoryQueue
from tests.integration.recorded import Recording

UUID = "0190c9f0-7a1c-7cc1-9f51-2b1a4cbb1f3a"
LONG: dict[str, Any] = {
    "client": "c" * 16,
    "reference": "r" * 64,
    "send": replace(record().send, token="5f1a1c586f5e5c0e9a533f"),
    "expires_at": 1_777_593_607,
}
TWILIO_ID, MESSAGEBIRD_ID = "SM9f86d081884c7d659a2feaa0c55ad015", "e8077d803532c0b5937c639b60216938"


TWILIO = {
    "SmsSid": TWILIO_ID, "MessageSid": TWILIO_ID, "AccountSid": "AC" + "0" * 32, "To": "+31612345678",
    "From": "+15551234567", "ApiVersion": "2010-04-01", "RawDlrDoneDate": "2601311203",
}  # fmt: skip
"""Every field that Twilio is known to send besides the status."""
MESSAGEBIRD = {
    "id": MESSAGEBIRD_ID, "reference": MESSAGE_ID, "recipient": "31612345678", "mccmnc": "20408", "ported": "0",
    "messageLength": "22", "messagePartCount": "1", "datacoding": "plain", "price[amount]": "0.0700",
    "price[currency]": "EUR",
}  # fmt: skip
"""Likewise of MessageBird."""


def twilio(status: str, **further: str) -> dict[str, str]:
    return {**TWILIO, "SmsStatus": status, "MessageStatus": status, **further}


def messagebird(status: str, second: int, **further: str) -> dict[str, str]:
    return {**MESSAGEBIRD, "status": status, "statusDatetime": f"2026-01-31T12:00:{second:02d}+00:00", **further}


@dataclass(frozen=True, slots=True)
class Case:
    """A message's usual life with one provider: its answer, its reports in order, and how it reports a failure."""

    provider: str
    answer: Report
    reports: tuple[dict[str, str], ...]
    failure: dict[str, str]


def answer(provider: str, word: str, status: Status | None, known: str, minute: str = "2026-01-31T12:00:") -> Report:
    return Report(
        provider=provider,
        word=word,
        status=status,
        received=f"{minute}09.431Z",
        occurred=f"{minute}05.019Z",
        provider_message_id=known,
        source=Source.ANSWER,
    )


CASES = [
    Case(
        "twilio",
        answer("twilio", "queued", Status.ACCEPTED, TWILIO_ID),
        (twilio("sent"), twilio("delivered")),
        twilio("undelivered", ErrorCode="30003", ErrorMessage="Unreachable destination handset"),
    ),
    Case(
        "messagebird",
        answer("messagebird", "sent", Status.SENT, MESSAGEBIRD_ID),
        (messagebird("buffered", 2), messagebird("delivered", 9)),
        messagebird("delivery_failed", 9, statusErrorCode="34", statusReason="unavailable subscriber"),
    ),
]


@dataclass(frozen=True, slots=True)
class Life:
    """One message on a table that is watched."""

    case: Case
    store: MessageStore
    recording: Recording

    def send(self, reference: str | None = "order-424242") -> None:
        """As the send path writes: the record, then the provider's answer."""
        state = initial_state(attempt=1, at=NOW, provider=self.case.provider)
        self.store.put(record(**{**LONG, "client": "acme-web", "reference": reference}, state=state))
        track(self.store, MESSAGE_ID, [self.case.answer], now=self.case.answer.received, phase=SendPhase.ANSWERED)

    def hear(self, *fields: dict[str, str]) -> list[str]:
        """As the processor writes: one batch of queued callbacks. What was decided."""
        processor = ReportProcessor(messages=self.store, queue=NONE, unmatched=NONE, dlq=NONE, clock=FakeClock())
        common: dict[str, Any] = {
            "provider": self.case.provider,
            "message_id": MESSAGE_ID,
            "attempt": 1,
            "source": Source.CALLBACK,
        }
        envelopes = [Envelope(**common, received_at="2026-01-31T12:00:09.120Z", fields=each) for each in fields]
        handled = processor.process([QueueMessage(str(n), encode_report(each)) for n, each in enumerate(envelopes)])
        return [each.decision for each in handled]


NONE = MemoryQueue(fail=True)  # nothing here is put aside


@pytest.fixture(params=CASES, ids=lambda case: case.provider)
def life(request: pytest.FixtureRequest) -> Iterator[Life]:
    with tables.messages_table() as (dynamodb, name):
        yield Life(request.param, MessageStore(calling(dynamodb), name), Recording(dynamodb, name, MESSAGE_ID))


def in_order(life: Life, **values: Any) -> Recording:
    life.send(**values)
    for fields in life.case.reports:
        assert life.hear(fields) == ["applied"]
    return life.recording


@pytest.mark.parametrize(("reference", "first", "total"), [("order-424242", 3, 9), (None, 2, 8)])
def test_in_order_each_step_is_one_write_and_no_read_and_with_every_index_nine_units_without_reference_eight(
    life: Life, reference: str | None, first: int, total: int
) -> None:
    recording = in_order(life, reference=reference)

    assert recording.operations == ["PutItem", "UpdateItem", "UpdateItem", "UpdateItem"]
    assert [call.item_units for call in recording.calls] == [1, 1, 1, 1]
    # recipient, reference, time; then the provider's id
    assert [call.index_units for call in recording.calls] == [first, 1, 0, 0]
    assert recording.item_units <= 5
    assert recording.units <= total
    assert len(recording.item["reports"]["M"]) == 3
    assert item_size(recording.item) <= KB


LARGEST = {
    "twilio": ("SM" + "1" * 32, "MG" + "2" * 32, "queued scheduled sending sent delivered", "-0.00750 USD", None),
    "messagebird": ("a" * 32, "+314912345678901", "accepted scheduled sent buffered delivered", "0.0700 EUR", "310410"),
    "bird": (UUID, "+314912345678901", "accepted accepted scheduled sent delivered", "0.00650 USD", "310410"),
}
"""By provider: the longest values of id, sender, words, price and network in practice."""


@pytest.mark.parametrize("provider", LARGEST)
def test_an_answer_and_four_timed_reports_cost_a_unit_each_with_every_value_at_its_longest(provider: str) -> None:
    known, sender, words, price, network = LARGEST[provider]
    made = record(
        **LONG,
        to="+491761234567890",
        sender=sender,
        state=initial_state(attempt=1, at=NOW, provider=provider),
        validity_seconds=35999,
    )
    with tables.messages_table() as (dynamodb, name):
        store, recording = MessageStore(calling(dynamodb), name), Recording(dynamodb, name, MESSAGE_ID)
        store.put(made)
        for number, word in enumerate(words.split()):
            status = providers.load(provider).meaning(word, None, None)[0]
            said = answer(provider, word, status, known, f"2026-01-31T12:0{number}:")
            said = replace(said, price=parsed(*price.split()), network=network)
            if number:
                said = replace(said, source=Source.CALLBACK)
            track(store, MESSAGE_ID, [said], now=said.received, phase=None if number else SendPhase.ANSWERED)

        assert {call.item_units for call in recording.calls} == {1}
        assert len(recording.item["reports"]["M"]) == 5
        assert item_size(recording.item) <= KB


def test_reports_of_one_batch_cost_one_write(life: Life) -> None:
    life.send()

    assert life.hear(*life.case.reports) == ["applied"]
    assert life.recording.operations == ["PutItem", "UpdateItem", "UpdateItem"]
    assert life.recording.item_units == 3


def test_a_report_out_of_order_is_one_refused_and_one_applied_write_and_no_read(life: Life) -> None:
    life.send()
    early, late = reversed(life.case.reports)

    assert (life.hear(early), life.hear(late)) == (["applied"], ["noted"])
    assert life.recording.operations == ["PutItem", *2 * ["UpdateItem"], "UpdateItem refused", "UpdateItem"]
    assert life.recording.units == 8 + 1


def test_a_report_that_comes_again_is_one_refused_write(life: Life) -> None:
    units = in_order(life).units

    assert life.hear(life.case.reports[0]) == ["duplicate"]
    assert life.recording.operations[4:] == ["UpdateItem refused"]
    assert life.recording.units == units + 1


def test_a_price_that_is_looked_up_costs_two_units_and_moves_no_index(life: Life) -> None:
    units = in_order(life).units
    delivered = life.recording.item["reports"]["M"].popitem()[1]["M"]["word"]["S"]
    looked_up = replace(life.case.answer, word=delivered, status=Status.DELIVERED, source=Source.LOOKUP)
    later = "2026-02-01T12:00:00.000Z"
    track(life.store, MESSAGE_ID, [replace(looked_up, received=later, price=parsed("0.0075", "USD"))], now=later)

    assert life.recording.operations[4:] == ["UpdateItem refused", "UpdateItem"]
    assert life.recording.units == units + 2
    assert life.recording.item["cost"]["S"].endswith("USD010.0075")


def test_an_answer_that_its_report_overtook_costs_one_unit_more(life: Life) -> None:
    life.store.put(record(state=initial_state(attempt=1, at=NOW, provider=life.case.provider)))
    life.hear(life.case.reports[0])
    track(life.store, MESSAGE_ID, [life.case.answer], now=NOW, phase=SendPhase.ANSWERED)

    assert life.recording.operations == ["PutItem", "UpdateItem", "UpdateItem refused", "UpdateItem"]


def test_a_failure_costs_one_or_two_units_more(life: Life) -> None:
    life.send()
    life.hear(life.case.reports[0])
    usual = life.recording.units + 1

    assert life.hear(life.case.failure) == ["applied"]
    assert life.recording.calls[-1].index_units == 1  # it is listed as a failure
    assert 1 <= life.recording.units - usual <= 2


def test_a_correction_takes_the_message_off_the_list_of_failures_in_one_write(life: Life) -> None:
    life.send()
    life.hear(life.case.failure)
    listed = life.recording.item

    assert life.hear(life.case.reports[-1]) == ["applied"]
    assert life.recording.operations == ["PutItem", *3 * ["UpdateItem"]]
    assert life.recording.calls[-1].index_units == 1
    assert ("attention" in listed, "attention" in life.recording.item) == (True, False)

"""Faults at every AWS call of the processor: after what failed came again, every report is where it belongs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from sms_tracker import providers
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.domain.queued import Envelope, RawInbound, decode_reply, decode_report, encode_report
from sms_tracker.domain.record import MAX_REPORTS
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.state import fold
from sms_tracker.services.process import Handled, QueueMessage, ReportProcessor, read_report
from sms_tracker.services.receive import RawEvents
from sms_tracker.services.track import track
from tests import factories
from tests.factories import NOW
from tests.fakes import FakeClock
from tests.integration.faults import Cloud, Fault, Wire, every_call, survived

GARBAGE = '{"v":9}'
REPLY = json.dumps(
    {"inboundMessageId": "r-1", "originationNumber": "+31612345678", "destinationNumber": "+15551234567"}
)
"""A reply as AWS's topic delivers it."""


@dataclass(frozen=True)
class Queued:
    """One report in the queue; ``of`` names its message: 1 and 2 exist, 3 does not, None leaves our id out."""

    word: str
    of: int | None = 1
    code: str | None = None
    sid: str = "SM1"
    tries: int = 0


@dataclass(frozen=True, kw_only=True)
class Case:
    """Words that message 1 has already, and the batch that meets the fault.

    Of its ``calls`` the first ``known`` are another case's, too.
    """

    before: Sequence[Queued] = ()
    batch: Sequence[Queued | str]
    calls: Sequence[str]
    known: int = 0


FULL = [Queued(f"word-{number}") for number in range(MAX_REPORTS - 1)]
CASES = {
    "in-order": Case(batch=[Queued("sent"), Queued("delivered"), Queued("sent")], calls=("UpdateItem",)),
    "late": Case(before=[Queued("delivered")], batch=[Queued("sent")], calls=("UpdateItem", "UpdateItem")),
    "late-failure": Case(
        before=[Queued("delivered")],
        batch=[Queued("undelivered", code="30003"), Queued("sending")],
        calls=("UpdateItem", "UpdateItem"),
        known=1,
    ),
    "two-messages-and-garbage": Case(
        batch=[Queued("delivered"), GARBAGE, Queued("failed", of=2, code="30007", sid="SM2"), Queued("sent")],
        calls=("SendMessage", "UpdateItem", "UpdateItem"),
    ),
    "foreign": Case(
        batch=[Queued("sent", of=3), Queued("delivered", of=3)], calls=("UpdateItem", "SendMessage", "SendMessage")
    ),
    "by-provider-id": Case(
        before=[Queued("accepted")], batch=[Queued("delivered", of=None)], calls=("Query", "UpdateItem")
    ),
    "deferred": Case(batch=[Queued("delivered", of=None)], calls=("Query", "Query", "SendMessage")),
    "never-found": Case(
        batch=[Queued("delivered", of=None, tries=1)], calls=("Query", "Query", "SendMessage"), known=1
    ),
    "reply-without-a-webhook": Case(
        batch=[REPLY, Queued("sent")], calls=("GetParameters", "SendMessage", "UpdateItem")
    ),
    "timeline-full": Case(
        before=FULL,
        batch=[Queued("delivered"), Queued("read")],
        calls=("UpdateItem", "UpdateItem", "SendMessage"),
        known=1,
    ),
}
POINTS = {name: (case.calls, case.known) for name, case in CASES.items()}


class Prompt:
    """A queue that ignores delays, which moto would keep."""

    def __init__(self, queue: SqsQueue) -> None:
        self._queue = queue

    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        assert delay_seconds == 15
        self._queue.send(body, reason=reason)


@dataclass
class Story:
    """One deployment with two messages, and processes that drain its queue one after the other."""

    cloud: Cloud
    ids: dict[int, str] = field(default_factory=lambda: {number: str(uuid4()) for number in (1, 2, 3)})
    suffix: str = field(default_factory=lambda: uuid4().hex)
    known: list[Queued] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.cloud.store(self.cloud.settled)
        for number in (1, 2):
            self.store.put(factories.record(message_id=self.ids[number]))

    def body(self, queued: Queued | str) -> str:
        if isinstance(queued, str):
            return queued
        fields = {"MessageSid": queued.sid + self.suffix, "MessageStatus": queued.word}
        return encode_report(
            Envelope(
                provider="twilio",
                message_id=None if queued.of is None else self.ids[queued.of],
                attempt=1,
                source=Source.CALLBACK,
                received_at=NOW,
                fields=fields if queued.code is None else {**fields, "ErrorCode": queued.code},
                tries=queued.tries,
            )
        )

    def report(self, queued: Queued) -> Report:
        return read_report(decode_report(self.body(queued)))

    def has(self, before: Sequence[Queued]) -> None:
        """Let message 1 have these reports."""
        self.known += before
        if before:
            track(self.store, self.ids[1], [self.report(each) for each in before], now=NOW)

    def drain(self, bodies: Sequence[str], wire: Wire | None = None) -> list[str]:
        """One process; returns the bodies that come again: those named as failed, or all if it was killed."""
        line = wire or self.cloud.settled
        processor = ReportProcessor(
            messages=self.cloud.store(line),
            queue=Prompt(self.cloud.queue(line, "again")),
            unmatched=self.cloud.queue(line, "unmatched"),
            dlq=self.cloud.queue(line, "dead"),
            raw_events=RawEvents(
                providers=[providers.webhooks("aws")],
                replies=self.cloud.queue(line, "inbound"),
                settings=self.cloud.settings(line, FakeClock()),
            ),
            clock=FakeClock(),
        )
        deliveries = [QueueMessage(str(number), body) for number, body in enumerate(bodies)]
        handled = survived(lambda: processor.process(deliveries))
        if handled is None:
            return list(bodies)
        told = sorted(queue_id for each in handled for queue_id in each.queue_ids)
        assert told == sorted(delivery.queue_id for delivery in deliveries)
        return [bodies[int(queue_id)] for queue_id in failed(handled)]

    def drain_to_the_end(self, bodies: Sequence[str]) -> None:
        """What came again and what was deferred, until nothing is left."""
        for _ in range(3):
            if not bodies:
                return
            bodies = [*self.drain(bodies), *self.cloud.waiting("again")]
        pytest.fail("it never ends")


def failed(handled: Sequence[Handled]) -> list[str]:
    return [queue_id for each in handled if each.decision == "failed" for queue_id in each.queue_ids]


@pytest.fixture
def begin(make: Callable[[], Cloud]) -> Callable[[str], Story]:
    def begun(case: str) -> Story:
        story = Story(make())
        story.has(CASES[case].before)
        return story

    return begun


@pytest.mark.parametrize("case", CASES)
def test_these_are_all_the_calls_there_are(case: str, begin: Callable[[str], Story]) -> None:
    wire, story = Wire(), begin(case)
    assert story.drain([story.body(each) for each in CASES[case].batch], wire) == []
    assert tuple(wire.calls) == CASES[case].calls
    story.drain_to_the_end(story.cloud.waiting("again"))
    everything_is_somewhere(story, CASES[case].batch)


@every_call(POINTS)
def test_after_a_fault_at_any_call_nothing_is_lost_and_the_record_is_the_fold_of_its_reports(
    case: str, at: int, fault: Fault, begin: Callable[[str], Story]
) -> None:
    story = begin(case)
    bodies = [story.body(each) for each in CASES[case].batch]
    left = story.drain(bodies, Wire(fault, at))
    story.drain_to_the_end([*left, *story.cloud.waiting("again")])
    everything_is_somewhere(story, CASES[case].batch)
    assert story.cloud.waiting("dead") == []


@every_call(POINTS, [Fault.REJECTED])
def test_what_aws_will_never_take_is_kept_in_the_dlq(
    case: str, at: int, fault: Fault, begin: Callable[[str], Story]
) -> None:
    story = begin(case)
    bodies = [story.body(each) for each in CASES[case].batch]
    left = story.drain(bodies, Wire(fault, at))
    assert left == [] or GARBAGE in left  # refused by the DLQ itself: it comes again, and goes there by itself in time
    dead = story.cloud.waiting("dead")
    assert dead or left
    story.drain_to_the_end([*left, *dead, *story.cloud.waiting("again")])
    everything_is_somewhere(story, CASES[case].batch)


def everything_is_somewhere(story: Story, batch: Sequence[Queued | str]) -> None:
    """Each report is in its record, or raw in the queue it belongs to; each record is the fold of its reports."""
    unmatched = [decode_report(body) for body in story.cloud.waiting("unmatched")]
    reports = [each for each in batch if isinstance(each, Queued)]
    for number in (1, 2):
        record = story.store.get(story.ids[number])
        assert record is not None
        own = [each for each in (*story.known, *reports) if belongs(each, story) == number]
        base = factories.record(message_id=record.message_id).state
        assert record.state == fold([story.report(each) for each in own], base=base)
        for each in own:
            kept = story.report(each).fingerprint in record.reports
            raw = any(envelope.fields["MessageStatus"] == each.word for envelope in unmatched)
            assert kept != raw, each
            assert kept or len(record.reports) == MAX_REPORTS
        assert record.version <= 1 + len(own)
    for each in reports:
        if belongs(each, story) not in {1, 2}:
            assert any(envelope.fields["MessageStatus"] == each.word for envelope in unmatched), each
    replies = [decode_reply(body) for body in story.cloud.waiting("inbound")]
    known = {each.fields["inboundMessageId"] for each in replies if isinstance(each, RawInbound)}
    assert known == ({"r-1"} if REPLY in batch else set())
    if GARBAGE in batch:
        assert GARBAGE in story.cloud.waiting("dead")


def belongs(queued: Queued, story: Story) -> int | None:
    """The message that a report is about; without our id it is the first's, once that has a provider id."""
    return (1 if story.known else None) if queued.of is None else queued.of

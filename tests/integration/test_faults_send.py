"""Faults at every AWS call and provider answer of POST /messages: never sent twice, never a 202 for nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest

from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.queued import Envelope, encode_report
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import Source
from sms_tracker.domain.status import Status
from sms_tracker.services.process import QueueMessage, ReportProcessor
from sms_tracker.services.responses import ApiResponse
from tests.factories import NOW
from tests.fakes import Answer, FakeClock, MemoryQueue
from tests.integration.faults import Cloud, Fault, Killed, Wire, every_call, survived
from tests.setups import (
    CLAIM,
    OPTED_OUT,
    SID,
    TAKEN,
    UNHEARD,
    UNREACHED,
    WRONG_TOKEN,
    SendSetup,
    answer,
    attempt_of,
    message_id_of,
)

DAILY_LIMIT = answer(429, {"code": 63038})
NOT_TAKEN = (UNREACHED, DAILY_LIMIT, WRONG_TOKEN, OPTED_OUT)
RETRIED = (UNREACHED,)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the provider answered to an earlier request with the same key, and answers to the one with the fault.

    ``calls`` are those of the latter; the first ``known`` of them are another case's, too: the provider's answer, by
    which the two differ, comes later.
    """

    before: Answer | None = None
    answers: Sequence[Answer]
    status: int
    calls: Sequence[str]
    known: int = 0


_NEW = ("GetParameters", "PutItem", "UpdateItem")
CASES = {
    "accepted": Case(answers=[UNREACHED, TAKEN], status=202, calls=_NEW),
    "refused": Case(answers=[OPTED_OUT], status=422, calls=_NEW, known=2),
    "account-refused": Case(answers=[WRONG_TOKEN], status=502, calls=_NEW, known=2),
    "unheard": Case(answers=[UNHEARD], status=202, calls=_NEW[:2], known=2),
    "taken-over": Case(before=WRONG_TOKEN, answers=[TAKEN], status=202, calls=(*_NEW, "UpdateItem")),
    "not-processed": Case(before=WRONG_TOKEN, answers=[DAILY_LIMIT], status=503, calls=(*_NEW, "UpdateItem"), known=3),
    "replayed": Case(before=TAKEN, answers=[], status=202, calls=_NEW[:2]),
    "refusal-replayed": Case(before=OPTED_OUT, answers=[], status=422, calls=_NEW[:2], known=1),
}
"""Every way through the use case; how its outcomes differ by provider is the contract tests' matter."""


@dataclass
class Provider:
    """The provider's ledger: what it received, attempt by attempt, and its answers."""

    answers: list[Answer]
    killed: str | None = None
    handed: dict[int, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    message_ids: set[str] = field(default_factory=set)

    def __call__(self, request: HttpRequest, *, timeout: float) -> Answer:
        assert timeout > 0
        if self.killed == "before":
            raise Killed
        given = self.answers.pop(0) if self.answers else TAKEN
        self.handed[attempt_of(request)].append(given)
        self.message_ids.add(message_id_of(request))
        if self.killed == "within":
            raise Killed
        return given

    @property
    def posts(self) -> int:
        return sum(map(len, self.handed.values()))

    @property
    def taken(self) -> list[int]:
        """The attempt of everything that this provider may send to a handset."""
        return [attempt for attempt, given in self.handed.items() for each in given if each not in NOT_TAKEN]


@dataclass
class Story:
    """One key's requests, each by a new process, over one deployment."""

    cloud: Cloud
    provider: Provider
    key: str = field(default_factory=lambda: str(uuid4()))
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.store = self.cloud.store(self.cloud.settled)

    def request(self, wire: Wire | None = None) -> ApiResponse | None:
        """The reply; None where the process was killed."""
        setup = SendSetup(messages=self.store, clock=self.clock)
        if wire is not None:
            settings = self.cloud.settings(wire, self.clock)
            setup = SendSetup(messages=self.cloud.store(wire), settings=settings, clock=self.clock)
        setup.sender = replace(setup.sender, http=self.provider, new_token=lambda: uuid4().hex)
        return survived(lambda: setup.post(self.key))

    def record(self, message_id: object) -> Record | None:
        return self.store.get(str(message_id))

    def report_delivered(self, message_id: str, attempt: int) -> None:
        envelope = Envelope(
            provider="twilio",
            message_id=message_id,
            attempt=attempt,
            source=Source.CALLBACK,
            received_at=NOW,
            fields={"MessageSid": SID, "MessageStatus": "delivered"},
        )
        other = MemoryQueue()
        processor = ReportProcessor(messages=self.store, queue=other, unmatched=other, dlq=other, clock=self.clock)
        (handled,) = processor.process([QueueMessage("q", encode_report(envelope))])
        assert handled.decision == "applied"

    def check(self) -> None:
        """What must hold after any request, however it ended."""
        assert len(self.provider.taken) <= 1, "sent twice"
        for given in self.provider.handed.values():
            assert all(each in RETRIED for each in given[:-1]), "an attempt went on after an answer that ended it"
        assert list(self.provider.handed) == sorted(self.provider.handed)


Begin = Callable[[str], Story]


@pytest.fixture
def begin(make: Callable[[], Cloud]) -> Begin:
    """A story up to the request that is to meet the fault."""

    def begun(name: str) -> Story:
        case = CASES[name]
        story = Story(make(), Provider([case.before] if case.before else []))
        if case.before:
            assert story.request() is not None
        story.provider.answers = list(case.answers)
        return story

    return begun


@pytest.mark.parametrize("case", CASES)
def test_these_are_all_the_calls_there_are(case: str, begin: Begin) -> None:
    wire, story = Wire(), begin(case)
    reply = story.request(wire)
    assert reply is not None
    assert reply.status == CASES[case].status
    assert tuple(wire.calls) == CASES[case].calls
    story.check()


@every_call({name: (case.calls, case.known) for name, case in CASES.items()}, [*Fault])
def test_a_fault_at_any_call_neither_sends_twice_nor_promises_what_is_not_recorded(
    case: str, at: int, fault: Fault, begin: Begin
) -> None:
    story = begin(case)
    before = story.provider.posts
    reply = story.request(Wire(fault, at))
    asked = story.provider.posts > before
    story.check()
    if reply is not None:
        told_the_truth(story, case, reply, asked=asked)
    comes_to_a_good_end(story, reply, one_fault=fault not in {Fault.OUTAGE, Fault.DEAF}, asked=asked)


@pytest.mark.parametrize("moment", ["before", "within"])
@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case.answers])
def test_a_process_killed_while_it_asks_the_provider_is_not_asked_for_again(
    case: str, moment: str, begin: Begin
) -> None:
    story = begin(case)
    story.provider.killed = moment
    assert story.request() is None
    posts, story.provider.killed = story.provider.posts, None
    story.check()
    again = story.request()
    assert again is not None
    assert again.status == 409
    story.clock.sleep(CLAIM.total_seconds() + 1)
    late = story.request()
    assert late is not None
    assert (late.status, late.body["status"]) == (202, "pending")
    assert story.provider.posts == posts
    story.check()


def told_the_truth(story: Story, case: str, reply: ApiResponse, *, asked: bool) -> None:
    """Before the provider was asked 5xx; after it answered that answer; a replay is the first answer or 503."""
    expected = CASES[case].status
    if asked or not CASES[case].answers:
        assert reply.status in ({expected} if asked else {expected, 503})
    else:
        assert reply.status == 503
    if reply.status in {202, 422}:
        record = story.record(reply.body["message_id"])
        assert record is not None, "answered for what is not recorded"
    if asked and reply.status == 202:
        known = TAKEN in story.provider.handed[max(story.provider.handed)]
        assert reply.body["provider_message_id"] == (SID if known else None)


def comes_to_a_good_end(story: Story, first: ApiResponse | None, *, one_fault: bool, asked: bool) -> None:
    """The same key again, at once and after the claim; then the handset has it, and the record says so."""
    story.provider.answers.clear()  # what it is asked from now on it takes
    again = story.request()
    assert again is not None
    story.check()
    if first is not None and first.status == 503 and one_fault and not asked and not answered(story):
        assert again.status == 202, "nothing was sent, and the same key may not try again"
    story.clock.sleep(CLAIM.total_seconds() + 1)
    late = story.request()
    assert late is not None
    assert late.status in {202, 422}
    story.check()
    record = story.record(late.body["message_id"])
    assert record is not None
    assert story.provider.message_ids <= {record.message_id}
    for attempt in story.provider.taken:
        story.report_delivered(record.message_id, attempt)
        final = story.record(record.message_id)
        assert final is not None
        assert final.state.status is Status.DELIVERED
        assert final.state.provider_message_id == SID


def answered(story: Story) -> bool:
    return any(OPTED_OUT in given for given in story.provider.handed.values())

"""Faults at every AWS call of the inbound function: after what failed came again, no STOP and no event is missing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from sms_tracker.aws.opt_outs import OptOutStore
from sms_tracker.aws.outbox import OutboxStore
from sms_tracker.aws.store import MessageSearch
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.opt_out import Recipient
from sms_tracker.domain.ports import SettingsSource
from sms_tracker.domain.queued import RawInbound, RefusedSend, encode_reply
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.services.opt_outs import OptOutRegister, OptOutSources
from sms_tracker.services.replies import ReplyProcessor
from tests import factories
from tests.fakes import START, FakeClock, ignore_failed_call
from tests.integration.faults import DISTINCT, Cloud, Fault, Wire, every_call, survived
from tests.opt_outs import blocked_by
from tests.tables import create

NUMBER, SERVICE = "+15551234567", "MG" + "1" * 32
GARBAGE = '{"v":9}'
REFUSAL = "the provider refuses a message"
STATE = ("GetParameters", "GetItem", "TransactWriteItems")
"""The service's own key, what is stored, and the block with its event."""
SAID = ("GetParameters", "PutItem", *STATE[1:])
"""The secrets, with which Twilio is asked for the time; the reply's event, and the same."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Texts heard before, and those of the batch that meets the fault, a minute between them.

    Of its ``calls`` the first ``known`` are another case's, too. ``blocked`` are the scopes that are blocked at last.
    """

    before: Sequence[str] = ()
    batch: Sequence[str]
    calls: Sequence[str]
    known: int = 0
    service: bool = False
    mode: ScopeMode = ScopeMode.SENDER
    blocked: Sequence[str] = ()


ONE, BOTH = (f"sender:twilio:{NUMBER}",), (f"sender:twilio:{NUMBER}", f"sender:twilio:{SERVICE.casefold()}")
CASES = {
    "stop": Case(batch=["Stop."], calls=SAID, blocked=ONE),
    "to-a-service": Case(batch=["stop"], calls=(*SAID, *STATE[1:]), known=4, service=True, blocked=BOTH),
    "start": Case(before=["stop"], batch=["start"], calls=SAID),
    "stop-once-more": Case(before=["stop"], batch=["stop"], calls=(*SAID[:3], "PutItem"), known=3, blocked=ONE),
    "batch": Case(
        batch=["stop", GARBAGE, "help", "start"],
        calls=(*SAID, "SendMessage", "PutItem", "PutItem", *STATE[1:]),
        known=4,
    ),
    "refusal": Case(batch=[REFUSAL], calls=("GetItem", *STATE), blocked=ONE),
    "by-client": Case(
        before=[REFUSAL],  # so that there is a message
        batch=["stop"],
        calls=(*SAID[:2], "Query", "BatchGetItem", "GetItem", "PutItem"),
        known=2,
        mode=ScopeMode.CLIENT,
        blocked=("client:shop",),
    ),
    "off": Case(batch=["stop"], calls=("PutItem",), mode=ScopeMode.OFF),
}
POINTS = {name: (case.calls, case.known) for name, case in CASES.items()}


@dataclass
class Story:
    """One person and one message to them, and processes that drain the queue one after the other."""

    cloud: Cloud
    case: Case
    person: str = field(default_factory=lambda: f"+316{uuid4().int % 10**8:08d}")
    clock: FakeClock = field(default_factory=FakeClock)
    said: list[str] = field(default_factory=list)
    """The id of each text."""

    def __post_init__(self) -> None:
        message = replace(factories.record(message_id=str(uuid4())), to=self.person, sender=NUMBER)
        self.message_id = message.message_id
        self.cloud.store(self.cloud.settled).put(message)
        self.drain([self.body(text) for text in self.case.before])

    def body(self, text: str) -> str:
        if text == GARBAGE:
            return text
        if text == REFUSAL:
            return encode_reply(RefusedSend(message_id=self.message_id, attempt=1))
        self.said.append(f"SM{uuid4().hex}")
        fields = {"MessageSid": self.said[-1], "From": self.person, "To": NUMBER, "Body": text}
        service = {"MessagingServiceSid": SERVICE} if self.case.service else {}
        received_at = timestamp(START + timedelta(minutes=len(self.said)))
        return encode_reply(RawInbound(provider="twilio", received_at=received_at, fields={**fields, **service}))

    def twilio(self, request: HttpRequest, *, timeout: float) -> HttpResponse:  # noqa: ARG002 - it answers at once
        """The record of a text, which came to Twilio half a minute before us."""
        number = self.said.index(request.url.rpartition("/")[2].removesuffix(".json")) + 1
        made = {"date_created": format_datetime(START + timedelta(minutes=number - 0.5))}
        return HttpResponse(200, {}, json.dumps(made).encode())

    def register(self, wire: Wire, settings: SettingsSource) -> OptOutRegister:
        state, messages = self.cloud.state, self.cloud.table
        store = OptOutStore(wire.api("dynamodb"), state=state, messages=messages, key=lambda: settings().service_key)
        return OptOutRegister(opt_outs=store, clock=self.clock)

    def drain(self, bodies: Sequence[str], wire: Wire | None = None) -> list[str]:
        """One process; returns the bodies that come again: those that failed, or all if it was killed."""
        line = wire or self.cloud.settled
        settings = self.cloud.settings(line, self.clock)
        processor = ReplyProcessor(
            register=None if self.case.mode is ScopeMode.OFF else self.register(line, settings),
            sources=OptOutSources(settings=settings, http=self.twilio, now=lambda: 0.0, failed=ignore_failed_call),
            mode=self.case.mode,
            outbox=OutboxStore(line.api("dynamodb"), self.cloud.table),
            messages=self.cloud.store(line),
            search=MessageSearch(line.api("dynamodb"), self.cloud.table),
            dlq=self.cloud.queue(line, "dead"),
            clock=self.clock,
            claim=timedelta(seconds=35),
        )
        failed = survived(lambda: [body for body in bodies if not _is_heard(processor, body)])
        return list(bodies) if failed is None else failed

    def blocked(self) -> list[str]:
        scopes = (*BOTH, "client:shop")
        settled = self.cloud.settled
        register = self.register(settled, self.cloud.settings(settled, self.clock))
        return [each for each in scopes if blocked_by(register, Recipient(scope=each, number=self.person))]

    def events(self) -> dict[str, list[dict[str, Any]]]:
        """The events in the outbox, by kind."""
        found = defaultdict[str, list[dict[str, Any]]](list)
        for item in self.cloud.settled.client("dynamodb").scan(TableName=self.cloud.table)["Items"]:
            if "outbox" in item:
                found[item["outbox"]["S"]].append(json.loads(item["detail"]["S"]))
        return found

    def check(self) -> None:
        """Each text has one event, the blocks are those that were asked for, and their events tell of each."""
        events = self.events()
        assert sorted(each["provider_message_id"] for each in events["SMS Received"]) == sorted(self.said)
        assert self.blocked() == list(self.case.blocked)
        changed = sorted(events["SMS Opt-Out Changed"], key=lambda each: int(each["version"]))
        told = {each["scope"]: each["blocked"] for each in changed}
        assert [scope for scope, blocked in sorted(told.items()) if blocked] == sorted(self.case.blocked)
        for scope in told:
            flips = [each["blocked"] for each in changed if each["scope"] == scope]
            assert flips[0]
            assert all(before is not after for before, after in pairwise(flips))
        assert set(self.cloud.waiting("dead")) == ({GARBAGE} if GARBAGE in self.case.batch else set())


def _is_heard(processor: ReplyProcessor, body: str) -> bool:
    try:
        processor.process(body)
    except SmsTrackerError:
        return False
    return True


@pytest.fixture
def begin(make: Callable[[], Cloud]) -> Callable[[str], Story]:
    def begun(case: str) -> Story:
        cloud = make()  # with a table of its own, which is quicker to scan
        cloud.table = create(cloud.settled.client("dynamodb"), "MessagesTable", f"messages-{uuid4()}")
        return Story(cloud, CASES[case])

    return begun


@pytest.mark.parametrize("case", CASES)
def test_these_are_all_the_calls_there_are(case: str, begin: Callable[[str], Story]) -> None:
    wire, story = Wire(boto=True), begin(case)
    assert story.drain([story.body(text) for text in story.case.batch], wire) == []
    assert tuple(wire.calls) == CASES[case].calls
    story.check()


@every_call(POINTS, [*DISTINCT, Fault.REJECTED])
def test_after_a_fault_at_any_call_no_stop_is_lost_and_no_event_missing(
    case: str, at: int, fault: Fault, begin: Callable[[str], Story]
) -> None:
    story = begin(case)
    again = story.drain([story.body(text) for text in story.case.batch], Wire(fault, at, boto=True))
    assert story.drain(again) == []
    story.check()

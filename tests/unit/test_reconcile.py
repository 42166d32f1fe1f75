"""The reconciler on fakes: it closes open messages by look-ups, and never guesses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest

from sms_tracker.domain.errors import Rejected, Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.indexes import BY_TIME, Index, Position, Span
from sms_tracker.domain.overdue import Ages
from sms_tracker.domain.ports import OnUnreadable
from sms_tracker.domain.record import Entry, Record, Send, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import PriceLookup
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Reason, Status
from sms_tracker.log import FailedCalls
from sms_tracker.reconcile.lookup import Budget, end_as_not_sent, without_text
from sms_tracker.reconcile.reconcile import Reconciler
from sms_tracker.services.process import QueueMessage, ReportProcessor
from sms_tracker.services.track import track
from sms_tracker.services.validation import text_hash
from tests.factories import MESSAGE_ID, NOW, TO, record, report
from tests.fakes import (
    SERVICE_KEY,
    START,
    FakeClock,
    MemoryMessages,
    MemoryQueue,
    MemoryReconcileState,
    ignore_failed_call,
)
from tests.memory_search import MemorySearch
from tests.setups import SID, TAKEN, UNHEARD, SendSetup, answer

TEXT, SENDER = "Your parcel is here", "+15551234567"
RIVAL = "11111111-1111-4111-8111-111111111111"
SECOND = Send(phase=SendPhase.ANSWERED, attempt=2, token="b", until=0)
OF_SECOND = report(Status.DELIVERED, attempt=2, provider_message_id="SM9")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BUSY = answer(429)


def listed(sid: str = SID, **changes: Any) -> dict[str, Any]:
    """One message in Twilio's list."""
    sent = {"sid": sid, "to": TO, "from": SENDER, "body": TEXT, "messaging_service_sid": None, "status": "delivered"}
    return {**sent, "date_created": format_datetime(START + timedelta(seconds=1)), **changes}


@dataclass
class Account:
    """The provider: the messages in its list, or one answer to all calls."""

    messages: Sequence[Mapping[str, Any]] = ()
    broken: HttpResponse | NoResponse | None = None
    post: HttpResponse | NoResponse = TAKEN
    requests: list[HttpRequest] = field(default_factory=list)
    during: Callable[[HttpRequest], object] = lambda _: None
    next_page: str | None = None
    gone_once_listed: bool = False

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        assert timeout > 0
        self.requests.append(request)
        self.during(request)
        if self.broken is not None:
            return self.broken
        if request.method == "POST":
            return self.post
        if "?" in request.url:
            listed, self.messages = list(self.messages), () if self.gone_once_listed else self.messages
            return answer(200, {"messages": listed, "next_page_uri": self.next_page})
        known = {message["sid"]: message for message in self.messages}
        asked = request.url.rpartition("/")[2].removesuffix(".json")
        return answer(200, known[asked]) if asked in known else answer(404, {"code": 20404})

    @property
    def posts(self) -> list[HttpRequest]:
        return [request for request in self.requests if request.method == "POST"]


@dataclass
class LiveSearch:
    """The indexes over the table as it is at the moment. ``reads`` counts the pages of by_time.

    The records of ``unreadable`` ids cannot be read.
    """

    messages: MemoryMessages
    page: int = 100
    reads: int = 0
    during: Callable[[], object] = lambda: None
    unreadable: set[str] = field(default_factory=set)
    _made: tuple[tuple[int, int, int], MemorySearch] = ((-1, -1, -1), MemorySearch([]))

    def keys(
        self, index: Index, partition: str, *, span: Span | None, client: str | None
    ) -> tuple[list[Position], str | None]:
        self.reads += index is BY_TIME
        self.during()
        return self._now().keys(index, partition, span=span, client=client)

    def records(self, message_ids: Sequence[str], *, on_unreadable: OnUnreadable | None = None) -> list[Record]:
        return self._now().records(message_ids, on_unreadable=on_unreadable)

    def _now(self) -> MemorySearch:
        stamp = (self.messages.writes, len(self.messages.records), self.page)
        if stamp != self._made[0]:
            self._made = stamp, MemorySearch(list(self.messages.records.values()), page=self.page)
        self._made[1].unreadable = self.unreadable
        return self._made[1]


class Setup:
    """One reconciler, or several over the same tables, at a chosen age of the messages made at START."""

    def __init__(self, *records: Record, account: Account | None = None, age: timedelta = 11 * MINUTE) -> None:
        self.messages = MemoryMessages({each.message_id: each for each in records})
        self.reconcile_state = MemoryReconcileState(self.messages)
        self.search = LiveSearch(self.messages)
        self.account = account or Account()
        self.clock = FakeClock(START + age)
        self.queue, self.unmatched, self.dead = MemoryQueue(), MemoryQueue(), MemoryQueue()
        self.sending = SendSetup(messages=self.messages, clock=self.clock)
        self.budget = Budget(seconds=200, lookups=1000, rate=5)
        self.prices = PriceLookup.OFF

    def reconciler(self) -> Reconciler:
        sender = replace(self.sending.sender, http=self.account)
        return Reconciler(
            messages=self.messages,
            search=self.search,
            state=self.reconcile_state,
            settings=sender.settings,
            http=self.account,
            queue=self.queue,
            clock=self.clock,
            pace=sender.pace,
            ages=Ages(),
            budget=self.budget,
            failed=ignore_failed_call,
            resend=lambda record: sender.resend(record).decision,
            prices=self.prices,
        )

    def run(self, age: timedelta | None = None) -> Counter[str]:
        """One run now, or at an age of the messages."""
        self.clock.now = self.clock.now if age is None else START + age
        reconciler = self.reconciler()
        done = reconciler.run()
        self.last = reconciler
        del done["walked"]
        return done

    def meanwhile(self, act: Callable[[], object]) -> None:
        """Run a function while the provider has the next request."""

        def once(_: HttpRequest) -> None:
            self.account.during = lambda _: None
            act()

        self.account.during = once

    def drain(self) -> None:
        """Let the processor handle the queued messages."""
        processor = ReportProcessor(
            messages=self.messages, queue=self.queue, unmatched=self.unmatched, dlq=self.dead, clock=self.clock
        )
        bodies, self.queue.sent[:] = self.queue.bodies, []
        processor.process([QueueMessage(str(number), body) for number, body in enumerate(bodies)])

    @property
    def record(self) -> Record:
        return self.messages.records[MESSAGE_ID]


def lost(message_id: str = MESSAGE_ID, **values: Any) -> Record:
    """A send with a lost answer."""
    return record(message_id=message_id, text_hash=text_hash(SERVICE_KEY, TEXT), **values)


def taken(*statuses: Status, sid: str = SID, **values: Any) -> Record:
    made = lost(**values)
    reports = [report(status, provider_message_id=sid) for status in statuses]
    send = replace(made.send, phase=SendPhase.ANSWERED)
    return replace(made, send=send, state=fold(reports, base=made.state))


def failed(code: str | None = "30003", **values: Any) -> Record:
    made = lost(**values)
    told = report(Status.UNDELIVERED, code=code, provider_message_id=SID)
    entry = Entry(word="undelivered", received=NOW, attempt=1, source="callback", code=code)
    send = replace(made.send, phase=SendPhase.ANSWERED)
    return replace(made, send=send, state=fold([told], base=made.state), reports={told.fingerprint: entry})


def released(**values: Any) -> Record:
    send = Send(phase=SendPhase.RELEASED, attempt=1, token="a-token", until=0, cause="not_sent")
    return lost(**{"send": send, **values})


# -- looking up --------------------------------------------------------------------------------------------------------


def test_a_message_without_reports_is_looked_up_and_delivered_and_its_text_does_not_enter_the_queue() -> None:
    setup = Setup(taken(Status.SENT), account=Account([listed()]))

    assert setup.run() == {"opened": 1, "looked-up": 1}
    assert TEXT not in setup.queue.bodies[0]
    setup.drain()
    assert (setup.record.state.status, setup.record.version) == (Status.DELIVERED, 2)
    assert {entry.source for entry in setup.record.reports.values()} == {"lookup"}
    assert setup.run() == {}


NO_SUCH, LOOKED_UP = ({"opened": 1, word: 1} for word in ("provider-has-no-such-message", "looked-up"))
REFUSED = replace(lost(), state=fold([report(Status.FAILED, provider_message_id=None)], base=lost().state))
NAMED = released(state=fold([report(provider_message_id=SID)], base=lost().state))
RUNS: dict[str, tuple[Record, Account, int, dict[str, int]]] = {
    "what is final is not opened": (taken(Status.DELIVERED), Account(), 11, {}),
    "what is young is not opened": (taken(Status.SENT), Account(), 9, {}),
    "what the provider does not know stays open": (taken(Status.SENT), Account(), 11, NO_SUCH),
    "what was found is looked up and may be gone": (lost(), Account([listed()], gone_once_listed=True), 11, NO_SUCH),
    "a released send that its provider names is looked up": (NAMED, Account([listed()]), 20, LOOKED_UP),
    "a failure that no provider named is not looked at again": (REFUSED, Account(), 61, {}),
    "a new word about a failure is queued": (
        failed(),
        Account([listed(status="teleported")]),
        61,
        {"failure-looked-up": 1},
    ),
    "an unreadable list is requested again": (
        lost(),
        Account(broken=answer(503)),
        11,
        {"opened": 1, "provider-did-not-answer": 1},
    ),
}


@pytest.mark.parametrize(("message", "account", "minutes", "done"), RUNS.values(), ids=RUNS)
def test_a_run_does(message: Record, account: Account, minutes: int, done: dict[str, int]) -> None:
    assert Setup(message, account=account, age=minutes * MINUTE).run() == done
    assert done or account.requests == []


def test_the_same_answer_again_is_not_queued_again() -> None:
    setup = Setup(taken(Status.ACCEPTED), account=Account([listed(status="sent")]))
    assert setup.run()["looked-up"] == 1
    setup.drain()
    assert setup.run(HOUR) == {"nothing-new": 1}
    assert setup.queue.bodies == []


def test_it_comes_again_at_an_hour_then_at_six() -> None:
    setup = Setup(taken(Status.SENT), account=Account([listed(status="sent")]))
    for age in (HOUR, 6 * HOUR, 30 * HOUR):
        setup.run()
        assert setup.messages.due == {MESSAGE_ID: timestamp(START + age)}
        setup.clock.now = START + age


def test_two_reconcilers_at_once_change_nothing_twice() -> None:
    setup = Setup(taken(Status.SENT), account=Account([listed()]))
    setup.reconcile_state.open(MESSAGE_ID, due=NOW)
    other = setup.reconciler()
    setup.meanwhile(other.run)

    setup.run()
    assert len(setup.queue.bodies) == 2
    setup.drain()
    assert (setup.record.version, len(setup.record.reports)) == (2, 1)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (BUSY, {"status": 429}),
        (UNHEARD, {"code": "ReadTimeout"}),
        (answer(500), {"status": 500}),
        (answer(401), {"status": 401}),
    ],
)
def test_a_failed_call_is_logged_and_the_message_looked_up_again_soon(
    broken: HttpResponse | NoResponse, told: Mapping[str, object]
) -> None:
    setup, calls = Setup(taken(), account=Account(broken=broken)), FailedCalls()
    assert replace(setup.reconciler(), failed=calls).run()["provider-did-not-answer"] == 1
    assert calls.take() == [{"call": "twilio GET", "attempt": 1, **told, "then": "given-up"}]
    assert setup.messages.due == {MESSAGE_ID: timestamp(setup.clock.now + 10 * MINUTE)}


@pytest.mark.parametrize("broken", [answer(404), None])
def test_an_answer_is_no_failed_call(broken: HttpResponse | None) -> None:
    setup, calls = Setup(taken(), account=Account([listed()], broken=broken)), FailedCalls()
    replace(setup.reconciler(), failed=calls).run()
    assert setup.account.requests
    assert calls.take() == []


def in_turn(make: Callable[..., Record], step: timedelta = timedelta(0), count: int = 9) -> list[Record]:
    """Records, one ``step`` after the other from START."""
    times = [timestamp(START + number * step) for number in range(count)]
    return [
        make(message_id=f"00000000-0000-4000-8000-{number:012d}", created_at=time, updated_at=time)
        for number, time in enumerate(times)
    ]


def test_a_provider_that_fails_three_times_is_left_alone_for_the_rest_of_the_run() -> None:
    setup = Setup(*in_turn(partial(taken, Status.SENT)), account=Account(broken=BUSY))

    assert setup.run() == {"opened": 9, "provider-did-not-answer": 3, "left-alone-for-this-run": 6}
    assert len(setup.account.requests) == 3
    setup.account.broken, setup.account.messages = None, [listed()]
    assert setup.run() == {"looked-up": 6}


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_a_run_keeps_to_its_number_and_rate_of_calls() -> None:
    setup = Setup(*in_turn(partial(taken, Status.SENT)), account=Account([listed()]))
    setup.budget = Budget(seconds=200, lookups=4, rate=2)
    began = setup.clock.now

    assert setup.run() == {"opened": 9, "looked-up": 4, "left-for-the-next-run": 1}
    assert setup.clock.now - began == timedelta(seconds=1.5)
    assert setup.run()["looked-up"] == 4
    assert setup.run()["looked-up"] == 1


def test_a_run_ends_in_time_and_the_next_one_goes_on() -> None:
    setup = Setup(taken(Status.SENT), account=Account([listed()]))
    setup.search.during = lambda: setup.clock.sleep(1)
    setup.reconcile_state.advance("walked", timestamp(START - 2 * HOUR))
    setup.budget = Budget(seconds=100, lookups=10, rate=5)

    first = setup.run()
    assert first["walk-left-for-the-next-run"] == 1
    for _ in range(20):
        setup.run()
    assert len(setup.queue.bodies) == 1
    assert setup.reconcile_state.position("walked") is not None


def test_a_walk_goes_on_where_the_last_one_stopped_with_an_overlap() -> None:
    setup = Setup()
    setup.run()
    far, setup.search.reads = setup.search.reads, 0
    assert setup.reconcile_state.position("walked") == timestamp(START + MINUTE)
    late = taken(Status.SENT, created_at=timestamp(START))  # older than the position, and not in the index until now
    setup.messages.records[MESSAGE_ID] = late
    setup.clock.sleep(300)

    assert setup.run()["opened"] == 1
    assert setup.search.reads < far / 5


@pytest.mark.parametrize(
    ("walk", "message", "done"),
    [
        ("walked", taken(Status.SENT), {"looked-up": 1, "walk-failed": 1}),
        ("failures", failed(), {"failure-looked-up": 1, "failures-walk-failed": 1}),
    ],
)
def test_a_walk_that_cannot_store_its_position_holds_up_no_look_up(
    walk: str, message: Record, done: dict[str, int]
) -> None:
    setup = Setup(message, account=Account([listed()]), age=HOUR + MINUTE)

    def fail(name: str, _: str) -> None:
        if name == walk:
            raise Unavailable("UpdateItem: ThrottlingException")

    setup.reconcile_state.open(MESSAGE_ID, due=NOW)
    setup.reconcile_state.advance = fail  # type: ignore[assignment, method-assign]
    assert setup.run() == done
    assert setup.last.errors == {"UpdateItem: ThrottlingException": 1}


def test_of_the_messages_that_a_provider_took_those_are_counted_that_a_report_has_reached() -> None:
    heard = taken(message_id=RIVAL, sid="SM2")
    setup = Setup(taken(Status.SENT), heard, released(message_id=RIVAL.replace("1", "2")), account=Account([listed()]))
    track(setup.messages, RIVAL, [report(Status.DELIVERED, provider_message_id="SM2")], now=NOW)

    setup.run()

    assert setup.last.receipts == {"twilio": {True: 1, False: 1}}


def test_a_busy_time_is_walked_in_short_slices() -> None:
    setup = Setup(*in_turn(partial(taken, Status.DELIVERED), count=1200), age=2 * HOUR)
    saved: list[str] = []
    setup.reconcile_state.advance("walked", timestamp(START - MINUTE))
    setup.reconcile_state.advance = lambda name, until: saved.append(until) if name == "walked" else None  # type: ignore[method-assign]
    setup.run()
    busy = [step for step in saved if step < timestamp(START + 30 * MINUTE)]
    assert busy == [timestamp(START + 9 * MINUTE), timestamp(START + 19 * MINUTE)]


def test_a_provider_that_is_no_longer_enabled_is_not_called() -> None:
    setup = Setup(taken(Status.SENT), account=Account([listed()]))
    setup.sending.settings.credentials = {}  # type: ignore[attr-defined]  # the fake's own

    assert setup.run() == {"opened": 1, "provider-not-enabled": 1}
    assert setup.run(72 * HOUR) == {"gave-up-applied": 1}


@pytest.mark.parametrize(("gone", "word"), [("messagebird", "not-enabled"), ("aws", "has-no-look-up")])
def test_a_released_send_whose_earlier_provider_cannot_be_asked_holds_up_no_other(gone: str, word: str) -> None:
    # Found in taranis-ai/taranis-ai#957
    made, second = released(), Send(phase=SendPhase.RELEASED, attempt=2, token="b", until=0, cause="not_sent")
    base = replace(made.state, attempt=2, provider="twilio")
    taken_late = fold([report(Status.ACCEPTED, provider=gone, provider_message_id="m1")], base=base)
    moved = replace(made, send=second, state=taken_late, providers={1: gone, 2: "twilio"})
    setup = Setup(moved, taken(Status.SENT, message_id=RIVAL, sid="SM9"), account=Account([listed("SM9")]))
    settings: Any = setup.sending.settings
    aws = {"aws": {"sms_region": "eu-west-1"}} if gone == "aws" else {}
    settings.credentials = {"twilio": settings.credentials["twilio"], **aws}

    assert setup.run(20 * MINUTE) == {"opened": 2, f"provider-{word}": 1, "looked-up": 1}
    assert setup.run(72 * HOUR)["gave-up-applied"] == 1


def test_due_messages_that_cannot_be_read_for_now_do_not_stop_the_rest_of_the_run() -> None:
    # Found in taranis-ai/taranis-ai#957
    setup = Setup(failed(), account=Account([UNREACHABLE]), age=HOUR + MINUTE)

    def fail(*_: object, **__: object) -> list[str]:
        raise Unavailable("Query: ThrottlingException")

    setup.reconcile_state.due = fail  # type: ignore[method-assign]
    assert setup.run() == {"due-failed": 1, "failure-nothing-new": 1}
    assert setup.last.errors == {"Query: ThrottlingException": 1}


def test_an_unreadable_setting_or_queue_does_not_stop_the_rest() -> None:
    setup = Setup(taken(Status.SENT), released(message_id=RIVAL), account=Account([listed()]), age=20 * MINUTE)
    setup.queue.fail = True
    assert setup.run() == {"opened": 2, "failed": 1, "not-sent": 1}
    assert setup.last.errors == {"SendMessage: ServiceUnavailable": 1}


def test_a_record_that_cannot_be_read_holds_up_no_other_and_is_named_by_each_run_until_it_is_mended() -> None:
    setup = Setup(taken(Status.SENT), taken(Status.SENT, message_id=RIVAL, sid="SM9"))
    setup.account.messages = [listed(), listed("SM9")]
    setup.search.unreadable = {RIVAL}

    assert setup.run() == {"opened": 1, "looked-up": 1, "unreadable": 1}
    told = {f"record {RIVAL} cannot be read: KeyError"}
    assert set(setup.last.errors) == told
    setup.drain()
    assert setup.run(HOUR + 11 * MINUTE) == {"unreadable": 1}
    assert set(setup.last.errors) == told
    setup.search.unreadable = set()
    assert setup.run(2 * HOUR + 11 * MINUTE) == {"looked-up": 1}
    assert setup.last.errors == {}


# -- giving up ---------------------------------------------------------------------------------------------------------


def test_after_72_hours_a_message_becomes_unknown() -> None:
    setup = Setup(taken(Status.SENT), account=Account([listed(status="sent")]))
    setup.run()
    setup.drain()

    assert setup.run(72 * HOUR) == {"gave-up-applied": 1}
    assert (setup.record.state.status, setup.record.state.provider_message_id) == (Status.UNKNOWN, SID)


def test_before_giving_up_a_message_is_looked_up_a_last_time_and_a_silent_provider_waited_for_a_day_longer() -> None:
    setup = Setup(taken(Status.SENT), account=Account(broken=BUSY))
    setup.reconcile_state.open(MESSAGE_ID, due=NOW)
    assert setup.run(72 * HOUR)["provider-did-not-answer"] == 1
    heard = Setup(setup.record, account=Account([listed()]), age=72 * HOUR)
    heard.reconcile_state.open(MESSAGE_ID, due=NOW)
    assert heard.run()["looked-up"] == 1
    assert setup.run(96 * HOUR)["gave-up-applied"] == 1


# -- released sends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cause", "reason"), [("not_sent", Reason.NOT_SENT), ("account", Reason.ACCOUNT)])
def test_a_message_that_no_provider_accepted_ends_as_not_sent(cause: str, reason: Reason) -> None:
    setup = Setup(released(send=replace(released().send, cause=cause)))
    assert setup.run() == {"opened": 1, "waiting": 1}
    assert setup.run(15 * MINUTE) == {"not-sent": 1}
    assert (setup.record.state.status, setup.record.send.phase) == (Status.FAILED, SendPhase.ANSWERED)
    assert setup.record.state.shown_failure is not None
    assert (setup.record.state.shown_failure.reason, setup.account.requests) == (reason, [])


def test_a_client_that_takes_over_meanwhile_wins() -> None:
    setup = Setup(released(), age=15 * MINUTE)
    read = setup.record
    claim = Send(phase=SendPhase.CLAIMED, attempt=2, token="client", until=0)
    assert setup.messages.take_over(read, claim, provider="twilio", now=NOW)

    assert end_as_not_sent(setup.messages, read, now=NOW) == "taken-over-meanwhile"
    assert (setup.record.state.status, setup.record.send) == (Status.PENDING, claim)


def test_a_client_that_takes_over_too_late_gets_the_failure() -> None:
    sending = SendSetup([BUSY], fraction=1.0)
    assert sending.post("order-42").status == 503
    (released_record,) = sending.messages.records.values()  # type: ignore[attr-defined]  # the memory's own
    late = Setup(released_record, age=HOUR)
    late.run()
    again = replace(sending.sender, messages=late.messages).send("shop", {"to": TO, "body": TEXT}, "order-42")

    assert (again.status, again.decision) == (422, "not-sent")


# -- unknown outcomes --------------------------------------------------------------------------------------------------


def test_a_send_with_a_lost_answer_is_found_and_adopted() -> None:
    setup = Setup(lost(), account=Account([listed()]))
    assert setup.run() == {"opened": 1, "adopted": 1}
    setup.drain()
    assert (setup.record.state.status, setup.record.state.ids) == (Status.DELIVERED, {1: SID})


def test_a_send_that_is_not_found_stays_pending_and_ends_as_unknown_which_a_late_delivery_corrects() -> None:
    setup = Setup(lost())
    assert setup.run() == {"opened": 1, "no-candidate": 1}
    assert setup.messages.records[MESSAGE_ID].state.status is Status.PENDING
    assert setup.run(72 * HOUR) == {"gave-up-applied": 1}
    assert setup.record.state.status == "unknown"
    assert fold([report(Status.DELIVERED)], base=setup.record.state).status is Status.DELIVERED


@pytest.mark.parametrize(
    ("held", "indexed"),
    [([taken(Status.SENT, message_id=RIVAL)], RIVAL), ([taken(Status.SENT, message_id=RIVAL)], None), ([], RIVAL)],
    ids=["by a record and the index", "by a record that the index lacks", "by one recorded longer ago than is read"],
)
def test_what_is_held_is_not_adopted(held: list[Record], indexed: str | None) -> None:
    setup = Setup(lost(), *held, account=Account([listed(status="sent")]))
    setup.messages.by_provider_id = lambda *_: indexed  # type: ignore[method-assign]
    assert setup.run()["no-candidate"] == 1
    assert setup.record.state.ids == {}


@pytest.mark.parametrize(
    ("rival", "to"),
    [
        (lost(RIVAL), TO),
        (lost(RIVAL, created_at=timestamp(START - 6 * DAY)), TO),
        (lost(RIVAL, state=replace(lost().state, status=Status.UNKNOWN)), TO),
        (lost(RIVAL, resend_if_lost=True, send=SECOND, state=fold([OF_SECOND], base=lost().state)), TO),
        (lost(RIVAL, to="+5215512345678"), "+525512345678"),
    ],
    ids=["open", "six days older", "given up", "whose first attempt was lost", "spelt in its country's other way"],
)
def test_what_a_rival_may_own_is_not_adopted(rival: Record, to: str) -> None:
    setup = Setup(lost(to=to), rival, account=Account([listed(to=to)]))
    setup.run()
    assert setup.record.state.ids == {}
    assert all(MESSAGE_ID not in body for body in setup.queue.bodies)


@pytest.mark.parametrize(
    "other",
    [
        lost(RIVAL, to="+31612345679"),
        lost(RIVAL, sender="MyShop"),
        replace(lost(RIVAL), text_hash="another"),
        released(message_id=RIVAL),
        taken(Status.SENT, message_id=RIVAL, sid="SM9"),
    ],
)
def test_a_message_that_differs_or_is_accounted_for_is_no_rival(other: Record) -> None:
    setup = Setup(lost(), other, account=Account([listed()]))
    setup.run()
    assert [json.loads(body)["message_id"] for body in setup.queue.bodies if MESSAGE_ID in body] == [MESSAGE_ID]


def test_too_many_listed_messages_give_no_result() -> None:
    setup = Setup(lost(), account=Account([listed()], next_page="/2010-04-01/Accounts/AC/Messages.json?Page=1"))
    assert setup.run()["too-many-messages"] == 1
    assert len(setup.account.requests) == 5


def test_too_many_messages_of_our_own_give_no_result() -> None:
    others = in_turn(partial(taken, Status.DELIVERED), -MINUTE, count=12)
    setup = Setup(lost(), *others, account=Account([listed("SM8")]))
    setup.reconcile_state.advance("walked", timestamp(START - MINUTE))
    setup.search.page = 2
    assert setup.run()["too-many-messages"] == 1


# -- resend_if_lost ----------------------------------------------------------------------------------------------------

RESENDABLE = lost(resend_if_lost=True, body=TEXT, validity_seconds=3600)


def test_a_lost_message_is_sent_again_if_its_client_asked_for_it() -> None:
    setup = Setup(RESENDABLE)

    assert setup.run() == {"opened": 1, "resent-accepted": 1}
    (post,) = setup.account.posts
    assert b"ValidityPeriod=2940" in post.body
    assert setup.record.send.attempt == 2
    assert (setup.record.state.status, setup.record.state.ids) == (Status.ACCEPTED, {2: SID})
    assert setup.messages.due.keys() == {MESSAGE_ID}


def test_two_reconcilers_at_once_send_a_lost_message_again_once() -> None:
    setup = Setup(RESENDABLE)
    setup.reconcile_state.open(MESSAGE_ID, due=NOW)
    setup.meanwhile(setup.reconciler().run)

    assert setup.run()["resent-in-progress"] == 1
    assert len(setup.account.posts) == 1


@pytest.mark.parametrize("account", [Account([listed()]), Account([listed(), listed("SM2")]), Account(broken=BUSY)])
def test_what_is_found_or_not_certainly_absent_is_not_sent_again(account: Account) -> None:
    Setup(RESENDABLE, account=account).run()
    assert account.requests
    assert account.posts == []


def test_a_trial_accounts_message_is_found_behind_its_prefix() -> None:
    # Found in https://www.twilio.com/docs/messaging (a trial account's Message resource)
    body = f"Sent from your Twilio trial account - {TEXT}"

    assert Setup(RESENDABLE, account=Account([listed(body=body)])).run() == {"opened": 1, "adopted": 1}


@pytest.mark.parametrize("body", ["", None, f"{TEXT} https://twil.io/1"])
def test_what_may_be_ours_with_its_text_altered_is_neither_adopted_nor_sent_again(body: str | None) -> None:
    # Found in https://www.twilio.com/docs/messaging/features (message redaction, smart encoding, link shortening)
    setup = Setup(RESENDABLE, account=Account([listed(body=body)]))

    assert setup.run() == {"opened": 1, "text-differs": 1}
    assert not [request for request in setup.account.requests if request.method == "POST"]


def test_another_text_of_another_record_hinders_no_second_send() -> None:
    other = taken(Status.SENT, message_id=RIVAL, sid="SM9")
    setup = Setup(RESENDABLE, other, account=Account([listed("SM9", body="Another text", status="sent")]))

    assert setup.run()["resent-accepted"] == 1


def test_a_message_that_is_lost_each_time_is_sent_three_times_and_given_up() -> None:
    setup = Setup(replace(RESENDABLE, validity_seconds=None), account=Account(post=UNHEARD))
    for age in (11 * MINUTE, HOUR, 7 * HOUR, 31 * HOUR, 72 * HOUR, 73 * HOUR):
        setup.run(age)
    assert len(setup.account.posts) == 2
    assert (setup.record.send.attempt, setup.record.state.status) == (3, Status.UNKNOWN)


def test_a_refused_second_attempt_does_not_prove_that_nothing_was_sent() -> None:
    setup = Setup(RESENDABLE, account=Account(post=BUSY))
    setup.run()
    assert setup.record.send.phase is SendPhase.RELEASED
    setup.account.post = TAKEN
    setup.run(HOUR)
    assert setup.record.state.status is not Status.FAILED


def test_settings_that_cannot_be_read_keep_a_message_from_being_sent_again() -> None:
    setup = Setup(RESENDABLE)
    setup.sending.settings.error = Unavailable("no settings")  # type: ignore[attr-defined]  # the fake's own
    assert setup.sending.sender.resend(RESENDABLE).decision == "unavailable"
    assert setup.record == RESENDABLE


def test_what_an_index_still_shows_as_open_though_it_is_final_is_left_alone() -> None:
    setup = Setup(taken(Status.DELIVERED))
    setup.reconcile_state.due = lambda shard, **_: [MESSAGE_ID] if shard == 0 else []  # type: ignore[method-assign]  # it lags
    assert setup.run() == {"settled-meanwhile": 1}
    assert setup.account.requests == []


# -- a second look at failures -----------------------------------------------------------------------------------------


UNREACHABLE = listed(status="undelivered", error_code=30003)
MANY_FAILURES = in_turn(failed, timedelta(seconds=1))


def test_a_correction_with_a_lost_report_is_found_an_hour_later() -> None:
    setup = Setup(failed(), account=Account([listed()]), age=HOUR)
    assert setup.run() == {}
    assert setup.run(HOUR + MINUTE) == {"failure-looked-up": 1}
    setup.drain()
    assert setup.record.state.status is Status.DELIVERED


def test_a_code_with_a_lost_report_is_found_an_hour_later() -> None:
    setup = Setup(failed(code=None), account=Account([UNREACHABLE]), age=HOUR + MINUTE)
    setup.run()
    setup.drain()

    failure = setup.record.state.shown_failure
    assert failure is not None
    assert (failure.code, failure.reason) == ("30003", Reason.UNREACHABLE)


def test_a_failure_is_looked_at_once_and_written_only_where_something_is_new() -> None:
    setup = Setup(failed(), account=Account([UNREACHABLE]), age=HOUR + MINUTE)

    assert setup.run() == {"failure-nothing-new": 1}
    setup.clock.sleep(300)
    assert setup.run() == {}
    assert (setup.queue.bodies, setup.record.version) == ([], 1)


def test_a_price_that_comes_after_the_last_report_is_learnt_once_from_a_known_report() -> None:
    priced = {**UNREACHABLE, "price": "-0.00750", "price_unit": "USD", "num_segments": "1"}
    setup = Setup(failed(), account=Account([priced]), age=HOUR + MINUTE)

    assert setup.run() == {"failure-looked-up": 1}
    setup.drain()
    assert (str(setup.record.price(1)), setup.record.version) == ("0.0075 USD", 1)
    again = Setup(setup.record, account=Account([priced]), age=HOUR + 2 * MINUTE)
    assert again.run() == {"failure-nothing-new": 1}


def test_a_price_keeps_its_digits_in_the_queue() -> None:
    body = b'{"sid": "SM1", "price": 0.10000000000000005, "body": "secret", "num_segments": 1}'
    assert without_text(body) == '{"sid": "SM1", "price": "0.10000000000000005", "num_segments": 1}'


def test_failures_that_are_too_many_for_a_run_are_looked_at_by_the_next_ones_each_once() -> None:
    setup = Setup(*MANY_FAILURES, account=Account([UNREACHABLE]), age=HOUR + MINUTE)
    setup.budget = Budget(seconds=200, lookups=4, rate=5)

    assert setup.run() == {"failure-nothing-new": 4, "failures-left-for-the-next-run": 1}
    assert setup.run() == {"failure-nothing-new": 4, "failures-left-for-the-next-run": 1}
    assert setup.run() == {"failure-nothing-new": 1}


def test_failures_wait_for_a_provider_that_does_not_answer_but_not_for_one_of_them() -> None:
    setup = Setup(*MANY_FAILURES, account=Account(broken=BUSY), age=HOUR + MINUTE)

    assert setup.run() == {"failures-left-for-the-next-run": 1}
    assert setup.run() == {"failure-provider-did-not-answer": 1, "failures-left-for-the-next-run": 1}
    setup.account.broken, setup.account.messages = None, [UNREACHABLE]
    assert setup.run() == {"failure-nothing-new": 8}


def test_a_failure_that_waited_for_longer_than_a_day_is_passed_over() -> None:
    setup = Setup(failed(), account=Account([listed()]), age=26 * HOUR)
    setup.reconcile_state.advance("failures", timestamp(START - HOUR))
    assert setup.run() == {}


@pytest.mark.parametrize(
    ("error", "first", "second"),
    [
        (Unavailable("SendMessage: ServiceUnavailable"), {"failures-left-for-the-next-run": 1}, 9),
        (Rejected("SendMessage: InvalidMessageContents"), {"failure-failed": 9}, 0),
    ],
)
def test_what_our_queue_refuses_for_now_is_looked_at_by_the_next_run(
    error: Exception, first: dict[str, int], second: int
) -> None:
    setup = Setup(*MANY_FAILURES, account=Account([listed()]), age=HOUR + MINUTE)
    setup.queue.fail, setup.queue.error = True, error
    assert setup.run() == first
    assert setup.last.errors == {str(error): max(1, first.get("failure-failed", 0))}
    setup.queue.fail = False

    assert setup.run()["failure-looked-up"] == second


def test_a_failure_that_cannot_be_read_holds_up_no_other() -> None:
    setup = Setup(*MANY_FAILURES, account=Account([listed()]), age=HOUR + MINUTE)
    setup.search.unreadable = {MANY_FAILURES[4].message_id}
    assert setup.run() == {"failure-looked-up": 8, "unreadable": 1}


# -- a provider without look-ups -------------------------------------------------------------------------------------


def of_aws(*statuses: Status, **values: Any) -> Record:
    made = taken(*statuses, **values) if statuses else lost(**values)
    return replace(made, state=replace(made.state, provider="aws"))


def enabled(setup: Setup) -> Setup:
    setup.sending.settings.credentials = {"aws": {"sms_region": "eu-west-1"}}  # type: ignore[attr-defined]  # the fake's own
    return setup


@pytest.mark.parametrize("statuses", [(), (Status.SENDING,)], ids=["answer lost", "sending"])
def test_a_provider_without_look_ups_is_not_called_and_its_open_messages_end_as_unknown(
    statuses: tuple[Status, ...],
) -> None:
    setup = enabled(Setup(of_aws(*statuses)))

    for _ in range(20):
        assert not setup.run().keys() - {"opened", "provider-has-no-look-up", "gave-up-applied"}
        setup.clock.sleep(4 * 3600)

    assert setup.account.requests == []
    assert setup.record.state.status is Status.UNKNOWN
    assert {entry.word for entry in setup.record.reports.values()} >= {"no-final-report"}
    age = datetime.fromisoformat(setup.record.updated_at) - START
    assert timedelta(hours=72) <= age < timedelta(hours=77)


def test_a_lost_send_is_not_made_again_where_it_cannot_be_searched_for() -> None:
    setup = enabled(Setup(of_aws(resend_if_lost=True, body=TEXT)))

    setup.run()
    setup.clock.sleep(2 * 3600)
    setup.run()

    assert (setup.account.requests, setup.record.send.attempt) == ([], 1)


def test_a_failure_of_such_a_provider_is_not_rechecked() -> None:
    setup = enabled(Setup(of_aws(Status.UNDELIVERED, updated_at=NOW), age=2 * 60 * MINUTE))
    assert "failure-looked-up" not in setup.run()
    assert setup.account.requests == []

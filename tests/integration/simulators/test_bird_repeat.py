"""Sends with lost answers against the Bird simulator, with crashes between any two calls: one message in its books."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from local.simulators.bird import SIMULATOR
from local.simulators.bird.idempotency import IdempotencyKeys
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.overdue import Ages
from sms_tracker.domain.record import Record
from sms_tracker.domain.status import Status
from sms_tracker.reconcile.lookup import Budget
from sms_tracker.reconcile.reconcile import Reconciler
from tests.fakes import FakeClock, FixedSettings, MemoryMessages, MemoryQueue, MemoryReconcileState
from tests.integration.simulators.running import Simulator
from tests.setups import POLICY, RULES, UNHEARD, SendSetup
from tests.unit.test_reconcile import LiveSearch

TO = "+31612345600"


class Died(BaseException):
    """The function's end."""


@dataclass
class Wire:
    """The simulator over HTTP; ``faults`` maps the number of a call to what happens to it."""

    url: str
    faults: dict[int, str] = field(default_factory=dict)
    calls: list[HttpRequest] = field(default_factory=list)

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        assert timeout > 0
        self.calls.append(request)
        fault = self.faults.get(len(self.calls), "")
        if fault == "dies before":
            raise Died
        if fault == "lost before":
            return UNHEARD
        answer = self._ask(request)
        if fault == "dies after":
            raise Died
        return UNHEARD if fault == "lost after" else answer

    def _ask(self, request: HttpRequest) -> HttpResponse | NoResponse:
        try:
            with httpx.Client(trust_env=False, verify=False, timeout=0.5) as http:
                answer = http.request(request.method, request.url, headers=request.headers, content=request.body)
        except httpx.ReadTimeout:
            return UNHEARD
        return HttpResponse(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)


@dataclass
class Service:
    """POST /messages and the reconciler, each in memory, at the simulated Bird."""

    platform: Simulator
    faults: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wire = Wire(self.platform.url, self.faults)
        self.clock, self.messages, self.queue = FakeClock(datetime.now(UTC)), MemoryMessages(), MemoryQueue()
        policy = replace(
            POLICY, providers=("bird",), default_provider="bird", senders={"bird": "Acme"}, keeps_text=True
        )
        settings = FixedSettings(credentials={"bird": SIMULATOR.credentials(self.platform.url)})
        self.sending = SendSetup(
            [], messages=self.messages, settings=settings, clock=self.clock, rules=replace(RULES, policy=policy)
        )
        self.sending.sender = replace(self.sending.sender, http=self.wire)
        self.key = str(uuid4())  # a workspace remembers its keys from test to test

    def send(self) -> None:
        self._alive(lambda: self.sending.post(self.key, to=TO, resend_if_lost=True))

    def reconcile(self) -> None:
        sender = self.sending.sender
        reconciler = Reconciler(
            messages=self.messages,
            search=LiveSearch(self.messages),
            state=MemoryReconcileState(self.messages),
            settings=sender.settings,
            http=self.wire,
            queue=self.queue,
            clock=self.clock,
            pace=sender.pace,
            ages=Ages(),
            budget=Budget(seconds=200, lookups=1000, rate=1e9),
            resend=lambda record: sender.resend(record).decision,
        )
        self._alive(reconciler.run)

    @staticmethod
    def _alive(act: Callable[[], object]) -> None:
        try:
            act()
        except Died:
            return

    def live(self) -> None:
        """The first send, then a run of the reconciler every five minutes of the first hour."""
        self.send()
        started = self.clock.now
        for minutes in range(5, 70, 5):
            self.clock.now = max(self.clock.now, started + timedelta(minutes=minutes))
            self.reconcile()

    @property
    def record(self) -> Record:
        (record,) = self.messages.records.values()
        return record

    def books(self) -> list[str]:
        return [entry["id"] for entry in self.platform.ledger()["messages"]]


def check(service: Service) -> None:
    """One message in the provider's books, which is the record's: accepted, or queued as found."""
    (known,) = service.books()
    found = service.record.state.ids.get(1) or next(known for body in service.queue.bodies if known in body)
    assert (service.record.send.attempt, found) == (1, known)
    keys = {call.headers["idempotency-key"] for call in service.wire.calls if call.method == "POST"}
    assert len(keys) == 1


@pytest.mark.parametrize("fault", ["lost before", "lost after", "dies before", "dies after"])
@pytest.mark.parametrize("second", [2, 3, 4, 5])
@pytest.mark.parametrize("again", ["lost before", "lost after", "dies before", "dies after"])
def test_two_lost_answers_or_crashes_at_any_calls_leave_one_message(
    platform: Simulator, fault: str, second: int, again: str
) -> None:
    service = Service(platform, {1: fault, second: again})
    service.live()

    check(service)


@pytest.mark.parametrize(
    "script",
    [
        {"answer": 500, "taken": True},
        {"answer": 500, "times": 1},
        {"answer": 503, "times": 2},
        {"answer": "hang", "taken": True},
        {"answer": "hang", "times": 1},
        {"error": "E01004", "times": 1},
        {"error": "E01005", "times": 1},
    ],
    ids=str,
)
def test_whatever_hides_the_outcome_leaves_one_message(platform: Simulator, script: dict[str, object]) -> None:
    platform.script(TO, script)
    service = Service(platform)
    service.live()

    check(service)


def test_a_refusal_with_a_lost_answer_is_learnt_from_the_first_answer_given_again(platform: Simulator) -> None:
    platform.script(TO, {"error": "E12901"})
    service = Service(platform, {1: "lost after"})
    service.live()

    assert (service.record.state.status, service.books()) == (Status.FAILED, [])


def test_what_is_unknown_for_an_hour_is_never_requested_again(platform: Simulator) -> None:
    platform.script(TO, {"answer": 503})
    service = Service(platform)
    service.live()
    posts = len(service.wire.calls)
    platform.script(TO, None)
    service.clock.now += timedelta(hours=1)
    service.reconcile()

    assert (service.record.state.status, service.books()) == (Status.PENDING, [])
    assert all(call.method == "GET" for call in service.wire.calls[posts:])


def test_the_keys_of_a_workspace_are_forgotten_after_three_hours() -> None:
    start = datetime(2026, 11, 29, tzinfo=UTC)
    clock = FakeClock(start)
    keys = IdempotencyKeys(clock)
    carried_out: list[datetime] = []

    async def act(_: object) -> tuple[Response, None]:
        carried_out.append(clock.now)
        return Response("{}", 202), None

    for age in (timedelta(0), timedelta(hours=2, minutes=59), timedelta(hours=3)):
        clock.now = start + age
        asyncio.run(keys.once(_request("a-key"), act))

    assert carried_out == [start, start + timedelta(hours=3)]


def _request(key: str) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/sms/messages",
        "query_string": b"",
        "headers": [(b"idempotency-key", key.encode()), (b"host", b"bird.example")],
    }
    return Request(scope, receive)

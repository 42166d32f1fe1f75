"""Sends with lost answers against the Bird simulator, with crashes between any two calls: one message in its books."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from local.simulators.bird import SIMULATOR
from local.simulators.bird.idempotency import IdempotencyKeys
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.record import Record
from sms_tracker.domain.status import Status
from tests.fakes import FakeClock
from tests.integration.simulators.running import TO, Simulator
from tests.integration.simulators.service import Service
from tests.setups import UNHEARD


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
class Life:
    """A service at the simulated Bird, and one message of it."""

    platform: Simulator
    faults: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wire = Wire(self.platform.url, self.faults)
        credentials = SIMULATOR.credentials(self.platform.url)
        self.service = Service("prod", "bird", credentials, "https://sms.example.com", http=self.wire)
        self.key = str(uuid4())  # a workspace remembers its keys from test to test

    def live(self) -> None:
        """The first send, then a run of the reconciler every five minutes of the first hour."""
        clock = self.service.clock
        with suppress(Died):
            self.service.sending.post(self.key, to=TO, resend_if_lost=True)
        started = clock.now
        for minutes in range(5, 70, 5):
            clock.now = max(clock.now, started + timedelta(minutes=minutes))
            with suppress(Died):
                self.service.reconcile()

    @property
    def record(self) -> Record:
        (record,) = self.service.messages.records.values()
        return record

    def books(self) -> list[str]:
        return [entry["id"] for entry in self.platform.ledger()["messages"]]

    def check(self) -> None:
        """One message in the provider's books, which is the record's."""
        assert (self.record.send.attempt, [self.record.state.ids.get(1)]) == (1, self.books())
        assert len({call.headers["idempotency-key"] for call in self.wire.calls if call.method == "POST"}) == 1


FAULTS = ("lost before", "lost after", "dies before", "dies after")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("second", [2, 3, 4, 5])
@pytest.mark.parametrize("again", FAULTS)
def test_two_lost_answers_or_crashes_at_any_calls_leave_one_message(
    platform: Simulator, fault: str, second: int, again: str
) -> None:
    life = Life(platform, {1: fault, second: again})
    life.live()

    life.check()


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
    life = Life(platform)
    life.live()

    life.check()


def test_a_refusal_with_a_lost_answer_is_learnt_from_the_first_answer_given_again(platform: Simulator) -> None:
    platform.script(TO, {"error": "E12901"})
    life = Life(platform, {1: "lost after"})
    life.live()

    assert (life.record.state.status, life.books()) == (Status.FAILED, [])


def test_what_is_unknown_for_an_hour_is_never_requested_again(platform: Simulator) -> None:
    platform.script(TO, {"answer": 503})
    life = Life(platform)
    life.live()
    posts = len(life.wire.calls)
    platform.script(TO, None)
    life.service.clock.now += timedelta(hours=1)
    life.service.reconcile()

    assert (life.record.state.status, life.books()) == (Status.PENDING, [])
    assert all(call.method == "GET" for call in life.wire.calls[posts:])


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

"""Handing over: only what was certainly not processed is tried again, at random times, within the budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_tracker import providers
from sms_tracker.domain.http import HttpRequest, NoResponse
from sms_tracker.domain.outbound import Accepted, NotProcessed, OutcomeUnknown, Refused, SendOutcome
from sms_tracker.domain.ports import Pace
from sms_tracker.services.provider_call import BUDGET, call_provider
from tests.fakes import Answer, FakeClock, ignore_failed_call
from tests.setups import OPTED_OUT, TAKEN, UNHEARD, UNREACHED, WRONG_TOKEN, answer

REQUEST = HttpRequest("POST", "https://api.twilio.com/")


@dataclass
class Line:
    """A line to a provider on which each call takes ``takes`` seconds; keeps when each began and its time-out."""

    answers: list[Answer]
    takes: float = 0.0
    clock: FakeClock = field(default_factory=FakeClock)
    began: list[float] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def __call__(self, request: HttpRequest, *, timeout: float) -> Answer:
        assert request is REQUEST
        self.began.append(self.clock.monotonic())
        self.timeouts.append(timeout)
        self.clock.now += timedelta(seconds=min(self.takes, timeout))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def outcome(self, fraction: float = 0.5) -> SendOutcome:
        pace = Pace(monotonic=self.clock.monotonic, sleep=self.clock.sleep, fraction=lambda: fraction)
        return call_provider(
            providers.load("twilio"),
            REQUEST,
            http=self,
            pace=pace,
            end=self.clock.monotonic() + BUDGET,
            failed=ignore_failed_call,
        )


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (TAKEN, Accepted),
        *((refused, Refused) for refused in (OPTED_OUT, WRONG_TOKEN)),
        *((unknown, OutcomeUnknown) for unknown in (UNHEARD, answer(500), answer(503), answer(201), answer(302))),
        (answer(429, {"code": 63038}), NotProcessed),
    ],
)
def test_anything_else_is_final_at_once(result: Answer, kind: type[SendOutcome]) -> None:
    line = Line([result, TAKEN])
    assert isinstance(line.outcome(), kind)
    assert len(line.began) == 1


@pytest.mark.parametrize("first", [UNREACHED, answer(429), answer(400, {"code": 21611})])
@pytest.mark.parametrize(("second", "kind"), [(TAKEN, Accepted), (UNHEARD, OutcomeUnknown), (OPTED_OUT, Refused)])
def test_what_was_not_processed_is_tried_again_until_something_else_comes(
    first: Answer, second: Answer, kind: type[SendOutcome]
) -> None:
    line = Line([first, first, second, TAKEN])
    assert isinstance(line.outcome(), kind)
    assert len(line.began) == 3


def test_the_pause_grows_to_its_cap_and_is_jittered_in_full() -> None:
    for fraction, pauses in ((1.0, [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]), (0.25, [0.125, 0.25, 0.5, 1.0, 1.0, 1.0])):
        line = Line([UNREACHED])
        line.outcome(fraction)
        pairs = zip(line.began, line.began[1:], strict=False)
        assert [round(later - earlier, 6) for earlier, later in pairs][: len(pauses)] == pauses


@pytest.mark.parametrize(("retry_after", "second"), [("7", 7.0), ("0", 0.5)], ids=["longer", "than the back-off"])
def test_retry_after_is_waited_for_and_never_shortens_the_back_off(retry_after: str, second: float) -> None:
    line = Line([answer(429, retry_after=retry_after), TAKEN])
    assert isinstance(line.outcome(1.0), Accepted)
    assert line.began == [0.0, second]


def test_a_retry_after_beyond_the_budget_is_not_waited_for() -> None:
    line = Line([answer(429, retry_after="30"), TAKEN])
    outcome = line.outcome()
    assert isinstance(outcome, NotProcessed)
    assert outcome.retry_after == 30
    assert line.clock.monotonic() == 0.0


def test_a_try_may_take_ten_seconds_and_never_more_than_is_left() -> None:
    line = Line([NoResponse(written=False, reason="ConnectTimeout")], takes=60.0)
    assert isinstance(line.outcome(1.0), NotProcessed)
    assert line.timeouts == [10.0, 9.5]
    assert line.clock.monotonic() == BUDGET


def test_without_time_left_the_provider_is_not_asked() -> None:
    line = Line([TAKEN])
    pace = Pace(monotonic=line.clock.monotonic, sleep=line.clock.sleep, fraction=lambda: 1.0)
    outcome = call_provider(providers.load("twilio"), REQUEST, http=line, pace=pace, end=0.5, failed=ignore_failed_call)
    assert isinstance(outcome, NotProcessed)
    assert line.began == []


@given(takes=st.floats(0.1, 30), fraction=st.floats(0, 1), retry_after=st.integers(0, 25))
@settings(deadline=None)  # of many tries on a busy machine
def test_whatever_comes_it_ends_within_the_budget(takes: float, fraction: float, retry_after: int) -> None:
    line = Line([answer(429, retry_after=str(retry_after))], takes=takes)
    assert isinstance(line.outcome(fraction), NotProcessed)
    assert line.clock.monotonic() <= BUDGET
    assert min(line.timeouts) >= 1.0

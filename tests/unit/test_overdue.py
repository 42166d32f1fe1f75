"""The next step of an open message by age, and when it is checked again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sms_tracker.domain.overdue import Ages, Step, due, lookup_target, may_resend, step, validity_left
from sms_tracker.domain.record import Record, Send, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.state import fold, initial_state
from sms_tracker.domain.status import Status
from tests.factories import NOW, record, report
from tests.fakes import START

AGES = Ages()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SID = "SM" + "1" * 32


def after(age: timedelta) -> datetime:
    return START + age


def named_record(*statuses: Status, **values: Any) -> Record:
    made = record(**values)
    return replace(made, state=fold([report(status) for status in statuses], base=made.state))


def sent(phase: SendPhase, attempt: int = 1, **values: Any) -> dict[str, Any]:
    send = Send(phase=phase, attempt=attempt, token="a", until=int(START.timestamp()) + 33)
    return {"send": send, "state": initial_state(attempt=attempt, at=NOW, provider="twilio"), **values}


LOST, RELEASED = record(), record(**sent(SendPhase.RELEASED))
TAKEN = named_record(Status.SENT)


@pytest.mark.parametrize("status", [status for status in Status if status.final])
def test_a_final_message_needs_nothing(status: Status) -> None:
    assert step(named_record(status), now=after(4 * DAY), ages=AGES) is Step.NOTHING


@pytest.mark.parametrize(
    ("message", "steps"),
    [
        (TAKEN, [(9, Step.WAIT), (10, Step.LOOK_UP), (71 * 60, Step.LOOK_UP), (72 * 60, Step.GIVE_UP)]),
        (LOST, [(9, Step.WAIT), (10, Step.SEARCH), (72 * 60, Step.GIVE_UP)]),
        (RELEASED, [(14, Step.WAIT), (15, Step.NOT_SENT), (80 * 60, Step.NOT_SENT)]),
    ],
    ids=["taken", "lost", "released"],
)
def test_its_age_and_what_is_known_decide(message: Record, steps: list[tuple[int, Step]]) -> None:
    assert [(age, step(message, now=after(age * MINUTE), ages=AGES)) for age, _ in steps] == steps


def test_a_send_under_way_is_waited_for_however_short_the_first_age() -> None:
    ages = Ages(first=timedelta(seconds=1))
    assert step(LOST, now=after(timedelta(seconds=32)), ages=ages) is Step.WAIT
    assert due(LOST, now=after(timedelta(seconds=2)), ages=ages) == timestamp(after(timedelta(seconds=33)))
    assert step(LOST, now=after(timedelta(seconds=33)), ages=ages) is Step.SEARCH


def test_a_later_attempt_is_waited_for_from_its_own_beginning() -> None:
    again = record(**sent(SendPhase.CLAIMED, 2))
    again = replace(again, state=replace(again.state, at=timestamp(after(HOUR))))
    assert step(again, now=after(HOUR + 9 * MINUTE), ages=AGES) is Step.WAIT
    assert due(again, now=after(HOUR), ages=AGES) == timestamp(after(HOUR + 10 * MINUTE))
    assert step(again, now=after(HOUR + 10 * MINUTE), ages=AGES) is Step.SEARCH


def test_a_released_send_is_counted_from_its_release() -> None:
    late = replace(RELEASED, updated_at=timestamp(after(HOUR)))
    assert step(late, now=after(HOUR + 14 * MINUTE), ages=AGES) is Step.WAIT
    assert due(late, now=after(HOUR), ages=AGES) == timestamp(after(HOUR + 15 * MINUTE))


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_released_send_that_its_provider_names_all_the_same_was_taken(attempt: int) -> None:
    contradicted = named_record(Status.SENT, **sent(SendPhase.RELEASED, attempt))
    assert step(contradicted, now=after(HOUR), ages=AGES) is Step.LOOK_UP
    assert lookup_target(contradicted) == (1, SID)


def test_a_released_second_attempt_does_not_prove_that_a_lost_first_one_was_not_sent() -> None:
    lost_before = record(**sent(SendPhase.RELEASED, 2, resend_if_lost=True))
    assert step(lost_before, now=after(HOUR), ages=AGES) is Step.SEARCH
    assert step(lost_before, now=after(72 * HOUR), ages=AGES) is Step.GIVE_UP
    assert step(record(**sent(SendPhase.RELEASED, 2)), now=after(HOUR), ages=AGES) is Step.NOT_SENT


def test_an_earlier_attempts_name_is_not_the_present_ones() -> None:
    again = named_record(Status.SENT, **sent(SendPhase.CLAIMED, 2))
    assert lookup_target(again) is None
    assert step(again, now=after(HOUR), ages=AGES) is Step.SEARCH


def test_it_is_looked_at_less_and_less_often() -> None:
    ages = {
        timedelta(minutes=10): 1,
        HOUR: 6,
        6 * HOUR: 30,
        30 * HOUR: 54,
        54 * HOUR: 72,
        72 * HOUR: 96,
        90 * HOUR: 114,
    }
    assert {age: due(TAKEN, now=after(age), ages=AGES) for age in ages} == {
        age: timestamp(after(hours * HOUR)) for age, hours in ages.items()
    }


@pytest.mark.parametrize("unknown", [timedelta(seconds=60), HOUR])
def test_it_is_given_up_in_time_however_early_that_is(unknown: timedelta) -> None:
    ages = Ages(first=timedelta(seconds=1), unknown=unknown)
    assert due(TAKEN, now=after(timedelta(seconds=2)), ages=ages) == timestamp(after(unknown))


RESENDABLE = record(resend_if_lost=True, body="Hello")


def again(message: Record = RESENDABLE, **values: Any) -> Record:
    """The message with its send's values changed."""
    return replace(message, send=replace(message.send, **values))


@pytest.mark.parametrize(
    ("message", "allowed"),
    [
        (RESENDABLE, True),
        (replace(RESENDABLE, resend_if_lost=False), False),
        (replace(RESENDABLE, body=None), False),
        (again(attempt=2), True),
        (again(attempt=3), False),
        (again(phase=SendPhase.ANSWERED), False),
    ],
    ids=["allowed", "not allowed", "no text", "twice", "three times", "answered"],
)
def test_a_message_is_sent_again_up_to_three_times_if_its_client_allows_it(message: Record, *, allowed: bool) -> None:
    assert may_resend(message, now=after(HOUR)) is allowed


def test_a_message_that_is_no_longer_valid_is_not_handed_over_again() -> None:
    hour = replace(RESENDABLE, validity_seconds=3600)
    assert validity_left(RESENDABLE, now=after(HOUR)) is None
    assert validity_left(hour, now=after(59 * MINUTE)) == 60
    assert may_resend(hour, now=after(59 * MINUTE))
    assert not may_resend(hour, now=after(HOUR))


def repeatable(**values: Any) -> Record:
    return again(request="a-hash", **values)


def may_repeat(message: Record, age: timedelta) -> bool:
    return may_resend(message, now=after(age), repeatable=3600)


def test_a_request_is_repeated_within_the_time_of_its_key_and_the_messages_validity_however_often_it_was_tried() -> (
    None
):
    assert may_repeat(repeatable(attempt=7), HOUR - MINUTE)
    assert not may_repeat(repeatable(), HOUR)
    short = replace(repeatable(), validity_seconds=1200)
    assert may_repeat(short, 19 * MINUTE)
    assert not may_repeat(short, 20 * MINUTE)


@pytest.mark.parametrize(
    "message",
    [
        RESENDABLE,
        replace(repeatable(), resend_if_lost=False),
        replace(repeatable(), body=None),
        repeatable(phase=SendPhase.ANSWERED),
        repeatable(phase=SendPhase.RELEASED),
    ],
    ids=["its request is not known", "not asked for", "no text", "answered", "its client may take it over"],
)
def test_no_other_request_is_repeated(message: Record) -> None:
    assert not may_repeat(message, 11 * MINUTE)

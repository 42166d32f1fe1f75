from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sms_tracker.domain.record import MAX_REPORTS, Change, Entry, Guard, Record, SendPhase
from sms_tracker.domain.report import Report
from sms_tracker.domain.state import State, fold
from sms_tracker.domain.status import Status
from sms_tracker.domain.transition import Next, first_try, next_try
from tests.factories import NOW, TO, record, report

LATER = "2026-01-31T12:01:00.000Z"
EARLIER = "2026-01-31T11:59:00.000Z"
OTHER = "+4915112345678"


def holding(*reports: Report, **values: Any) -> Record:
    """A record to which these were written."""
    entries = {
        each.fingerprint: Entry(word=each.word, received=each.received, attempt=each.attempt, source=str(each.source))
        for each in reports
    }
    state = fold(reports, base=record().state)
    return record(**{"state": state, "version": 1 + len(reports), "reports": entries, **values})


def change_of(seen: Record, *reports: Report, now: str = NOW) -> Change:
    change = next_try(seen, reports, now=now).change
    assert change is not None
    return change


def state_of(change: Change) -> State:
    assert change.state is not None
    return change.state


def many(count: int) -> list[Report]:
    return [report(Status.SENT, occurred=f"2026-01-31T12:00:{second:02d}.000Z") for second in range(count)]


def test_reports_that_move_something_are_first_tried_under_the_condition_that_they_do() -> None:
    sent, delivered = report(Status.SENT), report(Status.DELIVERED)
    change = first_try([sent, delivered], now=NOW, phase=SendPhase.ANSWERED)

    assert (change.guard, change.added, change.phase) == (Guard.FIRST, (sent, delivered), SendPhase.ANSWERED)
    assert change.state is not None
    assert (change.state.status, change.state.at) == (Status.DELIVERED, NOW)
    assert (change.version, change.foreign, change.now) == (None, frozenset(), NOW)


def test_reports_that_move_nothing_need_no_condition_on_the_state() -> None:
    inbound = report(None, word="received")
    assert first_try([inbound], now=NOW) == Change(guard=Guard.LATE, added=(inbound,), now=NOW)


def test_one_claim_delivered_twice_in_a_batch_is_added_once_and_tells_the_earlier_time() -> None:
    change = first_try([report(received=LATER), report(received=NOW)], now=NOW)
    assert [added.received for added in change.added] == [LATER]
    assert state_of(change).at == NOW


def test_more_reports_than_a_timeline_holds_first_ask_for_the_record_and_write_nothing() -> None:
    assert first_try(many(MAX_REPORTS), now=NOW).guard is Guard.FIRST
    change = first_try(many(MAX_REPORTS + 1), now=NOW)
    assert (change.guard, change.version, change.added) == (Guard.SEEN, 0, ())


def test_what_is_in_the_record_already_needs_no_write() -> None:
    sent = report(Status.SENT)
    assert next_try(holding(sent), [sent], now=NOW) == Next(change=None)


def test_a_late_report_only_lengthens_the_timeline() -> None:
    delivered, sent = report(Status.DELIVERED), report(Status.SENT)
    following = next_try(holding(delivered), [delivered, sent], now=NOW)
    assert following == Next(change=Change(guard=Guard.LATE, added=(sent,), now=NOW))


def test_what_moves_the_record_is_computed_from_it_and_written_under_its_version() -> None:
    undelivered, delivered = report(Status.UNDELIVERED), report(Status.DELIVERED)
    seen = holding(report(Status.SENT), undelivered)
    change = change_of(seen, undelivered, delivered, now=LATER)

    assert (change.guard, change.version, change.added) == (Guard.SEEN, 3, (delivered,))
    assert (change.state, change.now) == (fold([delivered], base=seen.state), LATER)
    assert state_of(change).failure is not None


def test_a_known_claim_that_turns_out_to_be_older_moves_the_time_alone() -> None:
    change = change_of(holding(report(received=LATER)), report(received=EARLIER))
    assert (change.guard, change.added, state_of(change).at) == (Guard.SEEN, (), EARLIER)


def test_a_report_about_another_recipient_is_kept_and_marked_and_moves_nothing() -> None:
    foreign = report(Status.DELIVERED, recipient=OTHER)
    following = next_try(holding(), [foreign], now=NOW)

    marked = frozenset({foreign.fingerprint})
    change = Change(guard=Guard.LATE, added=(foreign,), foreign=marked, now=NOW)
    assert following == Next(change=change, foreign=marked)


@pytest.mark.parametrize(
    ("sent_to", "reported"),
    [("+525512345678", "+5215512345678"), ("+5491123456789", "+541123456789"), ("", TO)],
    ids=["of Mexico", "of Argentina", "forgotten"],
)
def test_a_recipient_forgotten_or_in_its_countrys_other_spelling_is_the_records(sent_to: str, reported: str) -> None:
    # Found in chatwoot/chatwoot#14926, google/libphonenumber#2693
    seen = holding(report(Status.UNDELIVERED), to=sent_to)
    change = change_of(seen, report(Status.DELIVERED, recipient=reported))
    assert (change.guard, change.foreign) == (Guard.SEEN, frozenset())


def test_a_report_about_the_records_recipient_counts_beside_one_about_another() -> None:
    foreign, sent = report(Status.DELIVERED, recipient=OTHER), report(Status.SENT, recipient=TO)
    change = change_of(holding(), foreign, sent)

    assert (change.guard, change.added, change.foreign) == (
        Guard.SEEN,
        (foreign, sent),
        frozenset({foreign.fingerprint}),
    )
    assert state_of(change).status is Status.SENT


def test_a_claim_first_seen_about_another_recipient_still_counts_about_ours() -> None:
    seen = holding(report(Status.SENT), state=record().state)  # its entry is there and moved nothing
    change = change_of(seen, report(Status.SENT, recipient=TO))
    assert (change.guard, change.added) == (Guard.SEEN, ())


def test_reports_beyond_the_timelines_room_are_applied_and_handed_back() -> None:
    sending, delivered = report(Status.SENDING), report(Status.DELIVERED)
    following = next_try(holding(*many(MAX_REPORTS - 1)), [sending, delivered], now=NOW)

    assert following.overflow == (delivered,)
    assert following.change is not None
    assert following.change.added == (sending,)
    assert state_of(following.change).status is Status.DELIVERED


def test_a_full_timeline_and_nothing_new_to_say_is_no_write() -> None:
    sending = report(Status.SENDING)
    assert next_try(holding(*many(MAX_REPORTS)), [sending], now=NOW) == Next(change=None, overflow=(sending,))


def test_an_answer_that_was_reported_already_still_ends_the_sending() -> None:
    sent = report(Status.SENT)
    following = next_try(holding(sent), [sent], now=NOW, phase=SendPhase.ANSWERED)
    assert following == Next(change=Change(guard=Guard.LATE, added=(), now=NOW, phase=SendPhase.ANSWERED))


def test_an_answer_whose_reply_was_lost_is_found_written() -> None:
    sent, delivered = report(Status.SENT), report(Status.DELIVERED)
    answered = holding(sent, send=replace(record().send, phase=SendPhase.ANSWERED))

    assert next_try(answered, [sent], now=NOW, phase=SendPhase.ANSWERED) == Next(change=None)
    state = fold([delivered], base=answered.state)
    assert next_try(answered, [delivered], now=NOW, phase=SendPhase.ANSWERED).change == Change(
        guard=Guard.SEEN, state=state, added=(delivered,), now=NOW, version=2
    )

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.ports import NotWritten, Written
from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, SendPhase
from sms_tracker.domain.report import Report
from sms_tracker.domain.status import Status
from sms_tracker.services.track import track
from tests.factories import MESSAGE_ID, NOW, TO, record, report
from tests.fakes import MemoryMessages

OTHER = "+4915112345678"
FIRST_ID, SECOND_ID = "SM" + "1" * 32, "SM" + "2" * 32


@dataclass
class Watched(MemoryMessages):
    """Counts all writes, including refused ones, and the uses of each guard."""

    tried: list[Guard] = field(default_factory=list)
    refuse: int = 0

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        self.tried.append(change.guard)
        if self.refuse:
            self.refuse -= 1
            return NotWritten(self.records[message_id])
        return super().change(message_id, change)


def holding(*reports: Report) -> Watched:
    messages = Watched({MESSAGE_ID: record()})
    for each in reports:
        track(messages, MESSAGE_ID, [each], now=NOW)
    messages.tried.clear()
    return messages


def status_of(messages: MemoryMessages) -> Status:
    return messages.records[MESSAGE_ID].state.status


def many(count: int, status: Status = Status.SENT) -> list[Report]:
    return [report(status, occurred=f"2026-01-31T12:00:{second:02d}.000Z") for second in range(count)]


@pytest.mark.parametrize(
    ("known", "reports", "status", "version"),
    [
        ([report(Status.ACCEPTED)], [report(Status.SENT)], Status.SENT, 3),
        ([], [report(Status.DELIVERED), report(Status.SENT)], Status.DELIVERED, 2),
        ([report(Status.UNDELIVERED, code="30003")], [report(Status.DELIVERED)], Status.DELIVERED, 3),
        ([], [report(Status.DELIVERED, recipient=TO)], Status.DELIVERED, 2),
    ],
    ids=["in order", "a batch", "a correction", "about our recipient"],
)
def test_reports_cost_one_write_together(
    known: list[Report], reports: list[Report], status: Status, version: int
) -> None:
    messages = holding(*known)
    tracked = track(messages, MESSAGE_ID, reports, now=NOW)

    assert (tracked.decision, messages.tried, status_of(messages)) == ("applied", [Guard.FIRST], status)
    assert messages.records[MESSAGE_ID].version == version
    assert len(messages.records[MESSAGE_ID].reports) == len(known) + len(reports)


def test_a_report_that_moves_nothing_is_noted() -> None:
    messages = holding()
    tracked = track(messages, MESSAGE_ID, [report(None, word="strange", recognised=False)], now=NOW)
    assert (tracked.decision, messages.tried, status_of(messages)) == ("noted", [Guard.LATE], Status.PENDING)
    assert messages.records[MESSAGE_ID].version == 1


def test_late_sent_does_not_undo_delivered() -> None:
    messages = holding(report(Status.DELIVERED))
    tracked = track(messages, MESSAGE_ID, [report(Status.SENT)], now=NOW)

    assert (tracked.decision, messages.tried) == ("noted", [Guard.FIRST, Guard.LATE])
    assert (status_of(messages), messages.records[MESSAGE_ID].version) == (Status.DELIVERED, 2)
    assert {entry.word for entry in messages.records[MESSAGE_ID].reports.values()} == {"delivered", "sent"}


def test_a_report_that_comes_again_changes_nothing() -> None:
    messages = holding(report(Status.SENT))
    before = messages.records[MESSAGE_ID]
    tracked = track(messages, MESSAGE_ID, [report(Status.SENT)], now="2026-03-01T12:00:00.000Z")

    assert (tracked.decision, messages.tried, messages.records[MESSAGE_ID]) == ("duplicate", [Guard.FIRST], before)
    assert tracked.record == before


def test_a_late_failure_without_a_code_does_not_erase_the_reason() -> None:
    messages = holding(report(Status.FAILED, code="30003"))
    tracked = track(messages, MESSAGE_ID, [report(Status.UNDELIVERED)], now=NOW)

    failure = messages.records[MESSAGE_ID].state.shown_failure
    assert (tracked.decision, messages.tried) == ("applied", [Guard.FIRST, Guard.SEEN])
    assert (status_of(messages), failure and failure.code) == (Status.UNDELIVERED, "30003")


def test_a_report_for_no_message_is_unmatched_after_one_write() -> None:
    messages = Watched()
    tracked = track(messages, MESSAGE_ID, [report(Status.SENT)], now=NOW)
    assert (tracked.decision, tracked.record, messages.tried) == ("unmatched", None, [Guard.FIRST])
    assert messages.records == {}


def test_a_second_provider_id_is_stored_and_told_of_once() -> None:
    first, sent = (report(Status.SENT, provider_message_id=known) for known in (FIRST_ID, SECOND_ID))
    messages = holding(report(Status.ACCEPTED, provider_message_id=FIRST_ID))

    assert track(messages, MESSAGE_ID, [sent], now=NOW).other_ids == {(1, SECOND_ID)}
    assert messages.records[MESSAGE_ID].state.other_ids == {(1, SECOND_ID)}
    delivered = report(Status.DELIVERED, provider_message_id=SECOND_ID)
    assert track(messages, MESSAGE_ID, [delivered], now=NOW).other_ids == frozenset()
    assert track(holding(), MESSAGE_ID, [sent, first], now=NOW).other_ids == {(1, SECOND_ID)}


def test_a_report_about_another_recipient_is_kept_and_moves_nothing() -> None:
    messages, foreign = holding(), report(Status.DELIVERED, recipient=OTHER)
    tracked = track(messages, MESSAGE_ID, [foreign], now=NOW)

    assert (tracked.decision, tracked.foreign) == ("noted", frozenset({foreign.fingerprint}))
    assert status_of(messages) is Status.PENDING
    assert messages.records[MESSAGE_ID].reports[foreign.fingerprint].foreign

    again = track(messages, MESSAGE_ID, [foreign], now=NOW)
    assert (again.decision, again.foreign) == ("duplicate", frozenset({foreign.fingerprint}))


def test_beyond_a_full_timeline_the_join_still_applies() -> None:
    messages, delivered = holding(*many(MAX_REPORTS)), report(Status.DELIVERED)
    tracked = track(messages, MESSAGE_ID, [delivered], now=NOW)
    assert (tracked.decision, tracked.overflow) == ("applied", (delivered,))
    assert (status_of(messages), len(messages.records[MESSAGE_ID].reports)) == (Status.DELIVERED, MAX_REPORTS)


def test_a_batch_larger_than_a_timeline_is_applied_whole_in_two_writes() -> None:
    messages, reports = holding(), [*many(50), report(Status.DELIVERED)]
    tracked = track(messages, MESSAGE_ID, reports, now=NOW)
    assert (tracked.decision, messages.tried, status_of(messages)) == ("applied", 2 * [Guard.SEEN], Status.DELIVERED)
    assert len(messages.records[MESSAGE_ID].reports) + len(tracked.overflow) == 51


def test_the_providers_answer_ends_the_sending_even_when_a_callback_was_faster() -> None:
    messages = holding(report(Status.DELIVERED))
    tracked = track(messages, MESSAGE_ID, [report(Status.ACCEPTED)], now=NOW, phase=SendPhase.ANSWERED)
    assert tracked.decision == "noted"
    assert (status_of(messages), messages.records[MESSAGE_ID].send.phase) == (Status.DELIVERED, SendPhase.ANSWERED)


def test_losing_a_few_races_is_made_up_for_and_after_every_one_the_queue_brings_it_again() -> None:
    messages = holding()
    messages.refuse = 8
    with pytest.raises(Unavailable):
        track(messages, MESSAGE_ID, [report(Status.SENT)], now=NOW)
    assert status_of(messages) is Status.PENDING
    messages.refuse = 7

    assert track(messages, MESSAGE_ID, [report(Status.SENT)], now=NOW).decision == "applied"
    assert len(messages.tried) == 16

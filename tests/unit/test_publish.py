"""The publisher on fakes: which changes become events, what they say, and that the bus has each."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sms_tracker.domain.errors import Rejected, SmsTrackerError, Unavailable
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.ports import BusEvent, StreamChange
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.domain.state import RankedFailure, State
from sms_tracker.domain.status import CORRECTIONS, Outcome, Status
from sms_tracker.log import Line
from sms_tracker.services.publish import Published, Publisher, PublishPolicy, measure, status_changed
from sms_tracker.services.timeline import unconfirmed
from tests import factories
from tests.factories import MESSAGE_ID, NOW, cost
from tests.fakes import START, MemoryBus, MemoryQueue
from tests.setups import SID

BAD = frozenset(str(status) for status in Status if status.outcome in (Outcome.FAILURE, Outcome.UNKNOWN))
DEFAULT = PublishPolicy(statuses=BAD | {CORRECTIONS}, personal_data=False)
LATER = "2026-01-31T12:00:05.000Z"


def state(status: Status, *, code: str | None = None, attempt: int = 1) -> State:
    failure = None
    if status.outcome is Outcome.FAILURE:
        told = Failure(category=Category.TEMPORARY, reason=Reason.UNREACHABLE, code=code, message="Unreachable")
        failure = RankedFailure(failure=told, order=1)
    return State(status=status, attempt=attempt, at=LATER, provider="twilio", ids={1: SID}, failure=failure)


def change(before: State, after: State, *, sequence: str = "1", **values: Any) -> StreamChange:
    old = factories.record(state=before, version=4, **values)
    new = replace(old, state=after, version=5, updated_at=LATER)
    return StreamChange(sequence=sequence, raw={"eventID": sequence}, old=old, new=new)


def published(before: State, after: State, policy: PublishPolicy = DEFAULT) -> dict[str, Any] | None:
    moved = change(before, after)
    assert moved.old is not None
    assert moved.new is not None
    made = status_changed(moved.old, moved.new, policy)
    return None if made is None else json.loads(made.detail())


class TestWhichChanges:
    @pytest.mark.parametrize("status", list(Status))
    def test_a_change_into_a_published_status_is_an_event_and_into_another_is_none(self, status: Status) -> None:
        made = published(state(Status.ACCEPTED), state(status))
        assert (made is not None) == (status in BAD)

    @pytest.mark.parametrize("status", list(Status))
    def test_what_is_published_is_the_deployments_choice(self, status: Status) -> None:
        before = Status.SENT if status is not Status.SENT else Status.ACCEPTED
        made = published(state(before), state(status), PublishPolicy(statuses=frozenset({status}), personal_data=False))
        assert made is not None
        assert (made["status"], made["previous_status"]) == (status, before)
        assert (made["final"], made["outcome"]) == (status.final, status.outcome)

    @pytest.mark.parametrize("status", list(Status))
    def test_the_same_status_again_is_no_event(self, status: Status) -> None:
        policy = PublishPolicy(statuses=frozenset(Status), personal_data=False)
        assert published(state(status, code="1"), state(status, code="1"), policy) is None

    @pytest.mark.parametrize("success", [Status.DELIVERED, Status.READ])
    @pytest.mark.parametrize("wrong", [Status(status) for status in sorted(BAD)])
    def test_a_success_after_a_failure_or_after_giving_up_is_a_correction(self, wrong: Status, success: Status) -> None:
        made = published(state(wrong, code="30003"), state(success))
        assert made is not None
        assert (made["corrects"], made["previous_status"], made["failure"]) == (wrong, wrong, None)

    def test_a_success_after_anything_else_corrects_nothing(self) -> None:
        policy = PublishPolicy(statuses=frozenset({"delivered", CORRECTIONS}), personal_data=False)
        made = published(state(Status.SENT), state(Status.DELIVERED), policy)
        assert made is not None
        assert made["corrects"] is None

    def test_corrections_can_be_left_out(self) -> None:
        assert (
            published(state(Status.FAILED), state(Status.DELIVERED), PublishPolicy(statuses=BAD, personal_data=False))
            is None
        )

    def test_a_failure_that_learns_its_code_is_told_once_more(self) -> None:
        made = published(state(Status.UNDELIVERED), state(Status.UNDELIVERED, code="30003"))
        assert made is not None
        assert (made["status"], made["previous_status"]) == ("undelivered", "undelivered")
        assert made["failure"]["code"] == "30003"

    def test_a_failure_that_was_not_published_does_not_tell_its_code(self) -> None:
        policy = PublishPolicy(statuses=frozenset({"failed"}), personal_data=False)
        assert published(state(Status.UNDELIVERED), state(Status.UNDELIVERED, code="30003"), policy) is None

    def test_another_code_or_none_is_no_event(self) -> None:
        for code in ("30005", None):
            assert published(state(Status.FAILED, code="30003"), state(Status.FAILED, code=code)) is None

    def test_a_failure_that_turns_into_another_is_an_event(self) -> None:
        made = published(state(Status.FAILED, code="1"), state(Status.UNDELIVERED, code="30003"))
        assert made is not None
        assert (made["previous_status"], made["corrects"]) == ("failed", None)


class TestWhatAnEventSays:
    def test_it_says_what_the_contract_names_and_no_more(self) -> None:
        assert published(state(Status.SENT), state(Status.UNDELIVERED, code="30003")) == {
            "schema": 1,
            "message_id": MESSAGE_ID,
            "version": 5,
            "client": "shop",
            "reference": "order-42",
            "provider": "twilio",
            "provider_message_id": SID,
            "attempt": 1,
            "status": "undelivered",
            "previous_status": "sent",
            "final": True,
            "outcome": "failure",
            "corrects": None,
            "failure": {
                "category": "temporary",
                "reason": "unreachable",
                "code": "30003",
                "message": "Unreachable",
                "retryable": True,
                "meaning": "The handset was off or out of reach. Send again later.",
                "retry_advice": "sending again may help",
            },
            "segments": 1,
            "created_at": NOW,
            "updated_at": LATER,
            "status_at": LATER,
        }

    def test_numbers_and_text_are_in_it_only_where_the_deployment_says_so(self) -> None:
        moved = change(state(Status.SENT), state(Status.FAILED), body="Your parcel is here")
        assert moved.old is not None
        assert moved.new is not None
        for personal, expected in ((True, {"to", "from", "body"}), (False, set())):
            made = status_changed(moved.old, moved.new, replace(DEFAULT, personal_data=personal))
            assert made is not None
            detail = json.loads(made.detail())
            assert {"to", "from", "body"} & detail.keys() == expected
            assert ("+31612345678" in made.detail()) is personal

    def test_a_text_that_is_not_stored_is_absent_and_not_null(self) -> None:
        made = published(state(Status.SENT), state(Status.FAILED), replace(DEFAULT, personal_data=True))
        assert made is not None
        assert "body" not in made

    def test_a_failure_that_a_success_outranked_is_not_shown(self) -> None:
        corrected = replace(state(Status.DELIVERED), failure=state(Status.FAILED, code="1").failure)
        made = published(state(Status.FAILED, code="1"), corrected)
        assert made is not None
        assert made["failure"] is None


def failed(sequence: str) -> StreamChange:
    return change(state(Status.SENT), state(Status.FAILED), sequence=sequence, reference=sequence)


def quiet(sequence: str) -> StreamChange:
    return change(state(Status.ACCEPTED), state(Status.SENT), sequence=sequence)


def broken(sequence: str) -> StreamChange:
    return StreamChange(sequence=sequence, raw={"eventID": sequence}, unreadable="KeyError in the image")


def references(bus: MemoryBus) -> list[str]:
    return [json.loads(each.detail)["reference"] for each in bus.events]


class TestBatches:
    def test_every_event_is_put_in_order_under_our_source_and_type(self) -> None:
        bus = MemoryBus()
        done = Publisher(bus=bus, failed=MemoryQueue(), policy=DEFAULT).publish([failed("1"), quiet("2"), failed("3")])
        assert done == Published(published=2, broken=0, refused=0, resume_at=None)
        assert references(bus) == ["1", "3"]
        assert {(each.source, each.detail_type) for each in bus.events} == {("sms-tracker", "SMS Status Changed")}

    def test_a_batch_without_events_is_done(self) -> None:
        done = Publisher(bus=MemoryBus(), failed=MemoryQueue(), policy=DEFAULT).publish([quiet("1")])
        assert done == Published(published=0, broken=0, refused=0, resume_at=None)

    def test_a_change_that_cannot_be_read_goes_aside_and_the_batch_goes_on(self) -> None:
        bus, aside = MemoryBus(), MemoryQueue()
        done = Publisher(bus=bus, failed=aside, policy=DEFAULT).publish([failed("1"), broken("2"), failed("3")])
        assert (done.published, done.broken, done.resume_at) == (2, 1, None)
        assert references(bus) == ["1", "3"]
        assert aside.sent == [('{"eventID": "2"}', "ValueError", 0)]

    def test_a_change_whose_event_breaks_the_schema_goes_aside_too(self) -> None:
        aside = MemoryQueue()
        wrong = change(state(Status.SENT), replace(state(Status.FAILED), at="yesterday"), sequence="1")
        done = Publisher(bus=MemoryBus(), failed=aside, policy=DEFAULT).publish([wrong])
        assert (done.broken, done.resume_at) == (1, None)
        assert aside.sent == [('{"eventID": "1"}', "ValidationError", 0)]

    def test_a_change_too_large_for_the_queue_goes_aside_without_its_images(self) -> None:
        class Small(MemoryQueue):
            def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
                if len(body) > 100:
                    raise Rejected("SendMessage: InvalidParameterValue")
                super().send(body, reason=reason, delay_seconds=delay_seconds)

        aside = Small()
        keys = {"message_id": {"S": MESSAGE_ID}}
        raw = {"dynamodb": {"Keys": keys, "OldImage": "x" * 100, "NewImage": "y" * 100}}
        large = StreamChange(sequence="1", raw=raw, unreadable="KeyError in the image")
        done = Publisher(bus=MemoryBus(), failed=aside, policy=DEFAULT).publish([large])
        assert (done.broken, done.resume_at) == (1, None)
        assert [json.loads(each) for each in aside.bodies] == [{"dynamodb": {"Keys": keys}}]

    @pytest.mark.parametrize("error", [Unavailable("SendMessage: Throttled"), Rejected("SendMessage: no")])
    def test_where_it_cannot_be_set_aside_the_batch_comes_again(self, error: SmsTrackerError) -> None:
        publisher = Publisher(bus=MemoryBus(), failed=MemoryQueue(fail=True, error=error), policy=DEFAULT)
        with pytest.raises(type(error)):
            publisher.publish([broken("1")])

    def test_the_stream_comes_again_from_the_first_event_that_the_bus_did_not_take(self) -> None:
        refused = {"2", "4"}

        def refuse(made: BusEvent) -> bool:
            return json.loads(made.detail)["reference"] in refused

        bus = MemoryBus(refuse=refuse)
        publisher = Publisher(bus=bus, failed=MemoryQueue(), policy=DEFAULT)
        batch = [failed(str(number)) for number in range(1, 6)]
        done = publisher.publish(batch)
        assert done == Published(published=3, broken=0, refused=2, resume_at="2", errors=("ThrottlingException",))
        refused.clear()
        again = publisher.publish([each for each in batch if each.sequence >= "2"])
        assert again.resume_at is None
        assert set(references(bus)) == {"1", "2", "3", "4", "5"}

    def test_a_change_of_something_else_is_no_event(self) -> None:
        record: Record = factories.record()
        assert status_changed(record, replace(record, costs={1: cost("0.05")}), DEFAULT) is None


def reported(sequence: str, *entries: Entry) -> StreamChange:
    """A failure whose change stored these reports, after one of an earlier change."""
    made = failed(sequence)
    assert made.old is not None
    assert made.new is not None
    known = {"known": Entry(word="sent", received="2026-01-31T11:00:00.000Z", attempt=1, source=Source.CALLBACK)}
    new = {f"new-{number}": entry for number, entry in enumerate(entries)}
    return replace(made, old=replace(made.old, reports=known), new=replace(made.new, reports={**known, **new}))


def entry(second: int, source: Source = Source.CALLBACK) -> Entry:
    received = timestamp(START + timedelta(seconds=second))
    return Entry(word="failed", received=received, attempt=1, source=source)


class TestDelay:
    def delays(self, *changes: StreamChange, bus: MemoryBus | None = None) -> object:
        done = Publisher(bus=bus or MemoryBus(), failed=MemoryQueue(), policy=DEFAULT).publish(changes)
        line = Line()
        measure(done, changes, line, now=START + timedelta(seconds=10))
        return line.figures.get("ReportToEvent")

    def test_an_event_counts_from_the_first_arrival_of_the_reports_that_its_change_stored(self) -> None:
        assert self.delays(reported("1", entry(9), entry(8))) == [2.0]

    def test_each_event_of_a_batch_has_its_own_delay(self) -> None:
        assert self.delays(reported("1", entry(9)), quiet("2"), reported("3", entry(7))) == [1.0, 3.0]

    @pytest.mark.parametrize("source", [Source.LOOKUP, Source.ANSWER])
    def test_what_came_by_no_webhook_has_none(self, source: Source) -> None:
        assert self.delays(reported("1", entry(9, source))) is None
        assert self.delays(failed("1")) is None

    def test_an_event_that_the_bus_refused_has_none_yet(self) -> None:
        assert self.delays(reported("1", entry(9)), bus=MemoryBus(refuse=lambda _: True)) is None

    def test_a_clock_that_is_behind_the_webhooks_makes_no_negative_delay(self) -> None:
        assert self.delays(reported("1", entry(12))) == [0.0]


class TestUnconfirmed:
    @pytest.mark.parametrize(
        ("word", "unconfirmed"),
        [("SUCCESSFUL.final", True), ("UNKNOWN.final", None), ("no-final-report", None), ("PENDING", None)],
    )
    def test_unknown_for_lack_of_a_handsets_word_says_so_and_other_unknowns_do_not(
        self, word: str, unconfirmed: object
    ) -> None:
        before, after = (replace(state(each), provider="aws") for each in (Status.SENT, Status.UNKNOWN))
        entry = Entry(word=word, received=LATER, attempt=1, source="callback")
        moved = change(before, after, reports={"a": entry})
        assert moved.old is not None
        assert moved.new is not None

        made = status_changed(moved.old, moved.new, DEFAULT)

        assert made is not None
        assert json.loads(made.detail()).get("unconfirmed") is unconfirmed
        assert ("unconfirmed" in made.detail()) == bool(unconfirmed)

    def test_a_delivery_after_it_is_a_correction_without_it(self) -> None:
        before, after = (replace(state(each), provider="aws") for each in (Status.UNKNOWN, Status.DELIVERED))
        entry = Entry(word="SUCCESSFUL.final", received=LATER, attempt=1, source="callback")
        moved = change(before, after, reports={"a": entry})
        assert moved.old is not None
        assert moved.new is not None

        made = status_changed(moved.old, moved.new, DEFAULT)

        assert made is not None
        assert (made.corrects, made.unconfirmed) == (Status.UNKNOWN, None)

    def test_another_recipients_or_attempts_report_explains_nothing(self) -> None:
        told = Entry(word="SUCCESSFUL.final", received=LATER, attempt=1, source="callback")
        known = replace(state(Status.UNKNOWN), provider="aws")
        for entry in (replace(told, foreign=True), replace(told, attempt=2)):
            assert not unconfirmed(factories.record(state=known, reports={"a": entry}))

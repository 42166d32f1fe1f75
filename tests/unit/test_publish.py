"""The publisher on fakes: which changes become events, what they say, and that the bus has each."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sms_tracker.domain.bus import StreamChange
from sms_tracker.domain.errors import Rejected, SmsTrackerError, Unavailable
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.domain.state import RankedFailure, State
from sms_tracker.domain.status import CORRECTIONS, Category, Failure, Outcome, Reason, Status
from sms_tracker.log import Line
from sms_tracker.services.events import StatusChanged
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


def made_of(moved: StreamChange, policy: PublishPolicy) -> StatusChanged | None:
    assert moved.old is not None
    assert moved.new is not None
    return status_changed(moved.old, moved.new, policy)


def event(before: State, after: State, policy: PublishPolicy = DEFAULT, **values: Any) -> dict[str, Any] | None:
    made = made_of(change(before, after, **values), policy)
    return None if made is None else json.loads(made.detail())


def published(before: State, after: State, policy: PublishPolicy = DEFAULT, **values: Any) -> dict[str, Any]:
    made = event(before, after, policy, **values)
    assert made is not None
    return made


class TestWhichChanges:
    @pytest.mark.parametrize("status", list(Status))
    def test_a_change_into_a_published_status_is_an_event_and_into_another_is_none(self, status: Status) -> None:
        assert (event(state(Status.ACCEPTED), state(status)) is not None) == (status in BAD)

    @pytest.mark.parametrize("status", list(Status))
    def test_what_is_published_is_the_deployments_choice(self, status: Status) -> None:
        before = Status.SENT if status is not Status.SENT else Status.ACCEPTED
        made = published(state(before), state(status), PublishPolicy(statuses=frozenset({status}), personal_data=False))
        assert (made["status"], made["previous_status"]) == (status, before)
        assert (made["final"], made["outcome"]) == (status.final, status.outcome)

    @pytest.mark.parametrize("success", [Status.DELIVERED, Status.READ])
    @pytest.mark.parametrize("wrong", [Status(status) for status in sorted(BAD)])
    def test_a_success_after_a_failure_or_after_giving_up_is_a_correction(self, wrong: Status, success: Status) -> None:
        made = published(state(wrong, code="30003"), state(success))
        assert (made["corrects"], made["previous_status"], made["failure"]) == (wrong, wrong, None)
        assert event(state(wrong), state(success), PublishPolicy(statuses=BAD, personal_data=False)) is None

    def test_a_success_after_anything_else_corrects_nothing(self) -> None:
        policy = PublishPolicy(statuses=frozenset({"delivered", CORRECTIONS}), personal_data=False)
        assert published(state(Status.SENT), state(Status.DELIVERED), policy)["corrects"] is None

    def test_a_failure_that_learns_its_code_is_told_once_more(self) -> None:
        made = published(state(Status.UNDELIVERED), state(Status.UNDELIVERED, code="30003"))
        assert (made["status"], made["previous_status"]) == ("undelivered", "undelivered")
        assert made["failure"]["code"] == "30003"

    @pytest.mark.parametrize(
        ("before", "after", "statuses"),
        [
            *((state(status, code="1"), state(status, code="1"), frozenset(Status)) for status in Status),
            (state(Status.UNDELIVERED), state(Status.UNDELIVERED, code="30003"), frozenset({"failed"})),
            (state(Status.FAILED, code="30003"), state(Status.FAILED, code="30005"), DEFAULT.statuses),
            (state(Status.FAILED, code="30003"), state(Status.FAILED), DEFAULT.statuses),
        ],
    )
    def test_the_same_status_again_is_no_event_nor_is_an_unpublished_ones_code_another_or_none(
        self, before: State, after: State, statuses: frozenset[str]
    ) -> None:
        assert event(before, after, PublishPolicy(statuses=statuses, personal_data=False)) is None

    def test_a_failure_that_turns_into_another_is_an_event(self) -> None:
        made = published(state(Status.FAILED, code="1"), state(Status.UNDELIVERED, code="30003"))
        assert (made["previous_status"], made["corrects"]) == ("failed", None)


class TestWhatAnEventSays:
    def test_it_says_what_the_contract_names_and_no_more(self) -> None:
        about = {"schema": 1, "message_id": MESSAGE_ID, "version": 5, "client": "shop", "reference": "order-42"}
        by = {"provider": "twilio", "provider_message_id": SID, "attempt": 1, "segments": 1}
        status = {"status": "undelivered", "previous_status": "sent", "final": True, "outcome": "failure"}
        told = {"category": "temporary", "reason": "unreachable", "code": "30003", "message": "Unreachable"}
        advice = {"retryable": True, "retry_advice": "sending again may help"}
        meaning = {"meaning": "The handset was off or out of reach. Send again later."}
        times = {"created_at": NOW, "updated_at": LATER, "status_at": LATER}
        made = published(state(Status.SENT), state(Status.UNDELIVERED, code="30003"))
        assert made == about | by | status | times | {"corrects": None, "failure": told | advice | meaning}

    @pytest.mark.parametrize(
        ("personal", "body", "expected"),
        [
            (True, "Your parcel is here", {"to", "from", "body"}),
            (True, None, {"to", "from"}),
            (False, "Your parcel is here", set()),
        ],
    )
    def test_numbers_and_stored_text_are_in_it_only_where_the_deployment_says_so(
        self, *, personal: bool, body: str | None, expected: set[str]
    ) -> None:
        policy = replace(DEFAULT, personal_data=personal)
        made = published(state(Status.SENT), state(Status.FAILED), policy, body=body)
        assert {"to", "from", "body"} & made.keys() == expected
        assert ("+31612345678" in str(made)) is personal

    def test_a_failure_that_a_success_outranked_is_not_shown(self) -> None:
        corrected = replace(state(Status.DELIVERED), failure=state(Status.FAILED, code="1").failure)
        assert published(state(Status.FAILED, code="1"), corrected)["failure"] is None


def failed(sequence: str) -> StreamChange:
    return change(state(Status.SENT), state(Status.FAILED), sequence=sequence, reference=sequence)


def quiet(sequence: str) -> StreamChange:
    return change(state(Status.ACCEPTED), state(Status.SENT), sequence=sequence)


def broken(sequence: str) -> StreamChange:
    return StreamChange(sequence=sequence, raw={"eventID": sequence}, unreadable="KeyError in the image")


def references(bus: MemoryBus) -> list[str]:
    return [json.loads(each.detail)["reference"] for each in bus.events]


NOTHING = Published(published=0, broken=0, refused=0, resume_at=None)


def publish(
    *changes: StreamChange,
    bus: MemoryBus | None = None,
    aside: MemoryQueue | None = None,
    policy: PublishPolicy = DEFAULT,
) -> Published:
    return Publisher(bus=bus or MemoryBus(), failed=aside or MemoryQueue(), policy=policy).publish(changes)


class Small(MemoryQueue):
    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        if len(body) > 100:
            raise Rejected("SendMessage: InvalidParameterValue")
        super().send(body, reason=reason, delay_seconds=delay_seconds)


class TestBatches:
    def test_every_event_is_put_in_order_under_our_source_and_type(self) -> None:
        bus = MemoryBus()
        assert publish(failed("1"), quiet("2"), failed("3"), bus=bus) == replace(NOTHING, published=2)
        assert references(bus) == ["1", "3"]
        assert {(each.source, each.detail_type) for each in bus.events} == {("sms-tracker", "SMS Status Changed")}
        assert publish(quiet("1")) == NOTHING

    def test_a_change_that_cannot_be_read_goes_aside_and_the_batch_goes_on(self) -> None:
        bus, aside = MemoryBus(), MemoryQueue()
        wrong = change(state(Status.SENT), replace(state(Status.FAILED), at="yesterday"), sequence="4")
        done = publish(failed("1"), broken("2"), failed("3"), wrong, bus=bus, aside=aside)
        assert done == replace(NOTHING, published=2, broken=2)
        assert references(bus) == ["1", "3"]
        assert aside.sent == [('{"eventID": "2"}', "ValueError", 0), ('{"eventID": "4"}', "ValidationError", 0)]

    def test_a_change_too_large_for_the_queue_goes_aside_without_its_images(self) -> None:
        aside = Small()
        keys = {"message_id": {"S": MESSAGE_ID}}
        raw = {"dynamodb": {"Keys": keys, "OldImage": "x" * 100, "NewImage": "y" * 100}}
        large = StreamChange(sequence="1", raw=raw, unreadable="KeyError in the image")
        assert publish(large, aside=aside) == replace(NOTHING, broken=1)
        assert [json.loads(each) for each in aside.bodies] == [{"dynamodb": {"Keys": keys}}]

    @pytest.mark.parametrize("error", [Unavailable("SendMessage: Throttled"), Rejected("SendMessage: no")])
    def test_where_it_cannot_be_set_aside_the_batch_comes_again(self, error: SmsTrackerError) -> None:
        with pytest.raises(type(error)):
            publish(broken("1"), aside=MemoryQueue(fail=True, error=error))

    def test_the_stream_comes_again_from_the_first_event_that_the_bus_did_not_take(self) -> None:
        refused = {"2", "4"}
        bus = MemoryBus(refuse=lambda made: json.loads(made.detail)["reference"] in refused)
        batch = [failed(str(number)) for number in range(1, 6)]
        done = publish(*batch, bus=bus)
        assert done == Published(published=3, broken=0, refused=2, resume_at="2", errors=("ThrottlingException",))
        refused.clear()
        assert publish(*batch[1:], bus=bus).resume_at is None
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
    @pytest.mark.parametrize(
        ("changes", "refused", "delays"),
        [
            pytest.param([reported("1", entry(9), entry(8))], False, [2.0], id="from the first report that it stored"),
            pytest.param([reported("1", entry(9)), quiet("2"), reported("3", entry(7))], False, [1.0, 3.0], id="each"),
            pytest.param([reported("1", entry(9, Source.LOOKUP))], False, None, id="none for a look-up"),
            pytest.param([reported("1", entry(9, Source.ANSWER))], False, None, id="none for an answer"),
            pytest.param([failed("1")], False, None, id="none without a report"),
            pytest.param([reported("1", entry(9))], True, None, id="none yet for what the bus refused"),
            pytest.param([reported("1", entry(12))], False, [0.0], id="none below zero by a clock that is behind"),
        ],
    )
    def test_an_event_has_a_delay(
        self, changes: list[StreamChange], delays: list[float] | None, *, refused: bool
    ) -> None:
        done, line = publish(*changes, bus=MemoryBus(refuse=lambda _: refused)), Line()
        measure(done, changes, line, now=START + timedelta(seconds=10))
        assert line.figures.get("ReportToEvent") == delays


class TestUnconfirmed:
    TOLD = Entry(word="SUCCESSFUL.final", received=LATER, attempt=1, source="callback")

    def moved(self, before: Status, after: Status, word: str = "SUCCESSFUL.final") -> dict[str, Any]:
        by_aws: Any = [replace(state(each), provider="aws") for each in (before, after)]
        return published(*by_aws, reports={"a": replace(self.TOLD, word=word)})

    @pytest.mark.parametrize("word", ["UNKNOWN.final", "no-final-report", "PENDING"])
    def test_unknown_for_lack_of_a_handsets_word_says_so_and_other_unknowns_do_not(self, word: str) -> None:
        assert self.moved(Status.SENT, Status.UNKNOWN)["unconfirmed"] is True
        assert "unconfirmed" not in self.moved(Status.SENT, Status.UNKNOWN, word)

    def test_a_delivery_after_it_is_a_correction_without_it(self) -> None:
        made = self.moved(Status.UNKNOWN, Status.DELIVERED)
        assert made["corrects"] == Status.UNKNOWN
        assert "unconfirmed" not in made

    def test_another_recipients_or_attempts_report_explains_nothing(self) -> None:
        known = replace(state(Status.UNKNOWN), provider="aws")
        for entry in (replace(self.TOLD, foreign=True), replace(self.TOLD, attempt=2)):
            assert not unconfirmed(factories.record(state=known, reports={"a": entry}))

"""The port Messages: one suite over every implementation. What only the table shows is in integration/test_store.py"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from sms_tracker.aws.clients import calling
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.cost import Cost, Price
from sms_tracker.domain.ports import Messages, NotWritten, Written
from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, Record, Send, SendPhase
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.domain.transition import first_try
from sms_tracker.services.track import track
from tests import tables
from tests.factories import MESSAGE_ID, NOW, TO, cost, record, report
from tests.fakes import MemoryMessages
from tests.moto_client import json_client

pytestmark = pytest.mark.no_cover  # thousands of examples, of what other tests have covered

Open = Callable[..., Messages]

LATER = "2026-01-31T12:05:00.000Z"
OTHER_TO = "+4915112345678"
FIRST_ID, SECOND_ID, THIRD_ID = "SM" + "1" * 32, "SM" + "2" * 32, "SM" + "3" * 32
UNKNOWN_ID = "7d2a2b1c-0000-4000-8000-000000000000"
CODED = Failure(category=Category.PERMANENT, reason=Reason.BLOCKED, code="30004", message="Blocked")


_numbers = count()


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        yield tables.client()


@pytest.fixture(params=["memory", "boto3", "json_client"])
def open_messages(request: pytest.FixtureRequest, dynamodb: DynamoDBClient) -> Open:
    """Makes an empty store with the options given: our own in memory, or the table through either client."""
    if request.param == "memory":
        return MemoryMessages
    api = json_client("dynamodb") if request.param == "json_client" else calling(dynamodb)
    name = tables.create(dynamodb, "MessagesTable", f"messages-{next(_numbers)}")
    return lambda **options: MessageStore(api, name, **options)


@pytest.fixture
def messages(open_messages: Open) -> Messages:
    return open_messages()


def first(*reports: Report, **values: Any) -> Change:
    return replace(first_try(reports, now=LATER), **values)


def late(*reports: Report, **values: Any) -> Change:
    return Change(guard=Guard.LATE, added=reports, now=LATER, **values)


def seen(known: Record, *reports: Report, **values: Any) -> Change:
    state = fold(reports, base=known.state)
    change = Change(guard=Guard.SEEN, state=state, added=reports, now=LATER, version=known.version)
    return replace(change, **values)


def holding(messages: Messages, *reports: Report, **values: Any) -> Record:
    """The record after these changes were written one by one."""
    made = record(**values)
    assert messages.put(made) == Written()
    for each in reports:
        assert messages.change(made.message_id, seen(stored(messages), each)) == Written()
    return stored(messages)


def stored(messages: Messages) -> Record:
    found = messages.get(MESSAGE_ID)
    assert found is not None
    return found


def applied(messages: Messages, change: Change) -> Record:
    assert messages.change(MESSAGE_ID, change) == Written()
    return stored(messages)


def refused(messages: Messages, change: Change) -> None:
    """Check that the write is refused with the stored record, which stays."""
    before = stored(messages)
    assert messages.change(MESSAGE_ID, change) == NotWritten(before)
    assert stored(messages) == before


def many(reports: int) -> list[Report]:
    return [report(Status.SENT, occurred=f"2026-01-31T12:00:{second:02d}.000Z") for second in range(reports)]


# -- put and get -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"reference": None},
        {"body": "Grüße €"},
        {"reference": "a#b"},
        {"resend_if_lost": True, "validity_seconds": 3600, "category": "marketing"},
        {"send": replace(record().send, request="a-hash")},
    ],
)
def test_a_record_reads_back_as_it_was_put(messages: Messages, values: dict[str, Any]) -> None:
    made = record(**values)

    assert messages.put(made) == Written()
    assert messages.get(MESSAGE_ID) == made


def test_a_second_put_is_refused_and_shows_the_first(messages: Messages) -> None:
    there = holding(messages, report(Status.SENT))

    assert messages.put(record(send=replace(record().send, token="another"), client="thief")) == NotWritten(there)
    assert stored(messages) == there


# -- FIRST: without a read ---------------------------------------------------------------------------------------------


def test_a_put_whose_reply_was_lost_is_written_and_undoes_nothing(messages: Messages) -> None:
    for version in (1, 2):
        assert messages.put(record()) == Written()
        assert stored(messages).version == version
        track(messages, MESSAGE_ID, [report(Status.SENT)], now=NOW)
    assert stored(messages).state.status is Status.SENT


def test_a_first_try_moves_the_message_and_raises_its_version_by_one(messages: Messages) -> None:
    messages.put(record())
    reports = report(Status.UNDELIVERED, failure=CODED, occurred=LATER), report(Status.DELIVERED), report(None)
    moved = applied(messages, first(*reports))

    assert moved.state == fold(reports, base=record().state)
    assert (moved.version, moved.updated_at, moved.created_at) == (2, LATER, NOW)
    assert moved.reports.keys() == {each.fingerprint for each in reports}
    entry = moved.reports[reports[0].fingerprint]
    assert (entry.word, entry.source, entry.occurred) == ("undelivered", "callback", LATER)


@pytest.mark.parametrize("write", [first(report()), late(report()), seen(record(), report())])
def test_nothing_is_written_to_a_message_that_is_not_there(messages: Messages, write: Change) -> None:
    messages.put(record())

    assert messages.change(UNKNOWN_ID, write) == NotWritten(None)
    assert messages.get(UNKNOWN_ID) is None


def test_a_first_try_is_refused_where_it_is_not_higher_or_brings_a_known_report(messages: Messages) -> None:
    holding(messages, report(Status.SENT))

    for status in (Status.ACCEPTED, Status.SENT):
        refused(messages, first(report(status, occurred=LATER)))
    refused(messages, first(report(Status.SENT), report(Status.DELIVERED)))


def test_a_first_failure_is_stored_a_second_one_refused_and_a_first_success_leaves_it(messages: Messages) -> None:
    messages.put(record())
    failed = applied(messages, first(report(Status.FAILED, failure=CODED)))
    assert failed.state.shown_failure == CODED
    refused(messages, first(report(Status.UNDELIVERED)))

    moved = applied(messages, first(report(Status.DELIVERED)))
    assert (moved.state.failure, moved.state.shown_failure) == (failed.state.failure, None)


def test_a_first_try_without_the_attempts_id_or_with_a_wrong_one_is_refused(messages: Messages) -> None:
    holding(messages, report(Status.SENT, provider_message_id=FIRST_ID))
    second = report(Status.SENT, attempt=2, provider_message_id=SECOND_ID)

    for known in (SECOND_ID, None):
        refused(messages, first(report(Status.DELIVERED, provider_message_id=known)))
    refused(messages, first(report(Status.ACCEPTED, provider_message_id=THIRD_ID), second))


def test_a_first_try_of_another_attempt_adds_its_id(messages: Messages) -> None:
    holding(messages, report(Status.SENT, provider_message_id=FIRST_ID))
    moved = applied(messages, first(report(Status.SENT, attempt=2, provider_message_id=SECOND_ID)))

    assert moved.state.ids == {1: FIRST_ID, 2: SECOND_ID}
    assert moved.state.provider_message_id == SECOND_ID


def test_a_first_try_stores_second_ids_only_where_there_are_none(messages: Messages) -> None:
    messages.put(record())
    ids = [report(Status.SENT, provider_message_id=known) for known in (FIRST_ID, SECOND_ID, THIRD_ID)]
    stored_ids = {(1, SECOND_ID), (1, THIRD_ID)}
    assert applied(messages, first(*ids)).state.other_ids == stored_ids

    another = [report(Status.BUFFERED, provider_message_id=known) for known in (FIRST_ID, "SM" + "4" * 32)]
    refused(messages, first(*another))
    assert applied(messages, first(another[0])).state.other_ids == stored_ids


ANSWERED = replace(record().send, phase=SendPhase.ANSWERED, token="", until=0)
"""A claim ended by its answer."""


def test_the_answer_ends_the_claim_in_the_same_write(messages: Messages) -> None:
    messages.put(record(validity_seconds=3600))
    answer = report(Status.ACCEPTED, source=Source.ANSWER)
    answered = applied(messages, first(answer, phase=SendPhase.ANSWERED))

    assert (answered.send, answered.validity_seconds) == (ANSWERED, None)
    assert (answered.state.status, answered.version) == (Status.ACCEPTED, 2)
    assert answered.reports[answer.fingerprint].source == "answer"


# -- SEEN: after a read ------------------------------------------------------------------------------------------------


def test_a_change_of_what_was_read_sets_the_whole_state(messages: Messages) -> None:
    known = holding(messages, report(Status.FAILED), report(Status.SENT, provider_message_id=SECOND_ID))
    moved = applied(messages, seen(known, report(Status.UNDELIVERED, failure=CODED, provider_message_id=THIRD_ID)))

    assert moved.state == fold(
        [report(Status.UNDELIVERED, failure=CODED, provider_message_id=THIRD_ID)], base=known.state
    )
    assert moved.state.other_ids == {(1, SECOND_ID), (1, THIRD_ID)}
    assert (moved.version, moved.updated_at) == (known.version + 1, LATER)


def test_a_change_of_what_has_changed_since_is_refused(messages: Messages) -> None:
    old = holding(messages, report(Status.ACCEPTED))
    applied(messages, first(report(Status.SENT)))

    refused(messages, seen(old, report(Status.DELIVERED)))
    refused(messages, seen(old, report(Status.DELIVERED), version=99))


def test_a_change_may_move_the_record_without_a_new_report(messages: Messages) -> None:
    known = holding(messages, report(Status.SENT, received=LATER))
    moved = applied(messages, seen(known, report(Status.SENT, received=NOW), added=()))

    assert (moved.state.at, moved.reports, moved.version) == (NOW, known.reports, known.version + 1)


# -- LATE: only the timeline -------------------------------------------------------------------------------------------


def test_a_late_report_lengthens_the_timeline_and_nothing_else_whatever_happened_meanwhile(messages: Messages) -> None:
    known = holding(messages, report(Status.SENDING), report(Status.DELIVERED))
    added = report(Status.SENT), report(Status.ACCEPTED, provider_message_id=SECOND_ID)
    noted = applied(messages, late(*added))

    assert noted.reports.keys() == known.reports.keys() | {each.fingerprint for each in added}
    assert replace(noted, reports={}) == replace(known, reports={})


def test_the_end_of_the_sending_can_be_all_that_is_written(messages: Messages) -> None:
    known = holding(messages, report(Status.ACCEPTED))
    noted = applied(messages, late(phase=SendPhase.ANSWERED))

    assert noted == replace(known, send=ANSWERED)


# -- The condition of each guard ---------------------------------------------------------------------------------------

Guarded = Callable[..., Change]


@pytest.fixture(params=[first, late, seen])
def guarded(request: pytest.FixtureRequest, messages: Messages) -> Guarded:
    """A change under each guard in turn, its own condition met."""
    if request.param is seen:
        return lambda *reports, **values: seen(stored(messages), *reports, **values)
    chosen: Guarded = request.param
    return chosen


def test_a_known_report_is_refused_a_repeated_change_too(messages: Messages, guarded: Guarded) -> None:
    holding(messages, report(Status.SENT), report(Status.SENDING))
    change = guarded(report(Status.DELIVERED))

    refused(messages, guarded(report(Status.SENT, received=LATER), report(Status.DELIVERED)))
    applied(messages, change)
    refused(messages, change)  # its reply was lost, and the record that it shows holds the report
    assert report(Status.DELIVERED).fingerprint in stored(messages).reports


def test_a_report_about_another_recipient_is_refused_unless_it_is_marked(messages: Messages, guarded: Guarded) -> None:
    holding(messages)
    foreign, ours = report(None, word="strange", recipient=OTHER_TO), report(Status.SENT, recipient=TO)
    marked = frozenset({foreign.fingerprint})

    refused(messages, guarded(foreign, ours))
    kept = applied(messages, guarded(foreign, ours, foreign=marked))
    assert {key for key, entry in kept.reports.items() if entry.foreign} == marked


@pytest.mark.parametrize(
    ("sent_to", "reported"),
    [("+525512345678", "+5215512345678"), ("+5511987654321", "+551187654321"), ("", TO)],
    ids=["Mexico", "Brazil", "a record that forgot its recipient"],
)
def test_a_recipient_in_its_countrys_other_spelling_is_the_records(
    messages: Messages, guarded: Guarded, sent_to: str, reported: str
) -> None:
    # Found in chatwoot/chatwoot#14926, google/libphonenumber#2693
    messages.put(record(to=sent_to))
    reports = report(Status.SENT, recipient=reported), report(Status.DELIVERED, recipient=sent_to or None)

    kept = applied(messages, guarded(*reports))

    assert kept.to == sent_to
    assert [entry.foreign for entry in kept.reports.values()] == [False, False]


def test_a_timeline_holds_thirty_reports_and_no_more_also_at_once(messages: Messages, guarded: Guarded) -> None:
    holding(messages)
    refused(messages, guarded(*many(MAX_REPORTS), report(Status.UNKNOWN)))
    applied(messages, first(*many(MAX_REPORTS - 2)))
    higher = report(Status.BUFFERED), report(Status.UNKNOWN), report(Status.DELIVERED)

    refused(messages, guarded(*higher))
    assert len(applied(messages, guarded(*higher[:2])).reports) == MAX_REPORTS
    refused(messages, guarded(higher[2]))


def test_thirty_reports_can_come_at_once(messages: Messages, guarded: Guarded) -> None:
    holding(messages)

    assert len(applied(messages, guarded(*many(MAX_REPORTS))).reports) == MAX_REPORTS


# -- The stored parts of a report --------------------------------------------------------------------------------------


def test_a_report_is_kept_with_all_that_it_said(messages: Messages, guarded: Guarded) -> None:
    holding(messages)
    told = report(
        Status.FAILED,
        word="fehlgeschlagen – ü €",
        code="30004",
        occurred="unreadable time",
        attempt=3,
        source=Source.LOOKUP,
        failure=CODED,
        details={"RawDlrDoneDate": "2601311200", "price[amount]": "", "ключ": "значение"},
    )
    entry = applied(messages, guarded(told)).reports[told.fingerprint]

    assert (entry.word, entry.code, entry.occurred) == (told.word, "30004", "unreadable time")
    assert (entry.attempt, entry.source, entry.received, entry.text) == (3, "lookup", NOW, "Blocked")
    assert (entry.fields, entry.foreign) == (told.details, False)


@pytest.mark.parametrize(
    ("keep_raw_reports", "told", "kept"),
    [
        (False, report(Status.SENT, details={"further": "field"}), {}),
        (True, report(Status.SENT, details={"further": "field"}), {"further": "field"}),
        (True, report(Status.SENT), {}),
        (False, report(Status.UNDELIVERED, details={"further": "field"}), {"further": "field"}),
        (False, report(None, word="new", recognised=False, details={"further": "field"}), {"further": "field"}),
        (False, report(None, word="received", details={"further": "field"}), {}),
    ],
)
def test_further_fields_are_kept_of_failures_and_unfamiliar_reports_or_of_all(
    open_messages: Open, told: Report, kept: dict[str, str], *, keep_raw_reports: bool
) -> None:
    messages = open_messages(keep_raw_reports=keep_raw_reports)
    messages.put(record())

    assert applied(messages, first(told)).reports[told.fingerprint].fields == kept


def test_the_first_network_is_kept(messages: Messages, guarded: Guarded) -> None:
    holding(messages)

    assert applied(messages, guarded(report(Status.SENT))).network is None
    then = report(Status.BUFFERED, network="20408"), report(Status.UNKNOWN, network="20416")
    assert applied(messages, guarded(*then)).network == "20408"


def test_each_attempt_has_the_cost_that_was_observed_last(messages: Messages, guarded: Guarded) -> None:
    holding(messages)
    first_cost, second_cost = cost("0.07", NOW, segments=2), cost("1200.5", LATER, currency="XXX")

    assert applied(messages, guarded(report(Status.SENT), costs={1: first_cost})).costs == {1: first_cost}
    assert applied(messages, guarded(report(None), costs={2: second_cost})).costs == {1: first_cost, 2: second_cost}
    assert applied(messages, late(costs={1: cost("0.06", LATER)})).costs == {1: cost("0.06", LATER), 2: second_cost}


@pytest.mark.parametrize(
    "lower",
    [
        cost("10", "2026-01-31T11:59:59.999Z"),
        cost("9"),
        cost("9.5"),
        cost("10", currency="AUD"),
        cost("99", segments=1),
    ],
)
def test_a_cost_that_is_outranked_is_refused(messages: Messages, guarded: Guarded, lower: Cost) -> None:
    known = cost("10", segments=2)
    holding(messages)
    applied(messages, late(costs={1: known}))

    refused(messages, guarded(report(Status.SENT), costs={1: lower}))
    refused(messages, late(costs={1: known}))  # alone, it is there already
    assert applied(messages, guarded(report(Status.SENT), costs={1: known})).costs == {1: known}


@pytest.mark.parametrize("higher", [cost("10.5"), cost("100"), cost("0.1", LATER), cost("1", segments=1)])
def test_of_one_moment_the_larger_amount_outranks(messages: Messages, guarded: Guarded, higher: Cost) -> None:
    holding(messages)
    applied(messages, late(costs={1: cost("10")}))

    assert applied(messages, guarded(report(Status.SENT), costs={1: higher})).costs == {1: higher}


def test_a_price_found_by_a_look_up_is_kept_although_its_report_is_known(messages: Messages) -> None:
    holding(messages)
    delivered = report(Status.DELIVERED)
    track(messages, MESSAGE_ID, [delivered], now=NOW)
    version = stored(messages).version
    looked_up = replace(delivered, source=Source.LOOKUP, received=LATER, price=Price("0.0075", "USD"), segments=1)

    assert looked_up.fingerprint == delivered.fingerprint
    assert track(messages, MESSAGE_ID, [looked_up], now=LATER).decision == "noted"
    assert stored(messages).costs == {1: cost("0.0075", LATER, "USD", segments=1)}
    assert stored(messages).version == version
    assert track(messages, MESSAGE_ID, [looked_up], now=LATER).decision == "duplicate"


def test_the_price_of_another_recipients_message_is_not_ours(messages: Messages, guarded: Guarded) -> None:
    holding(messages)
    foreign = report(None, word="strange", recipient=OTHER_TO, price=Price("9", "EUR"), network="26201")

    track(messages, MESSAGE_ID, [foreign, report(Status.SENT)], now=NOW)
    assert (stored(messages).costs, stored(messages).network) == ({}, None)
    another = replace(foreign, word="other")
    told = applied(messages, guarded(report(None, word="odd"), another, foreign=frozenset({another.fingerprint})))
    assert told.network is None


@pytest.mark.parametrize("drop_text", [True, False])
@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.UNDELIVERED])
def test_the_text_is_dropped_once_the_status_is_final_if_so_wished(
    open_messages: Open, status: Status, *, drop_text: bool
) -> None:
    messages = open_messages(drop_text=drop_text)
    messages.put(record(body="Your parcel is here"))
    moved = applied(messages, first(report(status)))

    assert moved.body == (None if drop_text and status.final else "Your parcel is here")
    assert applied(messages, late(report(Status.ACCEPTED))).body == moved.body


# -- release and take over ---------------------------------------------------------------------------------------------


def released(messages: Messages, *reports: Report) -> Record:
    holding(messages, *reports)
    messages.release(MESSAGE_ID, token=record().send.token, cause="account", now=LATER)
    return stored(messages)


def claim(token: str = "second-token", attempt: int = 2) -> Send:
    return Send(phase=SendPhase.CLAIMED, attempt=attempt, token=token, until=1_800_000_000)


def test_a_claim_is_released_once_and_by_its_own_invocation_alone(messages: Messages) -> None:
    known = holding(messages)
    messages.release(MESSAGE_ID, token="another", cause="account", now=LATER)
    assert stored(messages) == known

    for now in (LATER, "2026-02-01T00:00:00.000Z"):
        messages.release(MESSAGE_ID, token=known.send.token, cause="not_sent", now=now)
    send = replace(known.send, phase=SendPhase.RELEASED, cause="not_sent")
    assert stored(messages) == replace(known, send=send, updated_at=LATER)


def test_an_answered_send_is_not_released(messages: Messages) -> None:
    holding(messages)
    answered = applied(messages, first(report(Status.ACCEPTED), phase=SendPhase.ANSWERED))
    messages.release(MESSAGE_ID, token=answered.send.token, cause="account", now=LATER)

    assert stored(messages) == answered


def test_what_is_not_there_is_not_released_or_taken_over(messages: Messages) -> None:
    absent = record(message_id=UNKNOWN_ID, send=replace(record().send, phase=SendPhase.RELEASED))

    messages.release(UNKNOWN_ID, token="a-token", cause="not_sent", now=LATER)
    assert not messages.take_over(absent, claim(), provider="twilio", now=LATER)
    assert messages.get(UNKNOWN_ID) is None


def test_a_released_send_is_taken_over_as_the_next_attempt(messages: Messages) -> None:
    known = released(messages)

    assert messages.take_over(replace(known, sender="MyShop"), claim(), provider="messagebird", now=LATER)
    taken = stored(messages)
    assert (taken.send, taken.sender) == (claim(), "MyShop")
    assert (taken.version, taken.updated_at) == (known.version + 1, LATER)
    assert (taken.state.status, taken.state.attempt, taken.state.at) == (Status.PENDING, 2, LATER)
    assert (taken.state.provider, taken.state.order) == ("messagebird", 40)
    assert (taken.provider_of(1), taken.provider_of(2)) == ("twilio", "messagebird")


def test_a_lost_send_is_claimed_again_as_the_same_attempt_by_one_of_two(messages: Messages) -> None:
    known = holding(messages, send=replace(record().send, request="a-hash"))
    again = replace(known.send, token="winner", until=known.send.until + 900)

    assert messages.take_over(known, again, provider="twilio", now=LATER)
    claimed = stored(messages)
    assert not messages.take_over(known, replace(again, token="loser"), provider="twilio", now=LATER)
    assert stored(messages) == claimed
    assert (claimed.send, claimed.version) == (again, known.version + 1)
    assert (claimed.state.status, claimed.state.attempt, claimed.state.order) == (Status.PENDING, 1, 20)


def test_of_two_that_take_over_one_wins_also_if_its_reply_was_lost(messages: Messages) -> None:
    known = released(messages)

    assert messages.take_over(known, claim("winner"), provider="twilio", now=LATER)
    won = stored(messages)
    assert not messages.take_over(replace(known, sender="MyShop"), claim("loser"), provider="messagebird", now=LATER)
    assert messages.take_over(known, claim("winner"), provider="twilio", now=LATER)
    assert stored(messages) == won


def test_a_new_message_is_withdrawn_once_and_its_id_is_free(messages: Messages) -> None:
    messages.put(record())
    for _ in range(2):  # the reply of the first one was lost
        messages.withdraw(MESSAGE_ID, token=record().send.token)

    assert messages.get(MESSAGE_ID) is None
    assert messages.put(record(client="another")) == Written()


def test_a_message_with_a_report_is_not_withdrawn(messages: Messages) -> None:
    messages.put(record())
    there = applied(messages, late(report(None, word="received")))
    messages.withdraw(MESSAGE_ID, token=record().send.token)

    assert stored(messages) == there


@pytest.mark.parametrize(
    "values",
    [
        {"send": replace(record().send, token="another")},
        {"send": replace(record().send, phase=SendPhase.RELEASED)},
        {"version": 2},
    ],
    ids=str,
)
def test_a_message_that_has_changed_is_not_withdrawn(messages: Messages, values: dict[str, Any]) -> None:
    messages.put(record(**values))
    messages.withdraw(MESSAGE_ID, token=record().send.token)

    assert stored(messages) == record(**values)


@pytest.mark.parametrize("phase", SendPhase)
@pytest.mark.parametrize("read", SendPhase)
def test_a_send_is_taken_over_only_in_the_phase_in_which_it_was_read(
    messages: Messages, phase: SendPhase, read: SendPhase
) -> None:
    known = holding(messages, send=replace(record().send, phase=phase))
    as_read = replace(known, send=replace(known.send, phase=read))

    assert messages.take_over(as_read, claim(), provider="twilio", now=LATER) == (phase is read)
    assert stored(messages).send == (claim() if phase is read else known.send)


def test_a_release_that_was_taken_over_and_released_again_is_not_the_one_that_was_read(messages: Messages) -> None:
    old = released(messages)
    messages.take_over(old, claim(), provider="twilio", now=LATER)
    messages.release(MESSAGE_ID, token=claim().token, cause="account", now=LATER)
    again = stored(messages)

    assert not messages.take_over(old, claim("third"), provider="twilio", now=LATER)
    assert stored(messages) == again
    moved = applied(messages, first(report(Status.DELIVERED)))  # nor is one that moved
    assert not messages.take_over(again, claim("third", 3), provider="twilio", now=LATER)
    assert messages.take_over(moved, claim("third", 3), provider="twilio", now=LATER)


def test_a_takeover_keeps_ids_timeline_and_failure_of_the_attempt_before(messages: Messages) -> None:
    known = released(messages, report(Status.FAILED, failure=CODED, provider_message_id=FIRST_ID))
    messages.take_over(known, claim(), provider="twilio", now=LATER)
    taken = stored(messages)

    assert taken.reports == known.reports
    assert (taken.state.ids, taken.state.failure) == (known.state.ids, known.state.failure)
    assert (taken.state.provider_message_id, taken.state.shown_failure) == (None, None)
    assert messages.by_provider_id("twilio", FIRST_ID) is None  # until the new attempt has an id


# -- by provider id ----------------------------------------------------------------------------------------------------


def test_a_message_is_found_by_the_providers_id_of_its_winning_report(messages: Messages) -> None:
    def found() -> list[tuple[str, str]]:
        pairs = [(name, known) for name in ("twilio", "messagebird") for known in (FIRST_ID, SECOND_ID)]
        return [pair for pair in pairs if messages.by_provider_id(*pair) == MESSAGE_ID]

    holding(messages)
    assert found() == []
    applied(messages, first(report(Status.FAILED, provider_message_id=FIRST_ID)))
    assert found() == [("twilio", FIRST_ID)]
    other = {"attempt": 2, "provider": "messagebird", "provider_message_id": SECOND_ID}
    applied(messages, first(report(Status.SENT, **other)))
    assert found() == [("messagebird", SECOND_ID)]
    applied(messages, first(report(Status.DELIVERED, provider_message_id=FIRST_ID)))
    assert found() == [("twilio", FIRST_ID)]


def test_a_whole_state_without_a_failure_removes_the_one_that_was_stored(messages: Messages) -> None:
    known = holding(messages, report(Status.UNDELIVERED, code="30003"))
    repaired = replace(known.state, status=Status.SENT, failure=None)

    assert messages.change(MESSAGE_ID, seen(known, state=repaired)) == Written()
    assert stored(messages).state == repaired

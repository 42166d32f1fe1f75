"""The table behind the port Messages: index keys, expressions, sizes and errors of DynamoDB."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords
from types_boto3_dynamodb import DynamoDBClient

from bench.units import KB, item_size
from sms_tracker.aws.clients import calling
from sms_tracker.aws.store import MessageSearch, MessageStore
from sms_tracker.aws.updates import update_of
from sms_tracker.domain.cost import Price
from sms_tracker.domain.errors import Rejected, Unavailable
from sms_tracker.domain.indexes import provider_keys, shard
from sms_tracker.domain.ports import Written
from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, Send, SendPhase
from sms_tracker.domain.report import Report
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Status
from sms_tracker.domain.transition import first_try, next_try
from sms_tracker.services.track import track
from tests import tables
from tests.factories import MESSAGE_ID, NOW, TO, cost, record, report

FIRST_ID, SECOND_ID = "SM" + "1" * 32, "SM" + "2" * 32
LATER, MUCH_LATER = "2026-01-31T12:05:00.000Z", "2026-02-01T09:00:00.000Z"
SHARD = shard(MESSAGE_ID)


class Table:
    """A store, and its items as they are."""

    def __init__(self, dynamodb: DynamoDBClient, name: str) -> None:
        self.dynamodb = dynamodb
        self.name = name
        self.store = MessageStore(calling(dynamodb), name)

    @property
    def item(self) -> Mapping[str, Any]:
        return self.dynamodb.get_item(TableName=self.name, Key={"message_id": {"S": MESSAGE_ID}})["Item"]

    def value(self, name: str) -> Any:
        """The value of one attribute, None where there is none."""
        return next(iter(self.item[name].values())) if name in self.item else None

    def tell(self, *reports: Report, now: str = LATER) -> None:
        track(self.store, MESSAGE_ID, reports, now=now)


@pytest.fixture
def table() -> Iterator[Table]:
    with tables.messages_table() as (dynamodb, name):
        yield Table(dynamodb, name)


# -- Index keys --------------------------------------------------------------------------------------------------------


def test_a_new_record_is_in_the_indexes_of_recipient_reference_and_time_alone(table: Table) -> None:
    table.store.put(record())

    assert (table.value("to"), table.value("created_at")) == (TO, NOW)
    assert table.value("client_reference") == "shop#order-42"
    assert table.value("time_shard") == f"2026-01-31#{SHARD}"
    assert not {"provider_key", "attention", "due_at"} & table.item.keys()


def test_without_a_reference_there_is_no_entry_for_one(table: Table) -> None:
    table.store.put(record(reference=None))

    assert not {"reference", "client_reference", "body"} & table.item.keys()


def test_the_providers_key_comes_with_the_answer_follows_the_winning_report_and_goes_where_that_has_no_id(
    table: Table,
) -> None:
    table.store.put(record())
    table.tell(report(Status.ACCEPTED))
    assert table.value("provider_key") == provider_keys("twilio", FIRST_ID)[0]
    assert "provider_message_id" not in table.item  # it stands in ids
    assert table.value("ids") == {"1": {"S": FIRST_ID}}

    table.tell(report(Status.SENT, attempt=2, provider="messagebird", provider_message_id="b" * 32))
    assert table.value("provider_key") == provider_keys("messagebird", "b" * 32)[0]

    table.tell(report(Status.SENT, attempt=3, provider="messagebird", provider_message_id=None))
    assert "provider_key" not in table.item


def test_a_second_id_of_an_attempt_is_stored_beside(table: Table) -> None:
    table.store.put(record())
    table.tell(report(Status.SENT, provider_message_id=SECOND_ID))
    table.tell(report(Status.DELIVERED, provider_message_id=FIRST_ID))

    assert table.item["other_ids"] == {"SS": [f"1#{SECOND_ID}"]}
    assert table.value("provider_key") == provider_keys("twilio", FIRST_ID)[0]


@pytest.mark.parametrize("status", Status)
def test_a_failure_and_nothing_else_needs_attention_from_now_on(table: Table, status: Status) -> None:
    table.store.put(record())
    table.tell(report(status))

    failed = status in {Status.CANCELED, Status.EXPIRED, Status.FAILED, Status.UNDELIVERED}
    expected = (f"failed#2026-01#{SHARD}", LATER) if failed else (None, None)
    assert (table.value("attention"), table.value("due_at")) == expected


def test_a_late_report_leaves_the_failures_place_in_the_list_and_a_correction_ends_it(table: Table) -> None:
    table.store.put(record())
    table.tell(report(Status.UNDELIVERED, code="30003"))
    table.tell(report(Status.SENT), now=MUCH_LATER)
    assert (table.value("attention"), table.value("due_at")) == (f"failed#2026-01#{SHARD}", LATER)

    table.tell(report(Status.DELIVERED), now=MUCH_LATER)
    assert not {"attention", "due_at"} & table.item.keys()
    assert table.value("failure")["code"] == {"S": "30003"}


def test_a_message_that_is_sent_anew_is_on_the_agenda_and_has_no_provider_id(table: Table) -> None:
    table.store.put(record())
    table.tell(report(Status.FAILED))
    table.store.release(MESSAGE_ID, token=record().send.token, cause="not_sent", now=LATER)
    known = table.store.get(MESSAGE_ID)
    assert known is not None
    send = Send(phase=SendPhase.CLAIMED, attempt=2, token="second", until=1_800_000_000)

    assert table.store.take_over(known, send, provider="twilio", now=MUCH_LATER)
    assert "provider_key" not in table.item
    assert (table.value("attention"), table.value("due_at")) == (f"open#{SHARD}", MUCH_LATER)
    assert table.value("final") is False


# -- Expressions -------------------------------------------------------------------------------------------------------

EVERYTHING = Change(
    guard=Guard.FIRST,
    state=fold([report(Status.DELIVERED), report(Status.FAILED, provider_message_id=SECOND_ID)], base=record().state),
    added=(report(Status.DELIVERED, network="20408", recipient=TO), report(Status.FAILED)),
    costs={1: cost("1"), 19: cost("2", segments=2)},
    now=NOW,
    phase=SendPhase.ANSWERED,
)
_OWN_WORDS = {"SET", "REMOVE", "AND", "OR", "attribute_exists", "attribute_not_exists", "if_not_exists", "size"}


def bare_words(expression: str) -> set[str]:
    """Names in an expression that are neither aliases nor keywords."""
    return set(re.findall(r"(?<![#:\w])[A-Za-z_]\w*", expression)) - _OWN_WORDS


@pytest.mark.parametrize(
    "change", [EVERYTHING, replace(EVERYTHING, guard=Guard.SEEN, version=1), replace(EVERYTHING, guard=Guard.LATE)]
)
def test_every_attribute_in_a_change_is_an_alias_for_many_are_reserved_words(change: Change) -> None:
    arguments = update_of(MESSAGE_ID, change, keep_fields=True, drop_text=True).arguments()

    assert not bare_words(arguments["UpdateExpression"])
    assert not bare_words(arguments["ConditionExpression"])
    used = f"{arguments['UpdateExpression']} {arguments['ConditionExpression']}"
    assert set(re.findall(r"#\w+", used)) == arguments["ExpressionAttributeNames"].keys()
    assert set(re.findall(r":\w+", used)) == arguments["ExpressionAttributeValues"].keys()


def test_no_call_names_a_reserved_word_bare(table: Table) -> None:
    expressions: list[str] = []

    def keep(params: Mapping[str, Any], **_: Any) -> None:
        expressions.extend(str(value) for name, value in params.items() if name.endswith("Expression"))

    table.dynamodb.meta.events.register("provide-client-params.dynamodb", keep)
    table.store.put(record())
    table.store.change(MESSAGE_ID, EVERYTHING)
    table.store.release(MESSAGE_ID, token=record().send.token, cause="account", now=NOW)
    table.store.take_over(record(), record().send, provider="twilio", now=NOW)
    table.store.by_provider_id("twilio", FIRST_ID)

    words = {word.upper() for expression in expressions for word in bare_words(expression)}
    assert len(expressions) == 8
    assert words == {"MESSAGE_ID", "PROVIDER_KEY"}
    assert not words & set(ReservedKeywords.get_reserved_keywords())


def many(count: int) -> list[Report]:
    return [report(Status.SENT, occurred=f"time {n}", price=Price("1", "EUR"), recipient=TO) for n in range(count)]


def decisions(count: int) -> Iterator[Change]:
    """Every kind of write that so many reports can lead to."""
    yield first_try(many(count), now=NOW)
    delivered = fold([report(Status.DELIVERED)], base=record().state)
    for known in (record(), replace(record(), state=delivered)):
        change = next_try(known, many(count), now=NOW).change
        assert change is not None
        yield change


@pytest.mark.parametrize("count", [1, MAX_REPORTS, MAX_REPORTS + 1, 500])
def test_however_many_reports_come_at_once_an_expression_stays_below_4_kb(count: int) -> None:
    guards = set[Guard]()
    for change in decisions(count):
        arguments = update_of(MESSAGE_ID, change, keep_fields=True, drop_text=True).arguments()
        assert len(arguments["UpdateExpression"]) <= 4 * KB
        assert len(arguments["ConditionExpression"]) <= 4 * KB
        guards.add(change.guard)

    assert guards >= {Guard.SEEN, Guard.LATE}


@pytest.mark.parametrize("name", ["version", "cost", "network", "status", "provider_key"])
def test_no_attribute_is_set_twice_by_one_change(name: str) -> None:
    """DynamoDB refuses overlapping paths; reports of one batch differ only in their timeline entry."""
    both = replace(EVERYTHING, added=tuple(replace(each, network="2") for each in EVERYTHING.added))

    for change in (EVERYTHING, both):
        expression = update_of(MESSAGE_ID, change, keep_fields=False, drop_text=True).arguments()["UpdateExpression"]
        assert len(re.findall(rf"#{name} =", expression)) == 1


def test_five_hundred_reports_at_once_are_no_trouble(table: Table) -> None:
    table.store.put(record())
    tracked = track(table.store, MESSAGE_ID, [*many(500), report(Status.DELIVERED)], now=NOW)

    assert (tracked.decision, len(tracked.overflow)) == ("applied", 501 - MAX_REPORTS)
    assert (table.value("status"), len(table.value("reports"))) == ("delivered", MAX_REPORTS)


def test_a_full_timeline_of_ordinary_reports_stays_small(table: Table) -> None:
    table.store.put(record())
    table.tell(*many(MAX_REPORTS))

    assert item_size(table.item) < 4 * KB


# -- What AWS refuses --------------------------------------------------------------------------------------------------

CALLS: list[Callable[[MessageStore], object]] = [
    lambda store: store.put(record()),
    lambda store: store.change(MESSAGE_ID, EVERYTHING),
    lambda store: store.release(MESSAGE_ID, token="t", cause="account", now=NOW),
    lambda store: store.take_over(record(), record().send, provider="twilio", now=NOW),
    lambda store: store.get(MESSAGE_ID),
    lambda store: store.by_provider_id("twilio", FIRST_ID),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_table_that_cannot_be_used_or_reached_is_unavailable(
    table: Table, call: Callable[[MessageStore], object]
) -> None:
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        call(MessageStore(calling(table.dynamodb), "no-such-table"))
    with pytest.raises(Unavailable, match="EndpointConnectionError"):
        call(MessageStore(calling(tables.client("http://127.0.0.1:1")), "messages"))


def test_what_dynamodb_will_never_take_is_rejected(table: Table) -> None:
    with pytest.raises(Rejected, match="ValidationException"):
        table.store.put(record(message_id=""))


def test_a_stored_item_that_cannot_be_read_is_unavailable_and_named(table: Table) -> None:
    item: Any = {"message_id": {"S": MESSAGE_ID}, "order": {"N": "999"}, "reports": {"M": {}}}
    table.dynamodb.put_item(TableName=table.name, Item=item)
    other, search = record(message_id=MESSAGE_ID[::-1]), MessageSearch(calling(table.dynamodb), table.name)
    assert table.store.put(other) == Written()
    error = f"record {MESSAGE_ID} cannot be read: KeyError"

    for call in (
        lambda: table.store.get(MESSAGE_ID),
        lambda: search.records([MESSAGE_ID]),
        lambda: table.tell(report(Status.SENT)),
    ):
        with pytest.raises(Unavailable, match=error):
            call()
    told: dict[str, str] = {}
    read = search.records([MESSAGE_ID, other.message_id], on_unreadable=lambda each, why: told.update({each: str(why)}))
    assert (read, told) == ([other], {MESSAGE_ID: error})

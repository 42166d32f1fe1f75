"""Opt-outs in the state table: each statement once, in any order, with an event for each change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, permutations
from typing import Any

import pytest
from types_boto3_dynamodb import DynamoDBClient

from sms_tracker.aws.outbox import OutboxStore
from sms_tracker.domain.bus import BusEvent, OutboxItem
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.opt_out import Kind, Recipient, Statement
from sms_tracker.domain.report import timestamp
from tests.integration.stored_opt_outs import NOON, opt_out_store, register
from tests.moto_client import json_client
from tests.opt_outs import blocked_by

pytestmark = pytest.mark.usefixtures("dynamodb")
SOMEBODY = Recipient(scope="sender:twilio:+15551234567", number="+31612345678")
OTHER = Recipient(scope="all", number="+31687654321")


def stated(kind: Kind, minutes: int = 0, reason: str = "") -> Statement:
    return Statement(kind=kind, at=timestamp(NOON + timedelta(minutes=minutes)), source="twilio", reason=reason)


def events(dynamodb: DynamoDBClient) -> list[dict[str, Any]]:
    found = [json.loads(item["detail"]["S"]) for item in dynamodb.scan(TableName="messages")["Items"]]
    return sorted(found, key=lambda each: each["version"])


def test_a_recipient_without_statements_is_not_blocked() -> None:
    known = opt_out_store().get(SOMEBODY)

    assert (known.version, known.opt_out.latest, blocked_by(register(), SOMEBODY)) == (0, {}, None)


def test_a_block_and_its_end_are_stored_each_with_an_event(dynamodb: DynamoDBClient) -> None:
    register().add(SOMEBODY, [stated(Kind.STOP)])
    block = blocked_by(register(), SOMEBODY)
    register().add(SOMEBODY, [stated(Kind.START, 5)])

    assert block == stated(Kind.STOP)
    assert blocked_by(register(), SOMEBODY) is None
    assert [(each["version"], each["blocked"], each["cause"], each["to"]) for each in events(dynamodb)] == [
        (1, True, "stop", SOMEBODY.number),
        (2, False, "start", SOMEBODY.number),
    ]


def test_a_block_holds_for_its_scope_and_number_alone(dynamodb: DynamoDBClient) -> None:
    register().add(SOMEBODY, [stated(Kind.STOP)])
    others = [
        Recipient(scope="sender:twilio:+15557654321", number=SOMEBODY.number),
        Recipient(scope=SOMEBODY.scope, number=OTHER.number),
    ]

    assert [blocked_by(register(), each) for each in others] == [None, None]
    assert SOMEBODY.number not in dynamodb.scan(TableName="state")["Items"][0]["pk"]["S"]


def test_a_repeated_or_outdated_statement_writes_nothing(dynamodb: DynamoDBClient) -> None:
    register().add(SOMEBODY, [stated(Kind.STOP, 5)])
    for statement in (stated(Kind.STOP, 5), stated(Kind.STOP, 4)):
        assert register().add(SOMEBODY, [statement]).version == 1

    assert len(events(dynamodb)) == 1


def test_statements_in_any_order_are_stored_alike() -> None:
    given = [stated(Kind.STOP, 1), stated(Kind.START, 2), stated(Kind.STOP, 3), stated(Kind.ADDED, reason="a letter")]
    ends = set()
    for number, order in enumerate(permutations(given)):
        recipient = Recipient(scope="all", number=f"+3161234{number:04d}")
        for statement in order:
            register().add(recipient, [statement])
        known = opt_out_store().get(recipient)
        ends.add((tuple(sorted(known.opt_out.latest.items())), known.opt_out.blocked_by(NOON)))

    assert len(ends) == 1


class Overtaken:
    """DynamoDB, with another statement stored just before each of our writes while there are some."""

    def __init__(self, others: Iterator[Statement]) -> None:
        self.others, self.inner = others, json_client("dynamodb")

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        if operation != "GetItem" and (other := next(self.others, None)) is not None:
            register(self.inner).add(SOMEBODY, [other])
        return self.inner(operation, **arguments)


def test_a_write_that_another_one_overtook_is_read_and_joined_again(dynamodb: DynamoDBClient) -> None:
    register(Overtaken(iter([stated(Kind.ADDED), stated(Kind.START, 9)]))).add(SOMEBODY, [stated(Kind.STOP)])

    assert set(opt_out_store().get(SOMEBODY).opt_out.latest) == {Kind.STOP, Kind.ADDED, Kind.START}
    assert [each["version"] for each in events(dynamodb)] == [1]


def test_a_statement_that_is_overtaken_for_ever_is_not_taken_for_stored() -> None:
    with pytest.raises(Unavailable):
        register(Overtaken(stated(Kind.ADDED, minutes) for minutes in count())).add(SOMEBODY, [stated(Kind.STOP)])


def test_a_lost_reply_is_noticed_and_publishes_once(dynamodb: DynamoDBClient) -> None:
    inner = json_client("dynamodb")

    def api(operation: str, **arguments: Any) -> dict[str, Any]:
        answer = inner(operation, **arguments)
        return inner(operation, **arguments) if operation == "TransactWriteItems" else answer

    assert register(api).add(SOMEBODY, [stated(Kind.STOP)]).version == 1
    assert len(events(dynamodb)) == 1


def test_the_list_shows_the_latest_change_first_page_by_page() -> None:
    for minutes in range(5):
        now, someone = NOON + timedelta(minutes=minutes), Recipient(scope="all", number=f"+3161234567{minutes}")
        register(clock=lambda now=now: now).add(someone, [stated(Kind.ADDED)])
    first = opt_out_store().listed(cursor=None, limit=3)
    second = opt_out_store().listed(cursor=first.next, limit=3)

    assert [each.recipient.number[-1] for each in (*first.items, *second.items)] == ["4", "3", "2", "1", "0"]
    assert second.next is None
    assert [each.recipient.number[-1] for each in opt_out_store().all()] == ["4", "3", "2", "1", "0"]


def test_an_outbox_item_is_stored_once() -> None:
    first, second = (BusEvent(source="s", detail_type="d", detail=detail) for detail in ('{"n":1}', '{"n":2}'))
    outbox = OutboxStore(json_client("dynamodb"), "messages")

    known = [outbox.put(OutboxItem(identity="twilio#SM1", event=each, expires_at=1)) for each in (first, second)]

    assert known == [None, first]


def test_a_forgotten_number_stays_blocked_and_nothing_readable_is_left(dynamodb: DynamoDBClient) -> None:
    outbox = OutboxStore(json_client("dynamodb"), "messages")
    for each in (SOMEBODY, OTHER):
        register().add(each, [stated(Kind.STOP)])
    for key in [*outbox.holding(SOMEBODY.number)]:
        outbox.delete(key)
    opt_out_store().forget(SOMEBODY)

    left = json.dumps([dynamodb.scan(TableName=name)["Items"] for name in ("state", "messages")])
    assert (SOMEBODY.number in left, OTHER.number in left) == (False, True)
    assert blocked_by(register(), SOMEBODY) == stated(Kind.STOP)
    assert "" in [each.recipient.number for each in opt_out_store().all()]


def test_two_spellings_of_a_number_are_one_person() -> None:
    register().add(Recipient(scope="all", number="+5215512345678"), [stated(Kind.STOP)])

    assert blocked_by(register(), Recipient(scope="all", number="+525512345678")) is not None


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        ({"latest": {"M": {"muted": {"M": {"at": {"S": "x"}, "source": {"S": "shop"}}}}}}, "ValueError"),
        ({"latest": {"S": "stop"}}, "AttributeError"),
        ({"latest": {"M": {"stop": {"M": {}}}}}, "KeyError"),
    ],
)
def test_an_opt_out_that_cannot_be_read_is_unavailable_and_named(
    dynamodb: DynamoDBClient, damage: dict[str, Any], error: str
) -> None:
    register().add(SOMEBODY, [stated(Kind.STOP)])
    (item,) = dynamodb.scan(TableName="state")["Items"]
    dynamodb.put_item(TableName="state", Item={**item, **damage})

    for read in (lambda: opt_out_store().get(SOMEBODY), lambda: opt_out_store().listed(cursor=None, limit=10)):
        with pytest.raises(Unavailable, match=f"opt-out#[0-9a-f]{{64}} cannot be read: {error}"):
            read()

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from sms_tracker.aws.api import Api
from sms_tracker.aws.opt_outs import OptOutStore
from sms_tracker.aws.outbox import OutboxStore
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.opt_out import Kind, Recipient, Statement
from sms_tracker.domain.outbox import OutboxItem
from sms_tracker.domain.ports import BusEvent
from sms_tracker.domain.report import timestamp
from sms_tracker.services.opt_outs import OptOutRegister
from tests import tables
from tests.moto_client import json_client
from tests.opt_outs import blocked_by

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SOMEBODY = Recipient(scope="sender:twilio:+15551234567", number="+31612345678")
KEY = b"k" * 32


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        made = tables.client()
        tables.create(made, "MessagesTable", "messages")
        tables.create(made, "StateTable", "state")
        yield made


def store(api: Api | None = None) -> OptOutStore:
    return OptOutStore(api or json_client("dynamodb"), state="state", messages="messages", key=lambda: KEY)


def register(api: Api | None = None, now: datetime = NOON) -> OptOutRegister:
    return OptOutRegister(opt_outs=store(api), clock=lambda: now)


def stated(kind: Kind, minutes: int = 0, reason: str = "") -> Statement:
    return Statement(kind=kind, at=timestamp(NOON + timedelta(minutes=minutes)), source="twilio", reason=reason)


def events(dynamodb: DynamoDBClient) -> list[dict[str, Any]]:
    found = [json.loads(item["detail"]["S"]) for item in dynamodb.scan(TableName="messages")["Items"]]
    return sorted(found, key=lambda each: each["version"])


@pytest.mark.usefixtures("dynamodb")
def test_a_recipient_without_statements_is_not_blocked() -> None:
    known = store().get(SOMEBODY)

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
        Recipient(scope=SOMEBODY.scope, number="+31687654321"),
    ]

    assert [blocked_by(register(), each) for each in others] == [None, None]
    assert SOMEBODY.number not in dynamodb.scan(TableName="state")["Items"][0]["pk"]["S"]


def test_a_repeated_or_outdated_statement_writes_nothing(dynamodb: DynamoDBClient) -> None:
    register().add(SOMEBODY, [stated(Kind.STOP, 5)])
    for statement in (stated(Kind.STOP, 5), stated(Kind.STOP, 4)):
        assert register().add(SOMEBODY, [statement]).version == 1

    assert len(events(dynamodb)) == 1


@pytest.mark.usefixtures("dynamodb")
def test_statements_in_any_order_are_stored_alike() -> None:
    given = [stated(Kind.STOP, 1), stated(Kind.START, 2), stated(Kind.STOP, 3), stated(Kind.ADDED, reason="a letter")]
    ends = set()
    for number, order in enumerate(permutations(given)):
        recipient = Recipient(scope="all", number=f"+3161234{number:04d}")
        for statement in order:
            register().add(recipient, [statement])
        known = store().get(recipient)
        ends.add((tuple(sorted(known.opt_out.latest.items())), known.opt_out.blocked_by(NOON)))

    assert len(ends) == 1


def test_a_write_that_another_one_overtook_is_read_and_joined_again(dynamodb: DynamoDBClient) -> None:
    inner = json_client("dynamodb")
    overtaken = iter([stated(Kind.ADDED), stated(Kind.START, 9)])

    def api(operation: str, **arguments: Any) -> dict[str, Any]:
        if operation != "GetItem" and (other := next(overtaken, None)) is not None:
            register(inner).add(SOMEBODY, [other])
        return inner(operation, **arguments)

    register(api).add(SOMEBODY, [stated(Kind.STOP)])

    assert set(store().get(SOMEBODY).opt_out.latest) == {Kind.STOP, Kind.ADDED, Kind.START}
    assert [each["version"] for each in events(dynamodb)] == [1]


def test_a_lost_reply_is_noticed_and_publishes_once(dynamodb: DynamoDBClient) -> None:
    inner = json_client("dynamodb")

    def api(operation: str, **arguments: Any) -> dict[str, Any]:
        answer = inner(operation, **arguments)
        return inner(operation, **arguments) if operation == "TransactWriteItems" else answer

    assert register(api).add(SOMEBODY, [stated(Kind.STOP)]).version == 1
    assert len(events(dynamodb)) == 1


@pytest.mark.usefixtures("dynamodb")
def test_a_statement_that_never_gets_through_is_not_taken_for_stored() -> None:
    inner = json_client("dynamodb")
    minutes = iter(range(100))

    def api(operation: str, **arguments: Any) -> dict[str, Any]:
        if operation != "GetItem":
            register(inner).add(SOMEBODY, [stated(Kind.ADDED, next(minutes))])
        return inner(operation, **arguments)

    with pytest.raises(Unavailable):
        register(api).add(SOMEBODY, [stated(Kind.STOP)])


@pytest.mark.usefixtures("dynamodb")
def test_the_list_shows_the_latest_change_first_page_by_page() -> None:
    for minutes in range(5):
        now = NOON + timedelta(minutes=minutes)
        register(now=now).add(Recipient(scope="all", number=f"+3161234567{minutes}"), [stated(Kind.ADDED)])
    first = store().listed(cursor=None, limit=3)
    second = store().listed(cursor=first.next, limit=3)

    assert [each.recipient.number[-1] for each in (*first.items, *second.items)] == ["4", "3", "2", "1", "0"]
    assert second.next is None
    assert [each.recipient.number[-1] for each in store().all()] == ["4", "3", "2", "1", "0"]


@pytest.mark.usefixtures("dynamodb")
def test_an_outbox_item_is_stored_once() -> None:
    first, second = (BusEvent(source="s", detail_type="d", detail=detail) for detail in ('{"n":1}', '{"n":2}'))
    outbox = OutboxStore(json_client("dynamodb"), "messages")

    known = [outbox.put(OutboxItem(identity="twilio#SM1", event=each, expires_at=1)) for each in (first, second)]

    assert known == [None, first]


def test_a_forgotten_number_stays_blocked_and_nothing_readable_is_left(dynamodb: DynamoDBClient) -> None:
    outbox = OutboxStore(json_client("dynamodb"), "messages")
    register().add(SOMEBODY, [stated(Kind.STOP)])
    register().add(Recipient(scope="all", number="+31687654321"), [stated(Kind.STOP)])
    for key in [*outbox.holding(SOMEBODY.number)]:
        outbox.delete(key)
    store().forget(SOMEBODY)

    left = json.dumps([dynamodb.scan(TableName=name)["Items"] for name in ("state", "messages")])
    assert SOMEBODY.number not in left
    assert "+31687654321" in left
    assert blocked_by(register(), SOMEBODY) == stated(Kind.STOP)
    assert "" in [each.recipient.number for each in store().all()]


@pytest.mark.usefixtures("dynamodb")
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

    for read in (lambda: store().get(SOMEBODY), lambda: store().listed(cursor=None, limit=10)):
        with pytest.raises(Unavailable, match=f"opt-out#[0-9a-f]{{64}} cannot be read: {error}"):
            read()

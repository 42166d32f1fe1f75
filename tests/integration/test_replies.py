"""The queue ``inbound``: replies become events; replies and refusals become opt-outs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from sms_tracker.aws.api import Api
from sms_tracker.aws.opt_outs import OptOutStore
from sms_tracker.aws.outbox import OutboxStore
from sms_tracker.aws.store import MessageSearch, MessageStore
from sms_tracker.domain.http import HttpResponse, NoResponse
from sms_tracker.domain.inbound import RawInbound, RefusedSend, encode
from sms_tracker.domain.keywords import Keyword
from sms_tracker.domain.opt_out import Kind, Recipient, Statement
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.domain.state import initial_state
from sms_tracker.services.opt_outs import OptOutRegister, OptOutSources
from sms_tracker.services.replies import ReplyProcessor
from sms_tracker.services.track import track
from tests import tables
from tests.factories import MESSAGE_ID, record, report
from tests.fakes import TWILIO, FixedSettings, MemoryQueue, ScriptedHttp
from tests.moto_client import json_client
from tests.opt_outs import blocked_by

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
UNANSWERED = NoResponse(written=True, reason="ReadTimeout")
PERSON, NUMBER, OTHER, SERVICE = "+31612345678", "+15551234567", "+15557654321", "MG" + "1" * 32


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        made = tables.client()
        tables.create(made, "MessagesTable", "messages")
        tables.create(made, "StateTable", "state")
        yield made


@pytest.fixture
def dead() -> MemoryQueue:
    return MemoryQueue()


def register(api: Api, now: datetime = NOON) -> OptOutRegister:
    store = OptOutStore(api, state="state", messages="messages", key=lambda: b"k" * 32)
    return OptOutRegister(opt_outs=store, clock=lambda: now)


def sources(*answers: HttpResponse | NoResponse) -> OptOutSources:
    settings = FixedSettings({"bird": {"api_key": "bk_us1_key"}, "twilio": TWILIO})
    return OptOutSources(settings=settings, http=ScriptedHttp(answers or (UNANSWERED,)), monotonic=lambda: 1000.0)


def processor(
    dead: MemoryQueue,
    mode: ScopeMode = ScopeMode.SENDER,
    api: Api | None = None,
    asked: OptOutSources | None = None,
    now: datetime = NOON,
) -> ReplyProcessor:
    aws = api or json_client("dynamodb")
    return ReplyProcessor(
        register=None if mode is ScopeMode.OFF else register(aws),
        sources=asked or sources(),
        mode=mode,
        outbox=OutboxStore(aws, "messages"),
        messages=MessageStore(aws, "messages"),
        search=MessageSearch(aws, "messages"),
        dlq=dead,
        clock=lambda: now,
        claim=timedelta(seconds=35),
    )


def reply(text: str = "STOP", minutes: int = 0, sid: str = "SM1", **fields: str) -> str:
    known = {"MessageSid": sid, "From": PERSON, "To": NUMBER, "Body": text, "SmsStatus": "received"}
    at = timestamp(NOON + timedelta(minutes=minutes))
    return encode(RawInbound(provider="twilio", received_at=at, fields={**known, **fields}))


def blocked(sender: str = NUMBER, number: str = PERSON, provider: str = "twilio", now: datetime = NOON) -> Kind | None:
    block = blocked_by(
        register(json_client("dynamodb"), now), Recipient(scope=f"sender:{provider}:{sender.casefold()}", number=number)
    )
    return block.kind if block else None


def events(dynamodb: DynamoDBClient, kind: str) -> list[dict[str, Any]]:
    items = dynamodb.scan(TableName="messages")["Items"]
    return [json.loads(item["detail"]["S"]) for item in items if item.get("outbox", {}).get("S") == kind]


def test_a_stop_blocks_the_sender_it_was_sent_to_and_no_other(dynamodb: DynamoDBClient, dead: MemoryQueue) -> None:
    processor(dead).process(reply())

    assert [blocked(), blocked(OTHER), blocked(provider="messagebird")] == [Kind.STOP, None, None]
    (received,) = events(dynamodb, "SMS Received")
    assert (received["from"], received["to"], received["body"], received["keyword"]) == (PERSON, NUMBER, "STOP", "stop")
    assert len(events(dynamodb, "SMS Opt-Out Changed")) == 1


@pytest.mark.usefixtures("dynamodb")
def test_a_stop_to_a_number_of_a_service_blocks_both(dead: MemoryQueue) -> None:
    processor(dead).process(reply(MessagingServiceSid=SERVICE))

    assert [blocked(), blocked(SERVICE)] == [Kind.STOP, Kind.STOP]


@pytest.mark.usefixtures("dynamodb")
def test_a_stop_by_rcs_blocks_the_messaging_service(dead: MemoryQueue) -> None:
    # Found in openclaw/openclaw#102373
    processor(dead).process(reply(From=f"rcs:{PERSON}", To="rcs:my_shop_agent", MessagingServiceSid=SERVICE))

    assert blocked(SERVICE) is Kind.STOP


@pytest.mark.usefixtures("dynamodb")
def test_a_stop_to_a_number_of_a_pool_blocks_the_pool_of_the_message_that_it_answers(dead: MemoryQueue) -> None:
    # Found in docs.aws.amazon.com, "Self-managed opt-outs" and the payload of a two-way SMS message
    pool = f"pool-{'a' * 32}"
    store = MessageStore(json_client("dynamodb"), "messages")
    store.put(record(state=initial_state(attempt=1, at=timestamp(NOON), provider="aws"), to=PERSON, sender=pool))
    track(store, MESSAGE_ID, [report(provider="aws", provider_message_id="aws-1")], now=timestamp(NOON))
    fields = {"originationNumber": PERSON, "destinationNumber": NUMBER, "messageKeyword": "STOP"}

    def replied(text: str, inbound_id: str, answered: str, minutes: int = 0) -> None:
        told = {**fields, "messageBody": text, "inboundMessageId": inbound_id, "previousPublishedMessageId": answered}
        at = timestamp(NOON + timedelta(minutes=minutes))
        processor(dead).process(encode(RawInbound(provider="aws", received_at=at, fields=told)))

    replied("STOP", "in-0", "aws-unknown")
    assert [blocked(each, provider="aws") for each in (NUMBER, pool)] == [Kind.STOP, None]
    replied("STOP", "in-1", "aws-1")
    assert [blocked(each, provider="aws") for each in (NUMBER, pool)] == [Kind.STOP, Kind.STOP]
    replied("START", "in-2", "aws-1", minutes=1)
    assert [blocked(each, provider="aws") for each in (NUMBER, pool)] == [None, None]


@pytest.mark.usefixtures("dynamodb")
def test_a_start_ends_it_in_whatever_order_the_two_arrive(dead: MemoryQueue) -> None:
    for body in (reply("start", 5, "SM2"), reply("stop", 0, "SM1"), reply("start", 5, "SM2")):
        processor(dead).process(body)

    assert blocked() is None


def test_a_repeated_reply_is_published_once(dynamodb: DynamoDBClient, dead: MemoryQueue) -> None:
    for _ in range(3):
        processor(dead).process(reply())

    assert [len(events(dynamodb, kind)) for kind in ("SMS Received", "SMS Opt-Out Changed")] == [1, 1]


@pytest.mark.usefixtures("dynamodb")
def test_a_stop_that_comes_again_after_a_start_is_still_ended(dead: MemoryQueue) -> None:
    for body in (reply("stop", 0, "SM1"), reply("start", 1, "SM2"), reply("stop", 2, "SM1")):
        processor(dead).process(body)

    assert blocked() is None


def dated(seconds: float) -> HttpResponse:
    """Twilio's record of a reply that came ``seconds`` after noon."""
    made = {"date_created": format_datetime(NOON + timedelta(seconds=seconds))}
    return HttpResponse(200, {}, json.dumps(made).encode())


UNKNOWN = HttpResponse(404, {}, b'{"code": 20404}')


def told(dead: MemoryQueue, *replies: tuple[str, HttpResponse | NoResponse]) -> None:
    """Hear each text, the minutes of its receipt and its id, while Twilio gives that answer."""
    for body, answer in replies:
        assert processor(dead, asked=sources(answer)).process(body).decision == "heard"


EARLIER_STOP, LATER_START = reply("stop", 5, "SM1"), reply("start", 1, "SM2")
EARLIER_START, LATER_STOP = reply("start", 5, "SM1"), reply("stop", 1, "SM2")


def test_twilios_clock_decides_between_a_stop_and_a_start_that_overtook_each_other(
    dynamodb: DynamoDBClient, dead: MemoryQueue
) -> None:
    told(dead, (LATER_START, dated(20)), (EARLIER_STOP, dated(10)))

    assert blocked() is None
    assert {each["sent_at"] for each in events(dynamodb, "SMS Received")} == {
        timestamp(NOON + timedelta(seconds=10)),
        timestamp(NOON + timedelta(seconds=20)),
    }


@pytest.mark.usefixtures("dynamodb")
def test_a_stop_that_overtook_an_earlier_start_stays(dead: MemoryQueue) -> None:
    told(dead, (LATER_STOP, dated(20)), (EARLIER_START, dated(10)))

    assert blocked() is Kind.STOP


@pytest.mark.usefixtures("dynamodb")
def test_of_a_stop_and_a_start_within_twilios_second_the_stop_wins(dead: MemoryQueue) -> None:
    told(dead, (EARLIER_STOP, dated(10)), (LATER_START, dated(10)))

    assert blocked() is Kind.STOP


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize("answer", [UNANSWERED, UNKNOWN, HttpResponse(503, {}, b"")])
def test_where_twilio_cannot_be_asked_the_first_receipt_counts(
    dead: MemoryQueue, answer: HttpResponse | NoResponse
) -> None:
    told(dead, (reply("start", 1, "SM2"), answer), (reply("stop", 5, "SM1"), answer))
    assert blocked() is Kind.STOP
    told(dead, (reply("start", 6, "SM3"), answer))
    assert blocked() is None


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize(
    ("minutes", "first", "again"), [(1, dated(10), UNANSWERED), (1, dated(10), dated(50)), (0, UNANSWERED, dated(50))]
)
def test_a_reply_that_comes_again_keeps_its_date_whatever_twilio_answers_then(
    dead: MemoryQueue, minutes: int, first: HttpResponse | NoResponse, again: HttpResponse | NoResponse
) -> None:
    told(dead, (reply("stop", minutes, "SM1"), first), (reply("start", 1, "SM2"), dated(30)))
    assert blocked() is None
    told(dead, (reply("stop", minutes, "SM1"), again))

    assert blocked() is None


@pytest.mark.usefixtures("dynamodb")
def test_twilio_is_asked_about_no_reply_but_a_stop_and_a_start(dead: MemoryQueue) -> None:
    asked = sources(dated(10))
    for number, text in enumerate(["help", "thanks!", "please stop sending", "stop", "start"]):
        processor(dead, asked=asked).process(reply(text, sid=f"SM{number}"))
    processor(dead, ScopeMode.OFF, asked=asked).process(reply("stop", sid="SM5"))

    urls = [each.url.rpartition("/")[2] for each in asked.http.requests]  # type: ignore[attr-defined]
    assert urls == ["SM3.json", "SM4.json"]


def test_half_a_surrogate_pair_in_a_reply_becomes_a_question_mark(dynamodb: DynamoDBClient, dead: MemoryQueue) -> None:
    results = [processor(dead).process(reply("Bye \ud83d")), processor(dead).process(reply("stop", sid="SM\ud83d"))]

    assert [each.decision for each in results] == ["heard", "heard"]
    assert sorted(each["body"] for each in events(dynamodb, "SMS Received")) == ["Bye ?", "stop"]
    assert blocked() is Kind.STOP


def test_help_and_free_text_move_nothing_and_a_wish_is_flagged(dynamodb: DynamoDBClient, dead: MemoryQueue) -> None:
    results = [
        processor(dead).process(reply(text, sid=f"SM{n}"))
        for n, text in enumerate(["help", "thanks!", "please stop sending"])
    ]

    assert blocked() is None
    assert [(each.keyword, each.looks_like_opt_out) for each in results] == [
        (Keyword.HELP, False),
        (None, False),
        (None, True),
    ]
    assert sorted(each["looks_like_opt_out"] for each in events(dynamodb, "SMS Received")) == [False, False, True]


@pytest.mark.usefixtures("dynamodb")
def test_the_providers_signal_comes_before_the_word(dead: MemoryQueue) -> None:
    processor(dead).process(reply("basta", OptOutType="STOP"))

    assert blocked() is Kind.STOP


def listed(*found: dict[str, Any]) -> HttpResponse:
    pair = {"destination": PERSON, "originator": NUMBER}
    return HttpResponse(200, {}, json.dumps({"data": [pair | each for each in found]}).encode())


RULES = listed({"operation": "start", "effective_keywords": ["START", "JA"]})
ALL = listed({"reason": "keyword_stop", "applies_to": "all"})
NOT_TRANSACTIONAL = listed({"reason": "keyword_stop", "applies_to": "non_transactional"})
MANUAL = listed({"reason": "manual", "applies_to": "all"})
NONE, DOWN, FORBIDDEN = listed(), HttpResponse(503, {}, b""), HttpResponse(403, {}, b"")


def at_bird(text: str | None = "STOP", minutes: int = 0) -> str:
    """A person's text, or Bird's notice of a suppression."""
    at = timestamp(NOON + timedelta(minutes=minutes))
    pair = {"sms_id": f"sms_{text}", "from": PERSON, "to": NUMBER, "text": text}
    notice = {"suppression_id": "ssu_1", "destination": PERSON, "originator": NUMBER, "reason": "keyword_stop"}
    kind, data = ("sms_suppression.created", notice) if text is None else ("sms.received", pair)
    body = json.dumps({"type": kind, "timestamp": at, "data": data})
    return encode(RawInbound(provider="bird", received_at=at, fields={"body": body}))


def latest(provider: str = "bird") -> set[Kind]:
    stored = register(json_client("dynamodb")).opt_outs.get(
        Recipient(scope=f"sender:{provider}:{NUMBER}", number=PERSON)
    )
    return set(stored.opt_out.latest)


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (ALL, {Kind.STOP}),
        (NOT_TRANSACTIONAL, {Kind.STOP_MARKETING}),
        (MANUAL, {Kind.REFUSED}),
        (NONE, set()),  # it has ended since
        (FORBIDDEN, {Kind.STOP}),
    ],
)
def test_a_providers_notice_blocks_what_the_provider_says_it_covers(
    dead: MemoryQueue, answer: HttpResponse, kinds: set[Kind]
) -> None:
    result = processor(dead, asked=sources(answer)).process(at_bird(None))

    assert (result.decision, latest()) == ("heard", kinds)


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize(
    ("answer", "kinds"),
    [(ALL, {Kind.STOP}), (NOT_TRANSACTIONAL, {Kind.STOP_MARKETING}), (FORBIDDEN, {Kind.STOP})],
)
def test_a_persons_stop_covers_what_the_provider_says(
    dead: MemoryQueue, answer: HttpResponse, kinds: set[Kind]
) -> None:
    result = processor(dead, asked=sources(RULES, answer)).process(at_bird())

    assert (result.decision, latest()) == ("heard", kinds)


@pytest.mark.parametrize("answer", [NONE, DOWN, MANUAL])
def test_a_stop_that_the_provider_has_not_recorded_blocks_everything_at_once_and_for_good_after_five_minutes(
    dynamodb: DynamoDBClient, dead: MemoryQueue, answer: HttpResponse
) -> None:
    early, late = (
        processor(dead, asked=sources(RULES, answer), now=NOON + timedelta(minutes=minutes)) for minutes in (4.9, 5)
    )

    assert (early.process(at_bird()).decision, blocked(provider="bird")) == ("waiting", Kind.REFUSED)
    assert (late.process(at_bird()).decision, blocked(provider="bird")) == ("heard", Kind.STOP)
    assert [len(events(dynamodb, kind)) for kind in ("SMS Received", "SMS Opt-Out Changed")] == [1, 1]


@pytest.mark.usefixtures("dynamodb")
def test_a_stop_that_a_start_has_ended_waits_for_nothing(dead: MemoryQueue) -> None:
    processor(dead, asked=sources(RULES)).process(at_bird("START", minutes=1))

    assert processor(dead, asked=sources(RULES, NONE)).process(at_bird()).decision == "heard"
    assert blocked(provider="bird") is None


@pytest.mark.usefixtures("dynamodb")
def test_a_notice_waits_while_the_provider_is_down_and_then_covers_everything(dead: MemoryQueue) -> None:
    assert processor(dead, asked=sources(DOWN)).process(at_bird(None)).decision == "waiting"
    assert blocked(provider="bird") is Kind.REFUSED
    late = processor(dead, asked=sources(DOWN), now=NOON + timedelta(minutes=5))

    assert (late.process(at_bird(None)).decision, blocked(provider="bird")) == ("heard", Kind.STOP)


def test_the_first_notice_that_covers_transactional_messages_too_is_published(
    dynamodb: DynamoDBClient, dead: MemoryQueue
) -> None:
    for answer in (NOT_TRANSACTIONAL, ALL, NOT_TRANSACTIONAL):
        processor(dead, asked=sources(answer)).process(at_bird(None))

    causes = [each["cause"] for each in events(dynamodb, "SMS Opt-Out Changed")]
    assert sorted(causes) == ["stop", "stop_marketing"]


@pytest.mark.usefixtures("dynamodb")
def test_a_start_in_the_numbers_own_words_ends_a_stop(dead: MemoryQueue) -> None:
    processor(dead, asked=sources(ALL)).process(at_bird(None))
    processor(dead, asked=sources(RULES)).process(at_bird("Ja!", minutes=1))

    assert blocked(provider="bird") is None


def test_where_opt_outs_are_off_no_provider_is_asked(dynamodb: DynamoDBClient, dead: MemoryQueue) -> None:
    off = processor(dead, ScopeMode.OFF)

    assert [off.process(at_bird(text)).decision for text in ("STOP", "START", None)] == ["heard"] * 3
    assert (off.sources.http.requests, len(events(dynamodb, "SMS Received"))) == ([], 2)  # type: ignore[attr-defined]


def test_where_opt_outs_are_off_a_reply_is_published_all_the_same(dynamodb: DynamoDBClient, dead: MemoryQueue) -> None:
    processor(dead, ScopeMode.OFF).process(reply())

    assert (blocked(), len(events(dynamodb, "SMS Received"))) == (None, 1)


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize("clock", ["2026-01-31T15:00:00Z", "2031-01-31T12:00:00Z"])
def test_a_time_from_a_clock_that_is_ahead_counts_as_the_receipt(dead: MemoryQueue, clock: str) -> None:
    # Found in RestComm/smscgateway#115, signalapp/Signal-Android#1543
    fields = {"id": "1", "originator": PERSON, "recipient": NUMBER, "payload": "START", "createdDatetime": clock}
    heard = RawInbound(provider="messagebird", received_at=timestamp(NOON), fields=fields)
    stop = {**fields, "id": "2", "payload": "STOP", "createdDatetime": "2026-01-31T12:05:00Z"}
    stopped = RawInbound(provider="messagebird", received_at=timestamp(NOON + timedelta(minutes=5)), fields=stop)
    for each in (heard, stopped):
        processor(dead).process(encode(each))

    assert blocked(provider="messagebird") is Kind.STOP


@pytest.mark.usefixtures("dynamodb")
def test_by_client_a_stop_blocks_every_client_that_wrote_to_the_person(dead: MemoryQueue) -> None:
    store = MessageStore(json_client("dynamodb"), "messages")
    for number, client in enumerate(["shop", "bank", "shop"]):
        store.put(replace(record(message_id=f"{number}{MESSAGE_ID[1:]}"), client=client, to=PERSON))
    processor(dead, ScopeMode.CLIENT).process(reply())
    found = [
        blocked_by(register(json_client("dynamodb")), Recipient(scope=f"client:{name}", number=PERSON))
        for name in ("shop", "bank", "other")
    ]

    assert [block and block.kind for block in found] == [Kind.STOP, Kind.STOP, None]


@pytest.mark.usefixtures("dynamodb")
def test_a_refusal_blocks_for_a_day_from_the_start_of_its_attempt(dead: MemoryQueue) -> None:
    sent = replace(record(), to=PERSON, sender=NUMBER, created_at=timestamp(NOON))
    MessageStore(json_client("dynamodb"), "messages").put(sent)
    body = encode(RefusedSend(message_id=sent.message_id, attempt=1))

    assert processor(dead).process(body).decision == "refusal"
    assert [blocked(now=NOON + timedelta(hours=hours)) for hours in (0, 23.9, 24)] == [Kind.REFUSED, Kind.REFUSED, None]


@pytest.mark.usefixtures("dynamodb")
def test_a_start_after_the_attempt_began_outweighs_its_refusal(dead: MemoryQueue) -> None:
    sent = replace(record(), to=PERSON, sender=NUMBER, created_at=timestamp(NOON))
    MessageStore(json_client("dynamodb"), "messages").put(sent)
    processor(dead).process(reply("start", 1))
    processor(dead).process(encode(RefusedSend(message_id=sent.message_id, attempt=1)))

    assert blocked() is None


@pytest.mark.usefixtures("dynamodb")
def test_a_refusal_of_a_message_that_is_gone_or_forgotten_is_ignored(dead: MemoryQueue) -> None:
    MessageStore(json_client("dynamodb"), "messages").put(replace(record(), to=""))
    refusals = [RefusedSend(message_id=known, attempt=1) for known in (MESSAGE_ID, "0" + MESSAGE_ID[1:])]

    assert [processor(dead).process(encode(each)).decision for each in refusals] == ["ignored", "ignored"]


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize(
    "body",
    [
        "{}",
        encode(RawInbound(provider="nobody", received_at="", fields={})),
        reply(From=""),
        encode(
            RawInbound(provider="twilio", received_at="today", fields={"MessageSid": "1", "From": PERSON, "To": NUMBER})
        ),
    ],
)
def test_what_cannot_be_read_goes_to_the_dead_letters_with_its_reason(dead: MemoryQueue, body: str) -> None:
    result = processor(dead).process(body)

    assert (result.decision, PERSON in str(result.error)) == ("dead", False)
    assert dead.bodies == [body]


def test_a_statement_that_is_older_changes_nothing(dynamodb: DynamoDBClient, dead: MemoryQueue) -> None:
    who = Recipient(scope=f"sender:twilio:{NUMBER}", number=PERSON)
    later = Statement(kind=Kind.LIFTED, at=timestamp(NOON + timedelta(hours=1)), source="ops", reason="consent")
    register(json_client("dynamodb")).add(who, [later])
    processor(dead).process(reply())

    assert (blocked(), events(dynamodb, "SMS Opt-Out Changed")) == (None, [])

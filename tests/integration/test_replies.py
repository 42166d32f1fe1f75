"""The queue ``inbound``: replies become events; replies and refusals become opt-outs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from types_boto3_dynamodb import DynamoDBClient

from sms_tracker.aws.outbox import OutboxStore
from sms_tracker.aws.store import MessageSearch, MessageStore
from sms_tracker.domain.http import HttpResponse, NoResponse
from sms_tracker.domain.opt_out import Keyword, Kind, Recipient, Statement
from sms_tracker.domain.queued import RawInbound, RefusedSend, encode_reply
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.domain.state import initial_state
from sms_tracker.services.opt_outs import OptOutSources
from sms_tracker.services.replies import ReplyProcessor
from sms_tracker.services.track import track
from tests.factories import MESSAGE_ID, record, report
from tests.fakes import TWILIO, FixedSettings, MemoryQueue, ScriptedHttp, ignore_failed_call
from tests.integration.stored_opt_outs import NOON, opt_out_store, register
from tests.moto_client import json_client
from tests.opt_outs import blocked_by

pytestmark = pytest.mark.usefixtures("dynamodb")
Answer = HttpResponse | NoResponse
UNANSWERED = NoResponse(written=True, reason="ReadTimeout")
PERSON, NUMBER, OTHER, SERVICE = "+31612345678", "+15551234567", "+15557654321", "MG" + "1" * 32


def sources(*answers: Answer) -> OptOutSources:
    settings = FixedSettings({"bird": {"api_key": "bk_us1_key"}, "twilio": TWILIO})
    return OptOutSources(
        settings=settings,
        http=ScriptedHttp(answers or (UNANSWERED,)),
        now=lambda: 1000.0,
        failed=ignore_failed_call,
    )


def processor(
    asked: OptOutSources | None = None,
    mode: ScopeMode = ScopeMode.SENDER,
    now: datetime = NOON,
    dead: MemoryQueue | None = None,
) -> ReplyProcessor:
    aws = json_client("dynamodb")
    return ReplyProcessor(
        register=None if mode is ScopeMode.OFF else register(aws),
        sources=asked or sources(),
        mode=mode,
        outbox=OutboxStore(aws, "messages"),
        messages=MessageStore(aws, "messages"),
        search=MessageSearch(aws, "messages"),
        dlq=dead or MemoryQueue(),
        clock=lambda: now,
        claim=timedelta(seconds=35),
    )


def decided(*bodies: str, **how: Any) -> list[str]:
    return [processor(**how).process(body).decision for body in bodies]


def reply(text: str = "STOP", minutes: float = 0, sid: str = "SM1", **fields: str) -> str:
    known = {"MessageSid": sid, "From": PERSON, "To": NUMBER, "Body": text, "SmsStatus": "received"}
    at = timestamp(NOON + timedelta(minutes=minutes))
    return encode_reply(RawInbound(provider="twilio", received_at=at, fields={**known, **fields}))


def blocked(sender: str = NUMBER, provider: str = "twilio", now: datetime = NOON) -> Kind | None:
    recipient = Recipient(scope=f"sender:{provider}:{sender.casefold()}", number=PERSON)
    block = blocked_by(register(clock=lambda: now), recipient)
    return block.kind if block else None


def events(dynamodb: DynamoDBClient, kind: str = "SMS Received") -> list[dict[str, Any]]:
    items = dynamodb.scan(TableName="messages")["Items"]
    return [json.loads(item["detail"]["S"]) for item in items if item.get("outbox", {}).get("S") == kind]


def event_counts(dynamodb: DynamoDBClient) -> list[int]:
    """The number of replies and of changed opt-outs."""
    return [len(events(dynamodb, kind)) for kind in ("SMS Received", "SMS Opt-Out Changed")]


def test_a_stop_blocks_the_sender_it_was_sent_to_and_no_other_and_is_published_once(dynamodb: DynamoDBClient) -> None:
    decided(*[reply()] * 3)

    assert [blocked(), blocked(OTHER), blocked(provider="messagebird")] == [Kind.STOP, None, None]
    (received,) = events(dynamodb)
    assert (received["from"], received["to"], received["body"], received["keyword"]) == (PERSON, NUMBER, "STOP", "stop")
    assert event_counts(dynamodb) == [1, 1]


def test_a_stop_to_a_number_of_a_service_blocks_both() -> None:
    decided(reply(MessagingServiceSid=SERVICE))

    assert [blocked(), blocked(SERVICE)] == [Kind.STOP, Kind.STOP]


def test_a_stop_by_rcs_blocks_the_messaging_service() -> None:
    # Found in openclaw/openclaw#102373
    decided(reply(From=f"rcs:{PERSON}", To="rcs:my_shop_agent", MessagingServiceSid=SERVICE))

    assert blocked(SERVICE) is Kind.STOP


def test_a_stop_to_a_number_of_a_pool_blocks_the_pool_of_the_message_that_it_answers() -> None:
    # Found in docs.aws.amazon.com, "Self-managed opt-outs" and the payload of a two-way SMS message
    pool = f"pool-{'a' * 32}"
    store = MessageStore(json_client("dynamodb"), "messages")
    store.put(record(state=initial_state(attempt=1, at=timestamp(NOON), provider="aws"), to=PERSON, sender=pool))
    track(store, MESSAGE_ID, [report(provider="aws", provider_message_id="aws-1")], now=timestamp(NOON))
    fields = {"originationNumber": PERSON, "destinationNumber": NUMBER, "messageKeyword": "STOP"}

    def blocked_after(text: str, inbound_id: str, answered: str, minutes: int = 0) -> list[Kind | None]:
        told = {**fields, "messageBody": text, "inboundMessageId": inbound_id, "previousPublishedMessageId": answered}
        at = timestamp(NOON + timedelta(minutes=minutes))
        decided(encode_reply(RawInbound(provider="aws", received_at=at, fields=told)))
        return [blocked(each, provider="aws") for each in (NUMBER, pool)]

    assert blocked_after("STOP", "in-0", "aws-unknown") == [Kind.STOP, None]
    assert blocked_after("STOP", "in-1", "aws-1") == [Kind.STOP, Kind.STOP]
    assert blocked_after("START", "in-2", "aws-1", minutes=1) == [None, None]


def sent() -> str:
    """The message id of one that was sent at noon."""
    made = replace(record(), to=PERSON, sender=NUMBER, created_at=timestamp(NOON))
    MessageStore(json_client("dynamodb"), "messages").put(made)
    return made.message_id


REFUSED = encode_reply(RefusedSend(message_id=MESSAGE_ID, attempt=1))


@pytest.mark.parametrize(
    ("bodies", "block"),
    [
        pytest.param([reply("start", 5, "SM2"), reply(), reply("start", 5, "SM2")], None, id="a start that came first"),
        pytest.param([reply(), reply("start", 1, "SM2"), reply("stop", 2)], None, id="a stop again after its start"),
        pytest.param([reply("basta", OptOutType="STOP")], Kind.STOP, id="the provider's signal before the word"),
        pytest.param([reply("start", 1), REFUSED], None, id="a start after the refused attempt began"),
    ],
)
def test_the_latest_statement_decides(bodies: list[str], block: Kind | None) -> None:
    sent()
    decided(*bodies)

    assert blocked() is block


def test_a_refusal_blocks_for_a_day_from_the_start_of_its_attempt() -> None:
    assert sent() == MESSAGE_ID
    assert decided(REFUSED) == ["refusal"]
    assert [blocked(now=NOON + timedelta(hours=hours)) for hours in (0, 23.9, 24)] == [Kind.REFUSED, Kind.REFUSED, None]


def test_a_refusal_of_a_message_that_is_gone_or_forgotten_is_ignored() -> None:
    MessageStore(json_client("dynamodb"), "messages").put(replace(record(), to=""))
    gone = encode_reply(RefusedSend(message_id="0" + MESSAGE_ID[1:], attempt=1))

    assert decided(REFUSED, gone) == ["ignored", "ignored"]


def test_a_statement_that_is_older_changes_nothing(dynamodb: DynamoDBClient) -> None:
    who = Recipient(scope=f"sender:twilio:{NUMBER}", number=PERSON)
    later = Statement(kind=Kind.LIFTED, at=timestamp(NOON + timedelta(hours=1)), source="ops", reason="consent")
    register().add(who, [later])
    decided(reply())

    assert (blocked(), event_counts(dynamodb)) == (None, [1, 0])


# -- Twilio's time of a reply


def dated(seconds: float) -> HttpResponse:
    """Twilio's record of a reply that came ``seconds`` after noon."""
    made = {"date_created": format_datetime(NOON + timedelta(seconds=seconds))}
    return HttpResponse(200, {}, json.dumps(made).encode())


UNKNOWN = HttpResponse(404, {}, b'{"code": 20404}')
STOP_SECOND, START_FIRST = reply("stop", 5, "SM1"), reply("start", 1, "SM2")
START_SECOND, STOP_FIRST = reply("start", 5, "SM1"), reply("stop", 1, "SM2")


def received(*replies: tuple[str, Answer]) -> None:
    """Process each body while Twilio gives the answer beside it."""
    for body, answer in replies:
        assert decided(body, asked=sources(answer)) == ["heard"]


@pytest.mark.parametrize(
    ("first", "second", "seconds", "block"),
    [
        pytest.param(START_FIRST, STOP_SECOND, (20, 10), None, id="the start is later"),
        pytest.param(STOP_FIRST, START_SECOND, (20, 10), Kind.STOP, id="the stop is later"),
        pytest.param(STOP_SECOND, START_FIRST, (10, 10), Kind.STOP, id="of one second the stop wins"),
    ],
)
def test_twilios_clock_decides_between_replies_that_overtook_each_other(
    dynamodb: DynamoDBClient, first: str, second: str, seconds: tuple[float, float], block: Kind | None
) -> None:
    received((first, dated(seconds[0])), (second, dated(seconds[1])))

    assert blocked() is block
    assert {each["sent_at"] for each in events(dynamodb)} == {timestamp(NOON + timedelta(seconds=s)) for s in seconds}


@pytest.mark.parametrize("answer", [UNANSWERED, UNKNOWN, HttpResponse(503, {}, b"")])
def test_where_twilio_cannot_be_asked_the_first_receipt_counts(answer: Answer) -> None:
    received((reply("start", 1, "SM2"), answer), (reply("stop", 5, "SM1"), answer))
    assert blocked() is Kind.STOP
    received((reply("start", 6, "SM3"), answer))
    assert blocked() is None


@pytest.mark.parametrize(
    ("minutes", "first", "again"), [(1, dated(10), UNANSWERED), (1, dated(10), dated(50)), (0, UNANSWERED, dated(50))]
)
def test_a_reply_that_comes_again_keeps_its_date_whatever_twilio_answers_then(
    minutes: int, first: Answer, again: Answer
) -> None:
    received((reply("stop", minutes, "SM1"), first), (reply("start", 1, "SM2"), dated(30)))
    assert blocked() is None
    received((reply("stop", minutes, "SM1"), again))

    assert blocked() is None


def test_twilio_is_asked_about_no_reply_but_a_stop_and_a_start() -> None:
    asked = sources(dated(10))
    texts = ("help", "thanks!", "please stop sending", "stop", "start")
    decided(*(reply(text, sid=f"SM{number}") for number, text in enumerate(texts)), asked=asked)
    decided(reply("stop", sid="SM5"), asked=asked, mode=ScopeMode.OFF)

    urls = [each.url.rpartition("/")[2] for each in asked.http.requests]  # type: ignore[attr-defined]
    assert urls == ["SM3.json", "SM4.json"]


# -- Texts


def test_half_a_surrogate_pair_in_a_reply_becomes_a_question_mark(dynamodb: DynamoDBClient) -> None:
    assert decided(reply("Bye \ud83d"), reply("stop", sid="SM\ud83d")) == ["heard", "heard"]
    assert sorted(each["body"] for each in events(dynamodb)) == ["Bye ?", "stop"]
    assert blocked() is Kind.STOP


@pytest.mark.parametrize(
    ("text", "keyword", "wish"),
    [("help", Keyword.HELP, False), ("thanks!", None, False), ("please stop sending", None, True)],
)
def test_help_and_free_text_move_nothing_and_a_wish_is_flagged(
    dynamodb: DynamoDBClient, text: str, keyword: Keyword | None, *, wish: bool
) -> None:
    result = processor().process(reply(text))

    assert (result.keyword, result.looks_like_opt_out, blocked()) == (keyword, wish, None)
    assert [each["looks_like_opt_out"] for each in events(dynamodb)] == [wish]


# -- Bird's keywords and suppressions


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
    return encode_reply(RawInbound(provider="bird", received_at=at, fields={"body": body}))


@pytest.mark.parametrize(
    ("text", "answer", "kinds"),
    [
        (None, ALL, {Kind.STOP}),
        (None, NOT_TRANSACTIONAL, {Kind.STOP_MARKETING}),
        (None, MANUAL, {Kind.REFUSED}),
        (None, NONE, set()),  # it has ended since
        (None, FORBIDDEN, {Kind.STOP}),
        ("STOP", ALL, {Kind.STOP}),
        ("STOP", NOT_TRANSACTIONAL, {Kind.STOP_MARKETING}),
        ("STOP", FORBIDDEN, {Kind.STOP}),
    ],
)
def test_a_stop_and_a_notice_block_what_the_provider_says_they_cover(
    text: str | None, answer: HttpResponse, kinds: set[Kind]
) -> None:
    asked = sources(answer) if text is None else sources(RULES, answer)

    assert decided(at_bird(text), asked=asked) == ["heard"]
    stored = opt_out_store().get(Recipient(scope=f"sender:bird:{NUMBER}", number=PERSON))
    assert set(stored.opt_out.latest) == kinds


@pytest.mark.parametrize(
    ("text", "answers", "counts"),
    [
        ("STOP", (RULES, NONE), [1, 1]),
        ("STOP", (RULES, DOWN), [1, 1]),
        ("STOP", (RULES, MANUAL), [1, 1]),
        (None, (DOWN,), [0, 1]),
    ],
)
def test_what_the_provider_does_not_confirm_blocks_everything_at_once_and_for_good_after_five_minutes(
    dynamodb: DynamoDBClient, text: str | None, answers: tuple[HttpResponse, ...], counts: list[int]
) -> None:
    for minutes, decision, block in ((4.9, "waiting", Kind.REFUSED), (5, "heard", Kind.STOP)):
        now = NOON + timedelta(minutes=minutes)
        assert decided(at_bird(text), asked=sources(*answers), now=now) == [decision]
        assert blocked(provider="bird") is block

    assert event_counts(dynamodb) == counts


def test_a_stop_that_a_start_has_ended_waits_for_nothing() -> None:
    decided(at_bird("START", minutes=1), asked=sources(RULES))

    assert decided(at_bird(), asked=sources(RULES, NONE)) == ["heard"]
    assert blocked(provider="bird") is None


def test_the_first_notice_that_covers_transactional_messages_too_is_published(dynamodb: DynamoDBClient) -> None:
    for answer in (NOT_TRANSACTIONAL, ALL, NOT_TRANSACTIONAL):
        decided(at_bird(None), asked=sources(answer))

    causes = [each["cause"] for each in events(dynamodb, "SMS Opt-Out Changed")]
    assert sorted(causes) == ["stop", "stop_marketing"]


def test_a_start_in_the_numbers_own_words_ends_a_stop() -> None:
    decided(at_bird(None), asked=sources(ALL))
    decided(at_bird("Ja!", minutes=1), asked=sources(RULES))

    assert blocked(provider="bird") is None


# -- Other scopes, and what cannot be read


def test_where_opt_outs_are_off_no_provider_is_asked_and_replies_are_published(dynamodb: DynamoDBClient) -> None:
    asked = sources()
    bodies = [reply(), *(at_bird(text) for text in ("STOP", "START", None))]

    assert decided(*bodies, mode=ScopeMode.OFF, asked=asked) == ["heard"] * 4
    assert (asked.http.requests, blocked(), event_counts(dynamodb)) == ([], None, [3, 0])  # type: ignore[attr-defined]


@pytest.mark.parametrize("clock", ["2026-01-31T15:00:00Z", "2031-01-31T12:00:00Z"])
def test_a_time_from_a_clock_that_is_ahead_counts_as_the_receipt(clock: str) -> None:
    # Found in RestComm/smscgateway#115, signalapp/Signal-Android#1543
    fields = {"id": "1", "originator": PERSON, "recipient": NUMBER, "payload": "START", "createdDatetime": clock}
    heard = RawInbound(provider="messagebird", received_at=timestamp(NOON), fields=fields)
    stop = {**fields, "id": "2", "payload": "STOP", "createdDatetime": "2026-01-31T12:05:00Z"}
    stopped = RawInbound(provider="messagebird", received_at=timestamp(NOON + timedelta(minutes=5)), fields=stop)
    decided(encode_reply(heard), encode_reply(stopped))

    assert blocked(provider="messagebird") is Kind.STOP


def test_by_client_a_stop_blocks_every_client_that_wrote_to_the_person() -> None:
    store = MessageStore(json_client("dynamodb"), "messages")
    for number, client in enumerate(["shop", "bank", "shop"]):
        store.put(replace(record(message_id=f"{number}{MESSAGE_ID[1:]}"), client=client, to=PERSON))
    decided(reply(), mode=ScopeMode.CLIENT)
    scopes = ("client:shop", "client:bank", "client:other")
    found = [blocked_by(register(), Recipient(scope=scope, number=PERSON)) for scope in scopes]

    assert [block and block.kind for block in found] == [Kind.STOP, Kind.STOP, None]


WITHOUT_TIME = {"MessageSid": "1", "From": PERSON, "To": NUMBER}


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        encode_reply(RawInbound(provider="nobody", received_at="", fields={})),
        reply(From=""),
        encode_reply(RawInbound(provider="twilio", received_at="today", fields=WITHOUT_TIME)),
    ],
)
def test_what_cannot_be_read_goes_to_the_dead_letters_with_its_reason(body: str) -> None:
    dead = MemoryQueue()
    result = processor(dead=dead).process(body)

    assert (result.decision, PERSON in str(result.error)) == ("dead", False)
    assert dead.bodies == [body]

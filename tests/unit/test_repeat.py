"""A send with a lost answer at a provider with idempotency keys: the same request again, only if that is safe."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.status import Reason, Status
from sms_tracker.providers.bird.endpoint import EVENTS
from sms_tracker.reconcile.lookup import Budget
from sms_tracker.services.responses import ApiResponse
from tests.fakes import START, Answer, FixedSettings
from tests.setups import POLICY, REQUEST, RULES, UNHEARD, UNREACHED, SendSetup, answer
from tests.unit.test_reconcile import Setup

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SMS = "sms_01krdgeqcxet5s7t44vh8rt9mg"
BIRD = {"api_key": "bk_eu1_examplekey", "webhook_secret": "whsec_ZXhhbXBsZQ==", "category": "service"}
TAKEN = answer(202, {"id": SMS, "status": "accepted"})
REPLAY = {"idempotency_replay": "true"}
REPLAYED = answer(202, {"id": SMS, "status": "accepted"}, **REPLAY)
EMPTY = answer(200, {"data": [], "next_cursor": None})


def error(code: str, name: str = "A", **more: str) -> dict[str, object]:
    return {"error": {"type": "validation_error", "code": code, "name": name, "message": "No", **more}}


@dataclass
class Bird:
    """Answers searches by ``lists`` in turn (the last one again) and each POST by ``post``."""

    post: Answer | Callable[[], Answer] = TAKEN
    lists: list[Answer] = field(default_factory=lambda: [EMPTY])
    requests: list[HttpRequest] = field(default_factory=list)
    during: Callable[[HttpRequest], object] = lambda _: None

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        assert timeout > 0
        if "/v1/webhooks" in request.url:
            (url,) = parse_qs(urlsplit(request.url).query)["url"]
            ours = {"id": "we_1", "url": url, "status": "active", "events": [*EVENTS]}
            return answer(200, {"data": [ours], "next_cursor": None})
        self.requests.append(request)
        self.during(request)
        if request.method == "POST":
            return self.post() if callable(self.post) else self.post
        if "?" not in request.url:
            return answer(200, {"id": SMS, "status": "sent"})
        return self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]

    @property
    def posts(self) -> list[HttpRequest]:
        return [request for request in self.requests if request.method == "POST"]


class Lost(Setup):
    """A message with a lost answer, and the reconciler a little later."""

    def __init__(self, bird: Bird | None = None, *, age: timedelta = 11 * MINUTE, first: Answer = UNHEARD) -> None:
        super().__init__(age=age)
        self.bird = bird or Bird()
        self.account = self.bird  # type: ignore[assignment]  # it answers as the other one does
        policy = replace(
            POLICY, providers=("bird",), default_provider="bird", senders={"bird": "Acme"}, keeps_text=True
        )
        self.settings = FixedSettings(credentials={"bird": BIRD})
        self.sending = SendSetup(
            [first],
            messages=self.messages,
            settings=self.settings,
            clock=self.clock,
            rules=replace(RULES, policy=policy),
        )
        self.clock.now = START
        self.fields: dict[str, Any] = {"resend_if_lost": True}

    def sent(self, **fields: object) -> Lost:
        self.fields |= fields
        reply = self.again()
        assert reply.status == 202
        self.first = self.sending.http.requests[0]
        self.clock.now = START + 11 * MINUTE
        return self

    def run(self, age: timedelta | None = None) -> Counter[str]:
        """A run, which first checks the endpoint."""
        done = super().run(age)
        assert done.pop("endpoint-up") == 1
        return done

    @property
    def record(self) -> Record:
        (record,) = self.messages.records.values()
        return record

    def again(self) -> ApiResponse:
        return self.sending.post("order-42", **self.fields)

    def keep(self, **values: Any) -> None:
        """Lay ``values`` over the stored record."""
        self.messages.records[self.record.message_id] = replace(self.record, **values)


def found(lost: Lost, *, created: str = "2026-01-31T12:00:01Z") -> HttpResponse:
    """Bird's list with the message of the first request."""
    metadata = json.loads(lost.first.body)["metadata"]
    message = {"id": SMS, "status": "sent", "created_at": created, "metadata": metadata}
    return answer(200, {"data": [message], "next_cursor": None})


# -- when ----------------------------------------------------------------------------------------------------------


def test_what_two_searches_a_minute_apart_do_not_find_is_requested_again_byte_for_byte() -> None:
    lost = Lost().sent(validity_seconds=3600, category="marketing")
    times: list[datetime] = []
    lost.bird.during = lambda _: times.append(lost.clock.now)

    assert lost.run() == {"opened": 1, "absent-once": 1, "resent-accepted": 1}
    assert [request.method for request in lost.bird.requests] == ["GET", "GET", "POST"]
    assert times[1] - times[0] >= MINUTE
    assert lost.bird.posts == [lost.first]
    state = lost.record.state
    assert (lost.record.send.attempt, state.status, state.ids) == (1, Status.ACCEPTED, {1: SMS})
    assert lost.again().decision == "replayed"


@pytest.mark.parametrize("first", [UNHEARD, answer(500), answer(409, error("E01004")), answer(202)])
def test_whatever_made_the_outcome_unknown(first: Answer) -> None:
    assert Lost(first=first).sent().run()["resent-accepted"] == 1


def test_without_resend_if_lost_or_its_text_nothing_is_requested_again() -> None:
    lost = Lost().sent(resend_if_lost=False)
    assert lost.run() == {"opened": 1, "no-candidate": 1}
    assert (lost.bird.posts, lost.record.send.request) == ([], None)

    lost = Lost().sent()
    lost.keep(body=None)
    assert lost.run()["no-candidate"] == 1


@pytest.mark.parametrize(
    ("credentials", "text"),
    [
        ({"category": "marketing"}, REQUEST["body"]),
        ({"api_key": "bk_eu1_x"}, REQUEST["body"]),
        ({"api_key": "bk_us1_examplekey"}, REQUEST["body"]),
        ({"api_url": "https://elsewhere.example"}, REQUEST["body"]),
        ({}, "Your parcel was here"),
    ],
)
def test_another_request_is_not_made_under_the_same_key(credentials: dict[str, str], text: str) -> None:
    lost = Lost().sent()
    lost.settings.credentials = {"bird": {**BIRD, **credentials}}
    lost.keep(body=text)

    assert lost.run()["resent-request-changed"] == 1
    assert lost.bird.posts == []


@pytest.mark.parametrize(("before", "absent"), [([], {}), ([EMPTY], {"absent-once": 1})], ids=["first", "second"])
def test_each_search_may_find_it(before: list[Answer], absent: dict[str, int]) -> None:
    lost = Lost().sent()
    lost.bird.lists = [*before, found(lost)]
    assert lost.run() == {"opened": 1, "adopted": 1, **absent}
    assert lost.bird.posts == []


@pytest.mark.parametrize("second", [answer(503), UNHEARD, answer(200, {"data": []})])
def test_a_search_that_fails_is_none(second: Answer) -> None:
    lost = Lost(Bird(lists=[EMPTY, second])).sent()
    assert lost.run()["provider-did-not-answer"] == 1
    assert lost.bird.posts == []


def test_what_was_reported_between_the_searches_is_left_alone() -> None:
    lost = Lost().sent()
    reported = replace(lost.record.state, status=Status.DELIVERED, ids={1: SMS})
    lost.bird.during = lambda _: lost.keep(state=reported)

    assert lost.run() == {"opened": 1, "absent-once": 1, "settled-meanwhile": 1}
    assert lost.bird.posts == []


def test_a_record_that_cannot_be_read_for_now_is_searched_for_again_by_the_next_run() -> None:
    lost = Lost().sent()
    read = lost.messages.get

    def fail(_: str) -> Record:
        raise Unavailable("GetItem: ThrottlingException")

    lost.messages.get = fail  # type: ignore[assignment, method-assign]
    assert lost.run() == {"opened": 1, "absent-once": 1, "search-failed": 1}
    lost.messages.get = read  # type: ignore[method-assign]
    assert lost.run(22 * MINUTE) == {"absent-once": 1, "resent-accepted": 1}


@pytest.mark.parametrize(("validity", "minutes"), [(None, 59), (None, 60), (900, 14), (900, 15)])
def test_what_is_too_late_at_the_second_search_is_not_requested_again(validity: int | None, minutes: int) -> None:
    lost = Lost().sent(validity_seconds=validity)
    lost.run(minutes * MINUTE)
    assert lost.bird.posts == []


@pytest.mark.parametrize(
    "budget",
    [
        Budget(seconds=59, lookups=1000, rate=5),
        Budget(seconds=200, lookups=2, rate=5),
    ],  # the endpoint, the first search
    ids=["without a minute left", "without look-ups left"],
)
def test_a_run_without_room_for_a_second_search_leaves_both_to_the_next(budget: Budget) -> None:
    lost = Lost().sent()
    lost.budget = budget
    assert lost.run() == {"opened": 1, "absent-once": 1}
    assert lost.bird.posts == []
    lost.budget = Budget(seconds=200, lookups=1000, rate=5)
    assert lost.run(22 * MINUTE) == {"absent-once": 1, "resent-accepted": 1}


# -- what settles it -----------------------------------------------------------------------------------------------


def test_the_first_answer_given_again_settles_it() -> None:
    lost = Lost(Bird(post=REPLAYED)).sent()
    assert lost.run()["resent-accepted"] == 1
    assert lost.record.state.ids == {1: SMS}


def test_a_refusal_that_is_the_first_answer_settles_it() -> None:
    lost = Lost(Bird(post=answer(422, error("E12901", "SMSInvalidRecipient"), idempotency_replay="true"))).sent()

    assert lost.run()["resent-refused-by-provider"] == 1
    failure = lost.record.state.shown_failure
    assert failure is not None
    assert (lost.record.state.status, failure.reason) == (Status.FAILED, Reason.INVALID_RECIPIENT)
    assert lost.again().status == 422


@pytest.mark.parametrize(
    "post",
    [answer(402, error("E01902"), idempotency_replay="true"), answer(429, idempotency_replay="true")],
    ids=["our account", "not processed"],
)
def test_a_refusal_of_us_that_is_the_first_answer_leaves_the_message_to_its_client(post: Answer) -> None:
    lost = Lost(Bird(post=post)).sent()
    lost.run()
    assert lost.record.send.phase is SendPhase.RELEASED

    lost.sending.http.answers = [TAKEN]
    assert lost.again().decision == "accepted"
    assert lost.record.send.attempt == 2


@pytest.mark.parametrize(
    "post",
    [
        UNHEARD,
        UNREACHED,
        *(answer(409, error(code)) for code in ("E01004", "E01005")),
        *(answer(409, error(code), **REPLAY) for code in ("E01004", "E01005")),
        answer(422, error("E12901", "SMSInvalidRecipient")),
        answer(422, error("E12901", "SMSInvalidRecipient"), idempotency_replay="false"),
        answer(400, error("E01002")),
        answer(401, error("E01901")),
        answer(402, error("E01902")),
        answer(429, retry_after="1"),
        answer(500),
        answer(500, idempotency_replay="true"),
        answer(503, error("E01033")),
        answer(202, {"status": "accepted"}, **REPLAY),
        answer(303),
    ],
    ids=lambda post: f"{getattr(post, 'status', post)} {getattr(post, 'body', b'')[:40]!r}",
)
def test_no_other_answer_settles_it(post: Answer) -> None:
    lost = Lost(Bird(post=post)).sent()

    assert lost.run()["resent-outcome-unknown"] == 1
    assert (lost.record.state.status, lost.record.send.phase) == (Status.PENDING, SendPhase.CLAIMED)
    assert len(lost.bird.posts) == 1
    lost.clock.now += MINUTE
    assert lost.again().decision == "outcome-unknown"


def test_what_stays_unknown_is_requested_again_within_the_hour_and_ends_as_unknown() -> None:
    lost = Lost(Bird(post=UNHEARD)).sent()
    for minutes in range(11, 120, 5):
        lost.clock.now = max(lost.clock.now, START + minutes * MINUTE)
        lost.run()
    assert 2 <= len(lost.bird.posts) <= 6
    assert {request.body for request in lost.bird.posts} == {lost.first.body}
    lost.run(72 * HOUR)
    assert (lost.record.send.attempt, lost.record.state.status) == (1, Status.UNKNOWN)


def test_what_a_late_repetition_made_is_found() -> None:
    lost = Lost(Bird(post=UNHEARD)).sent()
    lost.run(50 * MINUTE)
    lost.bird.lists = [found(lost, created="2026-01-31T12:52:00Z")]
    assert lost.run(2 * HOUR)["adopted"] == 1


# -- two at once, and crashes --------------------------------------------------------------------------------------


def test_two_reconcilers_at_once_make_the_same_request() -> None:
    lost = Lost().sent()
    other = lost.reconciler()
    lost.bird.post = lambda: REPLAYED if len(lost.bird.posts) > 1 else TAKEN
    lost.reconcile_state.open(lost.record.message_id, due="2026-01-31T12:00:00.000Z")
    lost.meanwhile(other.run)
    lost.run()

    assert {(request.url, request.body) for request in lost.bird.posts} == {(lost.first.url, lost.first.body)}
    assert lost.record.state.ids == {1: SMS}


class Died(BaseException):
    """A crash of the function, at any call."""


@pytest.mark.parametrize("number", range(1, 4))
@pytest.mark.parametrize("carried_out", [True, False])
def test_a_crash_at_any_call_leaves_one_message(number: int, *, carried_out: bool) -> None:
    lost = Lost().sent()
    made: set[str] = set()

    def post() -> Answer:
        key = lost.bird.posts[-1].headers["idempotency-key"]
        known = key in made
        made.add(key)
        return REPLAYED if known else TAKEN

    def die(_: HttpRequest) -> None:
        if len(lost.bird.requests) == number:
            if carried_out and lost.bird.requests[-1].method == "POST":
                post()
            raise Died

    lost.bird.post, lost.bird.during = post, die
    with pytest.raises(Died):
        lost.run()
    lost.clock.now += 11 * MINUTE
    lost.run()

    assert len(made) == 1
    assert lost.record.state.ids == {1: SMS}

"""The chaos suite's ledger check on planted evidence: it finds each difference, and excuses what a kill explains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.chaos.checks import CHECKS, findings
from local.chaos.evidence import Evidence, declined
from local.chaos.plan import Message
from local.chaos.senders import Promise
from local.chaos.stream import Change, Image
from tests.unit.test_chaos_replies import PLANTED as REPLIES_PLANTED

TO, ID, SID = "+31610000001", "7b0c1f9e-0000-4000-8000-000000000001", "SM1"
CREATED = datetime(2026, 1, 31, 12, tzinfo=UTC)
URL = f"https://sms.example.com/webhooks/twilio?message_id={ID}&attempt=1"
MESSAGE = Message(
    number=1, provider="twilio", to=TO, way="as it should", end="delivered", client="waits", script={"name": "a"}
)
REPORT = {"provider_status": "delivered", "code": None, "source": "callback", "occurred_at": None}
RECORD: Mapping[str, Any] = {
    "message_id": ID,
    "status": "delivered",
    "final": True,
    "version": 2,
    "provider_message_id": SID,
    "failure": None,
    "reports": [REPORT],
    "created_at": CREATED.isoformat(),
}
POST = {"to": TO, "answered": 201, "error": None}
CALLBACK = {"word": "delivered", "code": None, "forged": False, "status": 204}
ENTRY: Mapping[str, Any] = {
    "id": SID,
    "to": TO,
    "callback_url": URL,
    "times_taken": 1,
    "handset": {"word": "delivered", "code": None},
    "callbacks": [CALLBACK],
}


def image(version: int | None, status: str, **values: Any) -> Image:
    usual = {"message_id": ID, "final": False, "code": None, "send": "answered", "reports": {}}
    return Image(version=version, status=status, **{**usual, **values})


def history(status: str = "delivered", code: str | None = None) -> list[Change]:
    new, moved = image(1, "pending"), image(2, status, code=code)
    return [Change(old=None, new=new), Change(old=new, new=moved)]


AGREED = Evidence(
    plan=[MESSAGE],
    promises={1: Promise(status=202, message_ids={ID}, last="202")},
    records={TO: [RECORD]},
    ledgers={"twilio": {"posts": [POST], "messages": [ENTRY]}},
    history=history(),
    events=[],
    queues={"UnmatchedQueueUrl": []},
    poison=frozenset(),
    cut_short=frozenset(),
    senders_killed=[],
    people=[],
    outbox=[],
    others=[],
    blocked=frozenset(),
    counted=1,
    counts_left=0,
)


def recorded(**values: Any) -> dict[str, list[Mapping[str, Any]]]:
    return {TO: [{**RECORD, **values}]}


def ledgers(*, posts: tuple[Mapping[str, Any], ...] = (POST,), **entry: Any) -> dict[str, Mapping[str, Any]]:
    return {"twilio": {"posts": posts, "messages": [{**ENTRY, **entry}]}}


def not_taken(*posts: Mapping[str, Any], **record: Any) -> Evidence:
    """Nothing was taken; by default the record ends as unknown."""
    values = {"status": "unknown", "provider_message_id": None, "reports": [], **record}
    told = [{"message_id": ID, "version": 2, "status": values["status"]}]
    moved = history(values["status"], (values.get("failure") or {}).get("code"))
    taken = {"twilio": {"posts": posts, "messages": []}}
    counted = sum(not declined(post) for post in posts)
    return replace(AGREED, records=recorded(**values), ledgers=taken, history=moved, events=told, counted=counted)


REFUSED = {"to": TO, "answered": 400, "error": 21211}
UNANSWERED = {"to": TO, "answered": None, "error": None}
OLD, NEW = image(1, "pending"), image(2, "delivered")

PLANTED: Mapping[str, Callable[[], Evidence]] = {
    "lost": lambda: replace(AGREED, records={}, history=[]),
    "sent twice": lambda: replace(AGREED, ledgers=ledgers(posts=(POST, POST))),
    "sent after all": lambda: replace(AGREED, promises={1: Promise(last="503 provider-unavailable")}),
    "never asked": not_taken,
    "wrong cost": lambda: replace(
        AGREED,
        records=recorded(attempt=1, cost={"1": {"amount": "0.07", "currency": "EUR"}}),
        ledgers=ledgers(charged="0.08 EUR"),
    ),
    "wrong final": lambda: replace(AGREED, ledgers=ledgers(handset={"word": "undelivered", "code": 30003})),
    "left open": lambda: replace(AGREED, records=recorded(final=False)),
    "report lost": lambda: replace(AGREED, records=recorded(reports=[])),
    "forged believed": lambda: replace(AGREED, ledgers=ledgers(callbacks=[{**CALLBACK, "forged": True}])),
    "event missing": lambda: replace(not_taken(UNANSWERED), events=[]),
    "event invented": lambda: replace(AGREED, events=[{"message_id": ID, "version": 2, "status": "delivered"}]),
    "version gap": lambda: replace(AGREED, history=[Change(old=None, new=OLD), Change(old=OLD, new=image(3, "sent"))]),
    "timeline": lambda: replace(AGREED, records=recorded(reports=[REPORT, REPORT])),
    "uncounted": lambda: replace(AGREED, counted=0),
    "not given back": lambda: replace(AGREED, counted=2),
    "left in a queue": lambda: replace(AGREED, queues={"UnmatchedQueueUrl": ["a report"]}),
}


def checks(evidence: Evidence) -> set[str]:
    return {check for check, _ in findings(evidence)}


def test_ledgers_that_agree_show_no_difference() -> None:
    assert findings(AGREED) == []


def test_there_is_a_planted_difference_for_each_check() -> None:
    assert PLANTED.keys() | REPLIES_PLANTED.keys() == CHECKS.keys()


@pytest.mark.parametrize("check", PLANTED)
def test_a_planted_difference_is_found(check: str) -> None:
    assert check in checks(PLANTED[check]())


def test_nobody_can_know_what_was_not_answered_or_was_answered_5xx() -> None:
    for post in (UNANSWERED, {"to": TO, "answered": 503, "error": None}):
        assert findings(not_taken(post)) == []


def test_a_refusal_that_the_record_does_not_know_is_a_difference() -> None:
    assert checks(not_taken(REFUSED)) == {"wrong final"}


@pytest.mark.parametrize(("phase", "wrong"), [("released", set()), ("claimed", {"left open"})])
def test_a_message_may_stay_open_only_where_its_send_was_released_and_its_client_gave_up(
    phase: str, wrong: set[str]
) -> None:
    unsent = replace(
        not_taken(REFUSED, status="pending", final=False, version=1),
        plan=[replace(MESSAGE, client="gives up")],
        promises={},
        history=[Change(old=None, new=image(1, "pending", send=phase))],
        events=[],
    )

    assert checks(unsent) == wrong


@pytest.mark.parametrize("posts", [(), (REFUSED,)])
def test_a_worker_killed_while_it_wrote_about_a_message_explains_unknown(
    posts: tuple[Mapping[str, Any], ...],
) -> None:
    assert findings(replace(not_taken(*posts), cut_short=frozenset({ID}))) == []


@pytest.mark.parametrize(("seconds", "explained"), [(1, True), (-1, False)])
def test_a_kill_at_random_explains_what_was_recorded_before_it(seconds: int, explained: bool) -> None:  # noqa: FBT001 - a row of the table
    killed = replace(not_taken(), senders_killed=[CREATED + timedelta(seconds=seconds)])

    assert (findings(killed) == []) is explained


def test_no_kill_explains_a_refusal_that_its_client_was_told_of() -> None:
    told = replace(not_taken(REFUSED), promises={1: Promise(status=422, message_ids={ID}, last="422")})

    assert checks(replace(told, cut_short=frozenset({ID}))) == {"wrong final"}


@pytest.mark.parametrize(("code", "wrong"), [("21211", set()), (None, {"wrong final"}), ("21610", {"wrong final"})])
def test_a_refusal_is_recorded_with_the_code_that_the_provider_gave(code: str | None, wrong: set[str]) -> None:
    evidence = not_taken(REFUSED, status="failed", failure={"code": code})
    refused = replace(
        evidence,
        plan=[replace(MESSAGE, end="refused")],
        promises={1: Promise(status=422, message_ids={ID}, last="422")},
    )

    assert checks(refused) == wrong


@pytest.mark.parametrize(("known", "wrong"), [("30003", set()), (None, {"wrong final"})])
def test_a_failure_must_know_the_code_though_no_report_of_it_arrived(known: str | None, wrong: set[str]) -> None:
    failed = replace(
        AGREED,
        records=recorded(
            status="undelivered", failure={"code": known}, reports=[{**REPORT, "provider_status": "undelivered"}]
        ),
        ledgers=ledgers(handset={"word": "undelivered", "code": 30003}, callbacks=[]),
        history=history("undelivered", known),
        events=[{"message_id": ID, "version": 2, "status": "undelivered"}],
    )

    assert checks(failed) == wrong


def refusal(**values: Any) -> Evidence:
    """A refusal that its client received, and that was given back."""
    evidence = not_taken(REFUSED, status="failed", failure={"code": "21211"})
    promises = {1: Promise(status=422, message_ids={ID}, last="422")}
    return replace(evidence, plan=[replace(MESSAGE, end="refused")], promises=promises, **values)


def test_a_refused_message_must_not_stay_counted() -> None:
    assert findings(refusal()) == []
    assert checks(refusal(counted=1)) == {"not given back"}


@pytest.mark.parametrize("answered", [None, 503])
def test_a_message_that_may_have_been_taken_must_stay_counted(answered: int | None) -> None:
    unknown = not_taken({"to": TO, "answered": answered, "error": None})

    assert findings(unknown) == []
    assert checks(replace(unknown, counted=0)) == {"uncounted"}


@pytest.mark.parametrize(
    "explained",
    [{"counts_left": 1}, {"cut_short": frozenset({ID})}, {"senders_killed": [CREATED]}],
    ids=["a write without an answer", "a kill while it was written", "a kill at random"],
)
def test_what_nobody_could_give_back_may_stay_counted_once(explained: Mapping[str, Any]) -> None:
    assert findings(refusal(counted=1, **explained)) == []
    assert checks(refusal(counted=2, **explained)) == {"not given back"}


def test_a_kill_after_a_message_was_taken_explains_no_further_count() -> None:
    assert checks(replace(AGREED, counted=2, cut_short=frozenset({ID}))) == {"not given back"}

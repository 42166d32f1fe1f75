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
from tests.unit.test_chaos_replies import NOTHING
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


def at(seconds: float) -> datetime:
    return CREATED + timedelta(seconds=seconds)


def image(version: int | None, status: str, **values: Any) -> Image:
    usual = {"message_id": ID, "final": False, "code": None, "send": "answered", "reports": {}}
    return Image(version=version, status=status, **{**usual, **values})


def history(status: str = "delivered", code: str | None = None) -> list[Change]:
    new, moved = image(1, "pending"), image(2, status, code=code)
    return [Change(old=None, new=new), Change(old=new, new=moved)]


AGREED = replace(
    NOTHING,
    plan=[MESSAGE],
    promises={1: Promise(status=202, message_ids={ID}, last="202")},
    records={TO: [RECORD]},
    ledgers={"twilio": {"posts": [POST], "messages": [ENTRY]}},
    history=history(),
    queues={"UnmatchedQueueUrl": []},
    counted=1,
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


def test_ledgers_that_agree_show_no_difference_and_one_is_planted_for_each_check() -> None:
    assert findings(AGREED) == []
    assert PLANTED.keys() | REPLIES_PLANTED.keys() == CHECKS.keys()


@pytest.mark.parametrize("check", PLANTED)
def test_a_planted_difference_is_found(check: str) -> None:
    assert check in checks(PLANTED[check]())


TOLD = {1: Promise(status=422, message_ids={ID}, last="422")}


def refusal(code: str | None = "21211", **values: Any) -> Evidence:
    """A refusal that its client received, that was recorded with this code, and that was given back."""
    evidence = not_taken(REFUSED, status="failed", failure={"code": code})
    return replace(evidence, plan=[replace(MESSAGE, end="refused")], promises=TOLD, **values)


KILLED = frozenset({ID})


EXPLAINED: Mapping[str, tuple[Evidence, set[str]]] = {
    "a refusal that the record does not know": (not_taken(REFUSED), {"wrong final"}),
    "a kill while the worker wrote about it": (replace(not_taken(), cut_short=KILLED), set()),
    "a kill while the worker wrote of a refusal": (replace(not_taken(REFUSED), cut_short=KILLED), set()),
    "a refusal that its client was told of": (
        replace(not_taken(REFUSED), promises=TOLD, cut_short=KILLED),
        {"wrong final"},
    ),
    "a kill at random after it was recorded": (replace(not_taken(), senders_killed=[at(1)]), set()),
    "a kill at random before it was recorded": (replace(not_taken(), senders_killed=[at(-1)]), {"never asked"}),
    "a refusal with the provider's code": (refusal("21211"), set()),
    "a refusal without its code": (refusal(None), {"wrong final"}),
    "a refusal with another code": (refusal("21610"), {"wrong final"}),
    "a refused message that stays counted": (refusal(counted=1), {"not given back"}),
    "a kill after the message was taken": (replace(AGREED, counted=2, cut_short=KILLED), {"not given back"}),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_only_what_a_kill_explains_is_excused(name: str) -> None:
    evidence, wrong = EXPLAINED[name]

    assert checks(evidence) == wrong


@pytest.mark.parametrize(("phase", "wrong"), [("released", set()), ("claimed", {"left open"})])
def test_only_a_released_message_may_stay_open(phase: str, wrong: set[str]) -> None:
    unsent = replace(
        not_taken(REFUSED, status="pending", final=False, version=1),
        plan=[replace(MESSAGE, client="gives up")],
        promises={},
        history=[Change(old=None, new=image(1, "pending", send=phase))],
        events=[],
    )

    assert checks(unsent) == wrong


@pytest.mark.parametrize(("known", "wrong"), [("30003", set()), (None, {"wrong final"})])
def test_a_failure_must_know_the_code_though_no_report_of_it_arrived(known: str | None, wrong: set[str]) -> None:
    reports = [{**REPORT, "provider_status": "undelivered"}]
    failed = replace(
        AGREED,
        records=recorded(status="undelivered", failure={"code": known}, reports=reports),
        ledgers=ledgers(handset={"word": "undelivered", "code": 30003}, callbacks=[]),
        history=history("undelivered", known),
        events=[{"message_id": ID, "version": 2, "status": "undelivered"}],
    )

    assert checks(failed) == wrong


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

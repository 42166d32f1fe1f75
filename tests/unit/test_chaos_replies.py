"""The chaos suite's check of replies on planted evidence, and the people that it makes up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import simulators
from local.chaos.evidence import Evidence
from local.chaos.replies import NUMBER, TEXTS, Person, people
from local.chaos.reply_checks import CHANGED, RECEIVED, reply_findings
from local.chaos.stream import OutboxItem

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
PERSON = Person(number="+31620000100", provider="twilio", texts=[])
RECEIVED_STOP: Mapping[str, Any] = {
    "provider": "twilio",
    "provider_message_id": "SM" + "a" * 32,
    "from": PERSON.number,
    "to": NUMBER,
    "body": "STOP",
    "keyword": "stop",
    "looks_like_opt_out": False,
    "sent_at": None,
}
BLOCKED: Mapping[str, Any] = {"to": PERSON.number, "blocked": True, "version": 1}


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat()


def callback(seconds: float, status: int | None = 200) -> dict[str, Any]:
    """One that was sent at ``seconds`` and again half a second later."""
    return {"status": status, "attempts": [{"at": at(seconds)}, {"at": at(seconds + 0.5)}]}


def reply(text: str = "STOP", seconds: float = 0, *, late: float = 0, **values: Any) -> dict[str, Any]:
    known = {"id": "a" * 32, "from": PERSON.number, "to": NUMBER, "text": text, "at": at(seconds), "forged": False}
    return {**known, "callbacks": [callback(seconds + late)], **values}


NOTHING = Evidence(
    plan=[], promises={}, records={}, ledgers={}, history=[], events=[], queues={}, poison=frozenset(),
    cut_short=frozenset(), senders_killed=[], people=[], outbox=[], others=[], blocked=frozenset(), counted=0,
    counts_left=0,
)  # fmt: skip


def evidence(
    *replies: Mapping[str, Any],
    received: tuple[Mapping[str, Any], ...] = (RECEIVED_STOP,),
    changed: tuple[Mapping[str, Any], ...] = (BLOCKED,),
    opted_out: bool = True,
    posts: tuple[float, ...] = (),
) -> Evidence:
    """A person who wrote ``replies``; a message to them was recorded two seconds after the first, posted if at all."""
    events = [(RECEIVED, detail) for detail in received] + [(CHANGED, detail) for detail in changed]
    ledger = {
        "replies": replies or (reply(),),
        "opted_out": [[PERSON.number, NUMBER]] if opted_out else [],
        "posts": [{"to": PERSON.number, "at": at(seconds)} for seconds in posts],
        "messages": [],
    }
    return replace(
        NOTHING,
        records={PERSON.number: [{"created_at": at(2)}]},
        ledgers={"twilio": ledger},
        people=[PERSON],
        outbox=[OutboxItem(read_at=NOON + timedelta(seconds=1), kind=kind, detail=detail) for kind, detail in events],
        others=[{"detail-type": kind, "detail": detail} for kind, detail in events],
        blocked=frozenset({PERSON.number} if opted_out else ()),
    )


FORGED = reply(forged=True, callbacks=[callback(0)])
PLANTED: Mapping[str, Callable[[], Evidence]] = {
    "event missing": lambda: replace(evidence(), others=evidence().others[1:]),
    "event invented": lambda: replace(evidence(), outbox=evidence().outbox[1:]),
    "forged believed": lambda: evidence(FORGED, received=(), changed=(), opted_out=False),
    "reply lost": lambda: evidence(received=()),
    "reply invented": lambda: evidence(received=({**RECEIVED_STOP, "body": "START"},)),
    "wrong opt-out": lambda: replace(evidence(), blocked=frozenset()),
    "sent nevertheless": lambda: evidence(posts=(3,)),
}


def checks(found: Evidence) -> set[str]:
    return {check for check, _ in reply_findings(found)}


def test_a_reply_with_its_event_and_a_forged_one_that_was_refused_show_no_difference() -> None:
    refused = reply(forged=True, callbacks=[callback(0, 403)])

    assert [*reply_findings(evidence())] == []
    assert checks(evidence(refused, received=(), changed=(), opted_out=False)) == set()


@pytest.mark.parametrize("check", PLANTED)
def test_a_planted_difference_is_found(check: str) -> None:
    assert check in checks(PLANTED[check]())


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"provider_message_id": "SM" + "b" * 32}, {"reply lost", "reply invented"}),
        ({"keyword": None}, {"reply invented"}),
        ({"looks_like_opt_out": True}, {"reply invented"}),
    ],
)
def test_an_event_has_to_say_what_was_written(changed: Mapping[str, Any], wrong: set[str]) -> None:
    assert checks(evidence(received=({**RECEIVED_STOP, **changed},))) == wrong


def test_of_two_copies_of_a_reply_one_event_is_left() -> None:
    assert checks(evidence(received=(RECEIVED_STOP, RECEIVED_STOP))) == set()
    assert checks(evidence(received=(RECEIVED_STOP, {**RECEIVED_STOP, "received_at": at(9)}))) == {"reply invented"}


def test_nobody_can_know_what_became_of_a_reply_that_was_never_acknowledged() -> None:
    given_up = reply(callbacks=[callback(0, None)])

    assert checks(evidence(given_up, received=(), changed=(), opted_out=True)) == {"wrong opt-out"}  # no event of it
    assert checks(replace(evidence(given_up, received=(), changed=()), blocked=frozenset())) == set()


START = reply("START", 5, id="b" * 32)
RECEIVED_START = {**RECEIVED_STOP, "provider_message_id": "SM" + "b" * 32, "body": "START", "keyword": "start"}


OTHER = {**RECEIVED_STOP, "provider_message_id": "SM" + "c" * 32, "body": "HELP", "keyword": "help"}
HELP = reply("HELP", 6, id="c" * 32)


@pytest.mark.parametrize(
    ("late", "sent_at", "further", "wrong"),
    [
        (1, None, False, {"wrong opt-out"}),
        (9, at(0), False, {"wrong opt-out"}),
        (9, at(0), True, {"wrong opt-out"}),  # the time of a reply that is no keyword does not matter
        (9, None, False, set()),
    ],
)
def test_undated_replies_may_be_reordered(late: float, sent_at: str | None, *, further: bool, wrong: set[str]) -> None:
    dated = [{**each, "sent_at": sent_at} for each in (RECEIVED_STOP, RECEIVED_START)]
    written, received = [reply(late=late), START, *[HELP] * further], (*dated, *[OTHER] * further)
    found = evidence(*written, received=received, opted_out=False)

    assert checks(replace(found, blocked=frozenset({PERSON.number}))) == wrong


def test_a_message_may_be_handed_over_after_a_start_and_if_it_was_recorded_before_the_stop_was_stored() -> None:
    received, changed = (RECEIVED_STOP, RECEIVED_START), (BLOCKED, {**BLOCKED, "blocked": False, "version": 2})
    started = evidence(reply(), START, received=received, changed=changed, opted_out=False, posts=(6,))
    before = replace(evidence(posts=(3,)), records={PERSON.number: [{"created_at": at(0.5)}]})

    assert checks(started) == checks(before) == set()


def test_everybody_stops_first_and_writes_known_texts_and_every_provider_has_somebody() -> None:
    everyone = people(12, seed=1)

    assert everyone == people(12, seed=1) != people(12, seed=2)
    assert {each.texts[0][0] for each in everyone} == {"STOP"}
    assert {text for each in everyone for text, _ in each.texts} <= TEXTS.keys()
    assert {each.provider for each in everyone} == set(simulators.names())
    assert len({each.number for each in everyone}) == 12

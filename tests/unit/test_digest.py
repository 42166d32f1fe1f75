"""The digest: people are told once, grouped, with what each failure means and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.failure import MEANING, Category, Reason
from sms_tracker.services.digest import Digested, digest, text
from sms_tracker.services.events import StatusChanged
from tests.fakes import MemoryTopic

PUBLISHED = Path(__file__).parents[2] / "events" / "published"
UNDELIVERED = json.loads((PUBLISHED / "undelivered.json").read_text())


def event(message_id: str = "m-1", version: int = 3, **values: Any) -> StatusChanged:
    return StatusChanged.model_validate(
        {**UNDELIVERED["detail"], "message_id": message_id, "version": version, **values}
    )


def failing(reason: Reason, code: str | None, category: Category = Category.TEMPORARY) -> dict[str, Any]:
    return {"failure": {"category": category, "reason": reason, "code": code, "message": None}}


def queued(made: StatusChanged) -> str:
    """As the queue holds it: in EventBridge's envelope."""
    return json.dumps({**UNDELIVERED, "detail": json.loads(made.detail())})


def test_a_batch_becomes_one_notification() -> None:
    topic = MemoryTopic()

    told = digest([("q-1", queued(event("m-1"))), ("q-2", queued(event("m-2")))], topic)

    assert told == Digested(failures=2)
    ((subject, body),) = topic.published
    assert subject == "sms-tracker: 2 messages not delivered"
    assert "2 x twilio, unreachable, code 30003" in body
    assert "m-1, m-2" in body


def test_one_failure_is_told_in_the_singular() -> None:
    topic = MemoryTopic()

    digest([("q-1", queued(event()))], topic)

    assert topic.published[0][0] == "sms-tracker: 1 message not delivered"


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_events_of_a_message_only_the_newest_counts(order: int) -> None:
    topic = MemoryTopic()
    old = queued(event("m-1", 3, **failing(Reason.UNREACHABLE, None)))
    new = queued(event("m-1", 4, **failing(Reason.LANDLINE, "30006")))

    told = digest([("q-1", old), ("q-2", new), ("q-3", old)][::order], topic)

    assert told.failures == 1
    assert "landline, code 30006" in topic.published[0][1]
    assert "unreachable" not in topic.published[0][1]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not JSON",
        "null",
        "{}",
        json.dumps(UNDELIVERED["detail"]),
        json.dumps({**UNDELIVERED, "detail": {**UNDELIVERED["detail"], "status": "lost"}}),
        "[" * 100_000,
        '{"detail": "\\ud800"}',
    ],
)
def test_what_cannot_be_read_goes_to_the_dlq_and_the_rest_is_told(body: str) -> None:
    topic = MemoryTopic()

    told = digest([("q-1", body), ("q-2", queued(event()))], topic)

    assert told == Digested(failures=1, unreadable=("q-1",))
    assert len(topic.published) == 1


def test_a_batch_with_nothing_readable_tells_nobody() -> None:
    topic = MemoryTopic()

    assert digest([("q-1", "?")], topic) == Digested(failures=0, unreadable=("q-1",))
    assert topic.published == []


def test_a_topic_that_does_not_take_it_makes_the_batch_come_again() -> None:
    with pytest.raises(Unavailable):
        digest([("q-1", queued(event()))], MemoryTopic(fail=True))


def test_the_most_frequent_comes_first() -> None:
    rare = [event("r-1", **failing(Reason.BLOCKED, "30004"))]
    often = [event(f"o-{n}", **failing(Reason.OPTED_OUT, "21610")) for n in range(3)]

    told = text([*rare, *often])

    assert told.index("3 x twilio, opted_out") < told.index("1 x twilio, blocked")


def test_groups_are_by_provider_reason_and_code() -> None:
    one = failing(Reason.UNREACHABLE, "30003")
    events = [
        event("a", **one),
        event("b", **one, provider="messagebird"),
        event("c", **failing(Reason.UNREACHABLE, None)),
    ]

    told = text(events)

    assert "1 x twilio, unreachable, code 30003" in told
    assert "1 x messagebird, unreachable, code 30003" in told
    assert "1 x twilio, unreachable\n" in told


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("category", Category)
def test_every_reason_is_told_with_what_to_do(reason: Reason, category: Category) -> None:
    told = text([event(**failing(reason, None, category))])

    assert MEANING[reason] in told
    assert "sending again" in told


def test_a_message_that_nobody_knows_the_end_of_is_told_as_such() -> None:
    told = text([event(status="unknown", outcome="unknown", failure=None)])

    assert "1 x twilio, unknown" in told
    assert "No final report came in time" in told


def test_a_big_group_names_some_and_counts_the_rest() -> None:
    told = text([event(f"m-{n}") for n in range(1000)])

    assert "m-4 and 995 more" in told
    assert "m-5" not in told


def test_the_largest_batch_fits_one_notification() -> None:
    long = [event(f"m-{n}", **failing(Reason.UNKNOWN, f"{n:0256d}")) for n in range(1000)]

    told = text(long)

    assert "... and 980 smaller groups." in told
    assert len(told.encode()) < 256 * 1024


def test_a_subject_is_short_plain_ascii() -> None:
    topic = MemoryTopic()

    digest([(str(n), queued(event(f"m-{n}"))) for n in range(1000)], topic)

    assert topic.published[0][0].isascii()
    assert len(topic.published[0][0]) < 100


def test_people_are_told_no_number_and_no_text() -> None:
    topic = MemoryTopic()

    personal: dict[str, Any] = {"to": "+31612345678", "from": "+15551234567", "body": "Your parcel is here"}

    digest([("q-1", queued(event(**personal)))], topic)

    for private in ("31612345678", "15551234567", "parcel"):
        assert private not in str(topic.published)


PRIVATE: dict[str, Any] = {
    "to": "+31612345678",
    "from": "+15551234567",
    "body": "Your parcel is here",
    "reference": "order-of-jane",
}


@pytest.mark.parametrize("outcome", ["failure", "unknown"])
def test_a_digest_has_nothing_personal_even_where_the_events_do(outcome: str) -> None:
    topic = MemoryTopic()
    failure = {**failing(Reason.UNREACHABLE, "30003")["failure"], "message": "+31612345678 is unreachable"}
    made = event(**PRIVATE, client="jane", failure=failure if outcome == "failure" else None, outcome=outcome)
    assert PRIVATE["to"] in queued(made)

    digest([("q-1", queued(made))], topic)

    ((subject, body),) = topic.published
    shown = subject + body
    assert [value for value in (*PRIVATE.values(), "jane", "31612345678") if value in shown] == []

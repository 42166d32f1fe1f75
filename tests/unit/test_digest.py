"""The digest: people are told once, grouped, with what each failure means and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.status import REASON_MEANINGS, Category, Reason
from sms_tracker.services.events import Digested, StatusChanged, digest, digest_text
from tests.fakes import MemoryTopic

UNDELIVERED = json.loads((Path(__file__).parents[2] / "events" / "published" / "undelivered.json").read_text())
PRIVATE: dict[str, Any] = {
    "to": "+31612345678",
    "from": "+15551234567",
    "body": "Your parcel is here",
    "reference": "order-of-jane",
    "client": "jane",
}


def event(message_id: str = "m-1", version: int = 3, **values: Any) -> StatusChanged:
    detail = {**UNDELIVERED["detail"], "message_id": message_id, "version": version, **values}
    return StatusChanged.model_validate(detail)


def failing(reason: Reason, code: str | None = None, category: Category = Category.TEMPORARY) -> dict[str, Any]:
    return {"failure": {"category": category, "reason": reason, "code": code, "message": None}}


def queued(made: StatusChanged) -> str:
    """As the queue holds it: in EventBridge's envelope."""
    return json.dumps({**UNDELIVERED, "detail": json.loads(made.detail())})


@pytest.fixture
def topic() -> MemoryTopic:
    return MemoryTopic()


@pytest.mark.parametrize(("count", "subject"), [(1, "1 message"), (2, "2 messages"), (1000, "1000 messages")])
def test_a_batch_becomes_one_notification_with_a_plain_subject(topic: MemoryTopic, count: int, subject: str) -> None:
    told = digest([(f"q-{n}", queued(event(f"m-{n}"))) for n in range(count)], topic)

    assert told == Digested(failures=count)
    ((shown, body),) = topic.published
    assert shown == f"sms-tracker: {subject} not delivered"
    assert f"{count} x twilio, unreachable, code 30003" in body
    assert "m-0, m-1" in body or count == 1


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_events_of_a_message_only_the_newest_counts(topic: MemoryTopic, order: int) -> None:
    old = queued(event("m-1", 3, **failing(Reason.UNREACHABLE)))
    new = queued(event("m-1", 4, **failing(Reason.LANDLINE, "30006")))

    told = digest([("q-1", old), ("q-2", new), ("q-3", old)][::order], topic)

    assert told.failures == 1
    assert "landline, code 30006" in topic.published[0][1]
    assert "unreachable" not in topic.published[0][1]


@pytest.mark.parametrize(
    "body",
    [
        *["", "not JSON", "null", "{}", "[" * 100_000, '{"detail": "\\ud800"}'],
        json.dumps(UNDELIVERED["detail"]),
        json.dumps({**UNDELIVERED, "detail": {**UNDELIVERED["detail"], "status": "lost"}}),
    ],
)
def test_what_cannot_be_read_goes_to_the_dlq_and_the_rest_is_told(topic: MemoryTopic, body: str) -> None:
    assert digest([("q-1", body)], topic) == Digested(failures=0, unreadable=("q-1",))
    assert topic.published == []
    assert digest([("q-1", body), ("q-2", queued(event()))], topic) == Digested(failures=1, unreadable=("q-1",))
    assert len(topic.published) == 1


def test_a_topic_that_does_not_take_it_makes_the_batch_come_again() -> None:
    with pytest.raises(Unavailable):
        digest([("q-1", queued(event()))], MemoryTopic(fail=True))


def test_groups_are_by_provider_reason_and_code_and_the_most_frequent_comes_first() -> None:
    one = failing(Reason.UNREACHABLE, "30003")
    rare = [event("a", **one), event("b", **one, provider="messagebird"), event("c", **failing(Reason.UNREACHABLE))]

    told = digest_text([*rare, *[event(f"o-{n}", **failing(Reason.OPTED_OUT, "21610")) for n in range(3)]])

    for group in ("twilio, unreachable, code 30003", "messagebird, unreachable, code 30003", "twilio, unreachable\n"):
        assert told.index("3 x twilio, opted_out") < told.index(f"1 x {group}")


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("category", Category)
def test_every_reason_is_told_with_what_to_do(reason: Reason, category: Category) -> None:
    told = digest_text([event(**failing(reason, None, category))])

    assert REASON_MEANINGS[reason] in told
    assert "sending again" in told


def test_a_message_that_nobody_knows_the_end_of_is_told_as_such() -> None:
    told = digest_text([event(status="unknown", outcome="unknown", failure=None)])

    assert "1 x twilio, unknown" in told
    assert "No final report came in time" in told


def test_a_big_group_names_some_and_the_largest_batch_fits_one_notification() -> None:
    one_group = digest_text([event(f"m-{n}") for n in range(1000)])
    many = digest_text([event(f"m-{n}", **failing(Reason.UNKNOWN, f"{n:0256d}")) for n in range(1000)])

    assert "m-4 and 995 more" in one_group
    assert "m-5" not in one_group
    assert "... and 980 smaller groups." in many
    assert len(many.encode()) < 256 * 1024


@pytest.mark.parametrize("outcome", ["failure", "unknown"])
def test_a_digest_has_nothing_personal_even_where_the_events_do(topic: MemoryTopic, outcome: str) -> None:
    failure = {**failing(Reason.UNREACHABLE, "30003")["failure"], "message": "+31612345678 is unreachable"}
    made = event(**{**PRIVATE, "failure": failure if outcome == "failure" else None, "outcome": outcome})
    assert PRIVATE["to"] in queued(made)

    digest([("q-1", queued(made))], topic)

    shown = str(topic.published)
    assert [value for value in (*PRIVATE.values(), "31612345678", "15551234567", "parcel") if value in shown] == []

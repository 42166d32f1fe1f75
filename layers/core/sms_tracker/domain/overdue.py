"""When a message without a final report is looked at again, and what is then to be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain, count, takewhile
from math import ceil

from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import timestamp


class Step(StrEnum):
    """What a record that is due needs."""

    NOTHING = "nothing"
    WAIT = "wait"
    GIVE_UP = "give-up"
    NOT_SENT = "not-sent"
    LOOK_UP = "look-up"
    SEARCH = "search"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How long is waited for what. ``later`` are ages at which an open message is looked at again; then daily.

    ``again`` is when a failure is looked at once more, after it became one.
    """

    first: timedelta = timedelta(minutes=10)
    later: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=6))
    released: timedelta = timedelta(minutes=15)
    unknown: timedelta = timedelta(hours=72)
    again: timedelta = timedelta(hours=1)


SENDS = 3
"""Times that a message with resend_if_lost is handed over at the most."""
_DAY = timedelta(days=1)


def step(record: Record, *, now: datetime, ages: Ages) -> Step:
    """The next thing to do; pure, so that two reconcilers at once decide the same."""
    if record.state.status.final:
        return Step.NOTHING
    if _waits_for(record, ages=ages) > now:
        return Step.WAIT
    if not_sent(record):
        return Step.NOT_SENT
    if now - datetime.fromisoformat(record.created_at) >= ages.unknown:
        return Step.GIVE_UP
    return Step.SEARCH if named(record) is None else Step.LOOK_UP


def due(record: Record, *, now: datetime, ages: Ages) -> str:
    """When to look again, RFC 3339."""
    if (waits := _waits_for(record, ages=ages)) > now:
        return timestamp(waits)
    created = datetime.fromisoformat(record.created_at)
    following = (created + age for age in _looks(ages) if created + age > now)
    return timestamp(next(following, now + _DAY))


def named(record: Record) -> tuple[int, str] | None:
    """The attempt whose id is to be looked up, with that id: the one the status is about.

    A send that was released and all the same named by the provider is looked up under the last name it was given.
    """
    attempt = record.state.attempt
    if record.send.phase is SendPhase.RELEASED and record.state.ids:
        attempt = max(record.state.ids)
    known = record.state.ids.get(attempt)
    return None if known is None else (attempt, known)


def not_sent(record: Record) -> bool:
    """Whether certainly no provider ever took it: released, never named, and no attempt before that was lost."""
    lost_before = record.resend_if_lost and record.send.attempt > 1
    return record.send.phase is SendPhase.RELEASED and not record.state.ids and not lost_before


def may_resend(record: Record, *, now: datetime) -> bool:
    """Whether its client lets a message that cannot be found be handed over once more, and there is a sense in it."""
    left = validity_left(record, now=now)
    wanted = record.resend_if_lost and record.body is not None and record.send.attempt < SENDS
    return wanted and record.send.phase is not SendPhase.ANSWERED and (left is None or left > 0)


def validity_left(record: Record, *, now: datetime) -> int | None:
    """Seconds in which delivery may still be tried, None for the provider's default."""
    if record.validity_seconds is None:
        return None
    return record.validity_seconds - ceil((now - datetime.fromisoformat(record.created_at)).total_seconds())


def asked_at(record: Record) -> datetime:
    """When the last attempt began."""
    return datetime.fromisoformat(record.created_at if record.send.attempt == 1 else record.state.at)


def _waits_for(record: Record, *, ages: Ages) -> datetime:
    """The time before which nothing is done about it."""
    if not_sent(record):
        return datetime.fromisoformat(record.updated_at) + ages.released
    first = asked_at(record) + ages.first
    if record.send.phase is SendPhase.CLAIMED and named(record) is None:
        return max(first, datetime.fromtimestamp(record.send.until, tz=UTC))
    return datetime.fromisoformat(record.created_at) + ages.first


def _looks(ages: Ages) -> Iterator[timedelta]:
    """The ages at which an open message is looked at, ascending; the last is when it is given up."""
    daily = (ages.later[-1] + n * _DAY for n in count(1))
    yield from takewhile(lambda age: age < ages.unknown, chain(ages.later, daily))
    yield ages.unknown

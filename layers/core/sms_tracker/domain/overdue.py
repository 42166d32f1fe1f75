"""When a message without a final report is due for the reconciler, and what to do with it then."""

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
    """The next step for a due record."""

    NOTHING = "nothing"
    WAIT = "wait"
    GIVE_UP = "give-up"
    NOT_SENT = "not-sent"
    LOOK_UP = "look-up"
    SEARCH = "search"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """Ages of a message. ``first`` and ``later`` are when an open one is looked at; then daily, until ``unknown``.

    A send that was not made fails after ``released``. A failure is looked at once more ``again`` after it failed.
    """

    first: timedelta = timedelta(minutes=10)
    later: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=6))
    released: timedelta = timedelta(minutes=15)
    unknown: timedelta = timedelta(hours=72)
    again: timedelta = timedelta(hours=1)


SENDS = 3
"""The most attempts of a message with resend_if_lost."""
_DAY = timedelta(days=1)


def step(record: Record, *, now: datetime, ages: Ages) -> Step:
    """The next step. It depends on the arguments alone, so two reconcilers at once take the same one."""
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
    """The attempt to look up and its provider id: the attempt of the status. None without an id.

    A released send that a provider nevertheless accepted is looked up by its last id.
    """
    attempt = record.state.attempt
    if record.send.phase is SendPhase.RELEASED and record.state.ids:
        attempt = max(record.state.ids)
    known = record.state.ids.get(attempt)
    return None if known is None else (attempt, known)


def not_sent(record: Record) -> bool:
    """Whether certainly no provider accepted it: released, without a provider id, and no earlier attempt was lost."""
    lost_before = record.resend_if_lost and record.send.attempt > 1
    return record.send.phase is SendPhase.RELEASED and not record.state.ids and not lost_before


def may_resend(record: Record, *, now: datetime, repeatable: int | None = None) -> bool:
    """Whether a message that cannot be found may be sent again: its client asked for it, and it can still help.

    As the next attempt; or, where its provider has an idempotency key, as the same request within ``repeatable``
    seconds of its recording.
    """
    left, age = validity_left(record, now=now), now - datetime.fromisoformat(record.created_at)
    if not record.resend_if_lost or record.body is None or (left is not None and left <= 0):
        return False
    if repeatable is None:
        return record.send.phase is not SendPhase.ANSWERED and record.send.attempt < SENDS
    is_same = record.send.phase is SendPhase.CLAIMED and record.send.request is not None
    return is_same and age < timedelta(seconds=repeatable)


def validity_left(record: Record, *, now: datetime) -> int | None:
    """Seconds left for delivery, None for the provider's default."""
    if record.validity_seconds is None:
        return None
    return record.validity_seconds - ceil((now - datetime.fromisoformat(record.created_at)).total_seconds())


def asked_at(record: Record) -> datetime:
    """When the last attempt began."""
    return datetime.fromisoformat(record.created_at if record.send.attempt == 1 else record.state.at)


def _waits_for(record: Record, *, ages: Ages) -> datetime:
    """The time before which a record is left alone."""
    if not_sent(record):
        return datetime.fromisoformat(record.updated_at) + ages.released
    first = asked_at(record) + ages.first
    if record.send.phase is SendPhase.CLAIMED and named(record) is None:
        return max(first, datetime.fromtimestamp(record.send.until, tz=UTC))
    return datetime.fromisoformat(record.created_at) + ages.first


def _looks(ages: Ages) -> Iterator[timedelta]:
    """The ages at which an open message is looked at, ascending; at the last one it is given up."""
    daily = (ages.later[-1] + n * _DAY for n in count(1))
    yield from takewhile(lambda age: age < ages.unknown, chain(ages.later, daily))
    yield ages.unknown

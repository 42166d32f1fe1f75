"""When the reconciler must check a message without a final report, and its next step then."""

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
    """Ages at which an open message is checked: ``first``, ``later``, then daily; at ``unknown`` it is given up.

    A released send fails after ``released``. A failed message is looked up once more, ``again`` after it failed.
    """

    first: timedelta = timedelta(minutes=10)
    later: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=6))
    released: timedelta = timedelta(minutes=15)
    unknown: timedelta = timedelta(hours=72)
    again: timedelta = timedelta(hours=1)


def step(record: Record, *, now: datetime, ages: Ages) -> Step:
    """The next step. It depends only on the arguments, so two reconcilers at once take the same one."""
    if record.state.status.final:
        return Step.NOTHING
    if _not_before(record, ages=ages) > now:
        return Step.WAIT
    if not_sent(record):
        return Step.NOT_SENT
    if now - datetime.fromisoformat(record.created_at) >= ages.unknown:
        return Step.GIVE_UP
    return Step.SEARCH if lookup_target(record) is None else Step.LOOK_UP


_DAY = timedelta(days=1)


def due(record: Record, *, now: datetime, ages: Ages) -> str:
    """When to check the message again, RFC 3339. Later checks are at ages counted from its creation."""
    if (earliest := _not_before(record, ages=ages)) > now:
        return timestamp(earliest)
    created = datetime.fromisoformat(record.created_at)
    later = (created + age for age in _check_ages(ages) if created + age > now)
    return timestamp(next(later, now + _DAY))


def lookup_target(record: Record) -> tuple[int, str] | None:
    """The attempt to look up, and its provider id: the attempt of the status. None without an id.

    A released send may have been accepted after all: its last attempt with an id is looked up.
    """
    ids, attempt = record.state.ids, record.state.attempt
    if record.send.phase is SendPhase.RELEASED and ids:
        attempt = max(ids)
    return (attempt, ids[attempt]) if attempt in ids else None


def lookup_provider(record: Record) -> str:
    """The provider that can be asked about the message: that of the attempt to look up, which may be an earlier one."""
    target = lookup_target(record)
    return record.state.provider if target is None else record.provider_of(target[0])


def not_sent(record: Record) -> bool:
    """Whether certainly no provider accepted it: released, no provider id, and no earlier attempt was lost."""
    lost_before = record.resend_if_lost and record.send.attempt > 1
    return record.send.phase is SendPhase.RELEASED and not record.state.ids and not lost_before


_MAX_SENDS = 3
"""The most attempts of a message with resend_if_lost."""


def may_resend(record: Record, *, now: datetime, repeatable: int | None = None) -> bool:
    """Whether a message that was not found may be sent again: its client allows it, and its validity has not ended.

    Without ``repeatable`` it is the next attempt. With it (the provider has idempotency keys) it is the same request,
    within ``repeatable`` seconds after ``created_at``.
    """
    left, age = validity_left(record, now=now), now - datetime.fromisoformat(record.created_at)
    if not record.resend_if_lost or record.body is None or (left is not None and left <= 0):
        return False
    if repeatable is None:
        return record.send.phase is not SendPhase.ANSWERED and record.send.attempt < _MAX_SENDS
    is_same = record.send.phase is SendPhase.CLAIMED and record.send.request is not None
    return is_same and age < timedelta(seconds=repeatable)


def validity_left(record: Record, *, now: datetime) -> int | None:
    """Seconds left for delivery, None for the provider's default."""
    if record.validity_seconds is None:
        return None
    return record.validity_seconds - ceil((now - datetime.fromisoformat(record.created_at)).total_seconds())


def attempt_started_at(record: Record) -> datetime:
    """When the last attempt began."""
    return datetime.fromisoformat(record.created_at if record.send.attempt == 1 else record.state.at)


def _not_before(record: Record, *, ages: Ages) -> datetime:
    """The earliest time of any check.

    - certainly not sent: ``released`` after its release, because its client may repeat it until then
    - claimed, without an id: ``first`` after its last attempt began, but not before the claim ends
    - any other: ``first`` after the message was created
    """
    if not_sent(record):
        return datetime.fromisoformat(record.updated_at) + ages.released
    if record.send.phase is SendPhase.CLAIMED and lookup_target(record) is None:
        claim_ends = datetime.fromtimestamp(record.send.until, tz=UTC)
        return max(attempt_started_at(record) + ages.first, claim_ends)
    return datetime.fromisoformat(record.created_at) + ages.first


def _check_ages(ages: Ages) -> Iterator[timedelta]:
    """The ages after the first check, ascending; at the last one the message is given up."""
    daily = (ages.later[-1] + n * _DAY for n in count(1))
    yield from takewhile(lambda age: age < ages.unknown, chain(ages.later, daily))
    yield ages.unknown

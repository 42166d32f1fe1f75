"""When a message without a final report is looked at again, and what is then to be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count

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
    """How long is waited for what. ``later`` are ages at which an open message is looked at again; then daily."""

    first: timedelta = timedelta(minutes=10)
    later: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=6))
    released: timedelta = timedelta(minutes=15)
    unknown: timedelta = timedelta(hours=72)


_DAY = timedelta(days=1)


def step(record: Record, *, now: datetime, ages: Ages) -> Step:
    """The next thing to do; pure, so that two reconcilers at once decide the same."""
    if record.state.status.final:
        return Step.NOTHING
    if record.send.phase is SendPhase.RELEASED:
        untouched = now - datetime.fromisoformat(record.updated_at)
        return Step.NOT_SENT if untouched >= ages.released else Step.WAIT
    if record.send.phase is SendPhase.CLAIMED and record.send.until > now.timestamp():
        return Step.WAIT
    if now - datetime.fromisoformat(record.created_at) >= ages.unknown:
        return Step.GIVE_UP
    return Step.SEARCH if record.state.provider_message_id is None else Step.LOOK_UP


def due(record: Record, *, now: datetime, ages: Ages) -> str:
    """When to look again, RFC 3339."""
    created = datetime.fromisoformat(record.created_at)
    if record.send.phase is SendPhase.RELEASED:
        return timestamp(max(now, datetime.fromisoformat(record.updated_at) + ages.released))
    if record.send.phase is SendPhase.CLAIMED and record.send.until > now.timestamp():
        return timestamp(datetime.fromtimestamp(record.send.until, tz=now.tzinfo))
    following = (created + age for age in _looks(ages) if created + age > now)
    return timestamp(next(following, now + _DAY))


def _looks(ages: Ages) -> Iterator[timedelta]:
    """The ages at which an open message is looked at, ascending; the last is when it is given up."""
    for age in (*ages.later, *(ages.later[-1] + n * _DAY for n in count(1))):
        if age >= ages.unknown:
            break
        yield age
    yield ages.unknown

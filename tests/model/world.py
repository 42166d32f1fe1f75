"""The model's world as one value: table, reconciler's state, provider's messages, queue, pending writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sms_tracker.domain.indexes import BY_TIME, time_shard
from sms_tracker.domain.indexes import shard as shard_of
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import timestamp
from tests.fakes import MemoryMessages
from tests.memory_search import MemorySearch
from tests.model.actors import TICKS, Call
from tests.model.values import Numbers

NUMBERS = Numbers()
WRITES = frozenset({"put", "change", "release", "take_over", "withdraw"})


LAST = 3
"""The last tick with interleaved actors; afterwards only the reconciler runs."""


class Violation(AssertionError):
    """A reachable state breaks a promise."""


@dataclass(frozen=True, slots=True)
class Post:
    """One create call that reached the provider. ``possible``: it may have been processed, as far as we know.

    ``key`` is its idempotency key, ``request`` the number of its request. ``running``: the provider still works on it.
    """

    message_id: str
    attempt: int
    author: str
    tick: int
    processed: bool
    possible: bool
    key: str = ""
    request: int = -1
    running: bool = False


@dataclass(frozen=True, slots=True)
class Actor:
    """One invocation: the numbers of its answers, and the tick of its start.

    ``done`` is how it ended, None while it runs. ``holds`` are a processor's messages, which return to the queue if it
    dies.
    """

    role: str
    name: str
    log: tuple[int, ...] = ()
    since: int | None = None
    done: str | None = None
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """One state. Records, calls, requests and answers are numbers; ``reported`` are the words of sent callbacks.

    ``kept`` has the provider's first answers: key, request, answer.
    """

    actors: tuple[Actor, ...]
    faults: int
    tick: int = 0
    records: tuple[tuple[str, int], ...] = ()
    agenda: tuple[tuple[str, str], ...] = ()
    walked: str = timestamp(TICKS[0])
    posts: tuple[Post, ...] = ()
    kept: tuple[tuple[str, int, int], ...] = ()
    reported: frozenset[tuple[str, str]] = frozenset()
    queue: tuple[str, ...] = ()
    flying: frozenset[int] = frozenset()

    def stored(self) -> dict[str, Record]:
        return {message_id: NUMBERS[number] for message_id, number in self.records}  # type: ignore[misc]  # records

    def lasting(self) -> tuple[object, ...]:
        """The state without running actors."""
        return self.records, self.agenda, self.walked, self.posts, self.kept, self.queue


def sid(number: int) -> str:
    """The provider's id for the message of a create call."""
    return f"SM{number:032d}"


def write(world: World, call: Call) -> tuple[World, Any]:
    """A conditional write to the table, and its answer.

    As in the real store, the reconciler tracks a message from a take-over on and until it is final.
    """
    records = dict(world.records)
    message_id = call.arguments[0] if isinstance(call.arguments[0], str) else call.arguments[0].message_id
    before = records.get(message_id)
    after, answer = _written(message_id, before, NUMBERS.of(call))
    if after == before:
        return world, answer
    if after is None:
        check_withdrawal(world, message_id)
        del records[message_id]
        return replace(world, records=tuple(sorted(records.items()))), answer
    new: Record = NUMBERS[after]  # type: ignore[assignment]  # a record
    check_write(world, world.stored().get(message_id), new)
    agenda = dict(world.agenda)
    if new.state.status.final:
        agenda.pop(message_id, None)
    elif call.name == "take_over":
        agenda[message_id] = call.arguments[3]
    records[message_id] = after
    return replace(world, records=tuple(sorted(records.items())), agenda=tuple(sorted(agenda.items()))), answer


@cache
def _written(message_id: str, before: int | None, number: int) -> tuple[int | None, Any]:
    """The record's number after a call, None where there is none, and the answer."""
    call: Call = NUMBERS[number]  # type: ignore[assignment]  # a call
    table = MemoryMessages({} if before is None else {message_id: NUMBERS[before]})  # type: ignore[dict-item]  # a record
    answer: Any = None
    match call.name, call.arguments:
        case "put", (record,):
            answer = table.put(record)
        case "change", (_, change):
            answer = table.change(message_id, change)
        case "release", (_, token, cause, now):
            table.release(message_id, token=token, cause=cause, now=now)
        case "withdraw", (_, token):
            table.withdraw(message_id, token=token)
        case _, (record, send, provider, now):
            answer = table.take_over(record, send, provider=provider, now=now)
    if not table.writes:
        return before, answer
    after = table.records.get(message_id)
    return NUMBERS.of(_without_idle_times(after)) if after else None, answer


def _without_idle_times(record: Record) -> Record:
    """Fewer states: no rule uses a report's time, nor the last write's except for a released send."""
    reports = {name: replace(entry, received=record.created_at) for name, entry in record.reports.items()}
    updated_at = record.updated_at if record.send.phase is SendPhase.RELEASED else record.created_at
    return replace(record, reports=reports, updated_at=updated_at)


def check_withdrawal(world: World, message_id: str) -> None:
    """Nothing may be known of a message that is forgotten, nor be under way."""
    if any(post.message_id == message_id and post.possible for post in world.posts):
        raise Violation("a record was withdrawn, and its message may have been sent")


def check_write(world: World, old: Record | None, new: Record) -> None:
    """Each change of state raises the version by one, no report is lost, and no foreign id is accepted."""
    ours = {sid(n) for n, post in enumerate(world.posts) if post.message_id == new.message_id and post.processed}
    if not {*new.state.ids.values()} <= ours:
        raise Violation("a record took another message's id")
    if old is None:
        return
    moved = new.state != old.state
    if new.version - old.version != int(moved):
        raise Violation(f"version {old.version} became {new.version}, moved: {moved}")
    if not {*old.reports} <= {*new.reports}:
        raise Violation("a report was lost from the timeline")


def read(world: World, call: Call) -> tuple[World, Any]:  # noqa: PLR0911  # a table of calls
    """Calls that never fail in this model: reads, and writes of the reconciler's state."""
    stored = world.stored()
    match call.name, call.arguments:
        case "get", (message_id,):
            return world, stored.get(message_id)
        case "by_provider_id", (provider, known):
            return world, MemoryMessages(stored).by_provider_id(provider, known)
        case "keys", (index, partition, span, client):
            return world, _index(world.records).keys(index, partition, span=span, client=client)
        case "records", (message_ids,):
            return world, [stored[each] for each in message_ids if each in stored]
        case "position", (name,):
            return world, world.walked if name == "walked" else None
        case "advance", (name, until):
            return (replace(world, walked=max(world.walked, until)) if name == "walked" else world), None
        case "due", (shard, until, _):
            ripe = sorted((due, each) for each, due in world.agenda if due <= until and int(shard_of(each)) == shard)
            return world, [each for _, each in ripe]
        case name, (message_id, due):
            return note(world, message_id, due, again=name == "put_off")
    raise AssertionError(call.name)


@cache
def _index(records: tuple[tuple[str, int], ...]) -> MemorySearch:
    """The index of these records, which many states share."""
    return MemorySearch([NUMBERS[number] for _, number in records])  # type: ignore[misc]  # records


def note(world: World, message_id: str, due: str, *, again: bool) -> tuple[World, bool]:
    """Track a message that is not final, or postpone it."""
    record, agenda = world.stored().get(message_id), dict(world.agenda)
    if record is None or record.state.status.final or (message_id in agenda and not again):
        return world, False
    return replace(world, agenda=tuple(sorted({**agenda, message_id: due}.items()))), True


def empty(call: Call, message_ids: frozenset[str]) -> Any:
    """The empty answer for an index partition that cannot hold this world's messages, else None."""
    if call.name == "due":
        return None if call.arguments[0] in _places(message_ids) else []
    if call.name == "keys" and call.arguments[0] is BY_TIME:
        return None if call.arguments[1] in _places(message_ids) else ([], None)
    return None


@cache
def _places(message_ids: frozenset[str]) -> frozenset[str | int]:
    """Every shard and every partition of by_time that may hold one of these messages."""
    days = {time_shard(timestamp(tick), each) for tick in TICKS[: LAST + 1] for each in message_ids}
    return frozenset(days | {int(shard_of(each)) for each in message_ids})

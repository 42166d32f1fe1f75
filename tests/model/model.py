"""The model: its actors, their next calls, and every possible step in a state of the world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from sms_tracker.reconcile.reconcile import Reconciler
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send import Sender
from tests.model import actors
from tests.model.actors import PLAIN, Answer, Ask, Asked, Call, Replay, Setting
from tests.model.keyed_provider import ended, is_keyed
from tests.model.outcomes import NO_REPLY, check_reply, outcomes
from tests.model.provider import envelope
from tests.model.world import LAST, NUMBERS, WRITES, Actor, World, empty, read, sid, write

_VISIBLE = WRITES | {"http", "enqueue"}
_LATEST = {"client": 0, "processor": 0, "reconciler": 2}
"""The first tick at which an actor has work."""

Next = Call | ApiResponse | str
"""An actor's next call, or its result."""
Step = tuple[str, World]
"""Its label, and the world after it."""


@dataclass
class Reader:
    """Answers calls from the log and, after its end, reads from the world."""

    message_ids: frozenset[str]
    world: World
    replay: Replay
    answers: list[Answer] = field(default_factory=list)

    def ask(self, name: str, *arguments: Any) -> Any:
        nothing = empty(call := Call(name, arguments), self.message_ids)
        if nothing is not None:
            return nothing
        if self.replay.position < len(self.replay.log) or name in _VISIBLE:
            return self.replay.ask(name, *arguments)
        self.world, value = read(self.world, call)
        self.answers.append(Answer(value, self.world.tick))
        self.replay.tick = self.world.tick
        return value


def _key(actor: Actor, tick: int) -> tuple[str, tuple[str, ...], tuple[int, ...], int]:
    return actor.name, actor.holds, actor.log, tick if actor.since is None else actor.since


@dataclass
class Model:
    """The actors' programs, and the numbers of faults and concurrent processors. ``final`` ends every message."""

    clients: Mapping[str, str | None]
    final: str = "undelivered"
    reconcilers: int = 1
    processors: int = 1
    faults: int = 2
    words: tuple[str, ...] = ("sent",)
    sender: type[Sender] = Sender
    reconciler: type[Reconciler] = Reconciler
    setting: Setting = PLAIN
    message_ids: frozenset[str] = frozenset()
    settled: set[tuple[object, ...]] = field(default_factory=set)
    _read: dict[object, tuple[tuple[tuple[str, str], ...], str, tuple[int, ...], Next]] = field(default_factory=dict)
    _next: dict[tuple[str, tuple[str, ...], tuple[int, ...], int], Next] = field(default_factory=dict)

    def start(self) -> World:
        clients = tuple(Actor("client", name) for name in self.clients)
        others = tuple(Actor("reconciler", f"reconciler-{n}") for n in range(self.reconcilers))
        return World(actors=clients + others, faults=self.faults)

    def program(self, actor: Actor) -> Callable[..., object]:
        match actor.role:
            case "client":
                key = self.clients[actor.name]
                return partial(actors.request, name=actor.name, key=key, kind=self.sender, setting=self.setting)
            case "processor":
                return partial(actors.process, bodies=actor.holds)
            case _:
                return self.reconcile(actor.name)

    def reconcile(self, name: str) -> Callable[..., object]:
        """A reconciler's program."""
        return partial(actors.reconcile, name=name, kind=self.reconciler, sender=self.sender, setting=self.setting)

    def next(self, actor: Actor, tick: int) -> Next:
        """Replay the actor to its next call; cached, because nothing else affects it."""
        key = _key(actor, tick)
        if key not in self._next:
            replay = self._replay(actor, tick)
            self._next[key] = self._run(actor, partial(self._ask, replay), replay.now)
        return self._next[key]

    def _replay(self, actor: Actor, tick: int) -> Replay:
        log: list[Answer] = [NUMBERS[number] for number in actor.log]  # type: ignore[misc]  # answers
        return Replay(log, tick if actor.since is None else actor.since)

    def _run(self, actor: Actor, ask: Ask, now: Callable[[], datetime]) -> Next:
        try:
            ended = self.program(actor)(ask, now)
        except Asked as asked:
            return asked.call
        return ended if isinstance(ended, ApiResponse) else _verdict(ended)

    def _ask(self, replay: Replay, name: str, *arguments: Any) -> Any:
        nothing = empty(Call(name, arguments), self.message_ids)
        return replay.ask(name, *arguments) if nothing is None else nothing

    def steps(self, world: World) -> Iterator[Step]:
        """Every possible next step."""
        for place, actor in enumerate(world.actors):
            if actor.done is None and (actor.since is not None or world.tick >= _LATEST[actor.role]):
                yield from self._act(world, place, actor)
        yield from self._deliver(world)
        yield from ended(world)
        for number in world.flying:
            call: Call = NUMBERS[number]  # type: ignore[assignment]  # a call
            landed, _ = write(replace(world, flying=world.flying - {number}), call)
            yield f"a late {call.name} lands", landed
        if world.tick < LAST and world.actors[0].since is not None:
            yield "time passes", self._later(world)

    def _later(self, world: World) -> World:
        """A client's Lambda ends before its claim, and a create call has a time-out; a write that late is lost."""
        kept = tuple(
            replace(actor, done="killed") if self._ends(actor, world.tick) else actor for actor in world.actors
        )
        return replace(world, tick=world.tick + 1, actors=kept, flying=frozenset())

    def _ends(self, actor: Actor, tick: int) -> bool:
        if actor.since is None or actor.done:
            return False
        wanted = self.next(actor, tick)
        creates = isinstance(wanted, Call) and wanted.name == "http" and is_keyed(wanted.arguments[0])
        return actor.role == "client" or creates

    def _deliver(self, world: World) -> Iterator[Step]:
        """The provider sends any callback in any order; the queue delivers any message."""
        for number, post in enumerate(world.posts):
            for word in (*self.words, self.final) if post.processed else ():
                if (sid(number), word) not in world.reported:
                    body = envelope(world, number, word)
                    queue, reported = (*world.queue, body), world.reported | {(sid(number), word)}
                    yield f"callback {word}", replace(world, queue=tuple(sorted(queue)), reported=reported)
        busy = [actor for actor in world.actors if actor.role == "processor" and actor.done is None]
        if len(busy) < self.processors:
            for body in {*world.queue} - {body for actor in busy for body in actor.holds}:
                taken = Actor("processor", "processor", holds=(body,))
                yield "the queue delivers", _tidy(replace(world, actors=(*world.actors, taken)))

    def _act(self, world: World, place: int, actor: Actor) -> Iterator[Step]:
        wanted = self.next(actor, world.tick)
        assert isinstance(wanted, Call)
        actor = replace(actor, since=world.tick if actor.since is None else actor.since)
        if world.faults and actor.log:
            died = replace(actor, done="crashed")
            yield f"{actor.name} crashes", _placed(replace(world, faults=world.faults - 1), place, died)
        for label, after, value in outcomes(world, wanted, actor.name, final=self.final):
            if value is NO_REPLY:
                yield f"{actor.name}: {wanted.name} {label}", _placed(after, place, actor)
            else:
                yield f"{actor.name}: {wanted.name} {label}", self._resumed(after, place, actor, value)

    def _resumed(self, world: World, place: int, actor: Actor, value: object) -> World:
        """The actor with its answer, after all reads up to its next visible call."""
        actor = replace(actor, log=(*actor.log, NUMBERS.of(Answer(value, world.tick))))
        wanted = self.next(actor, world.tick)
        if isinstance(wanted, Call) and wanted.name not in _VISIBLE:
            world, actor, wanted = self._read_on(world, actor)
        return _placed(world, place, actor) if isinstance(wanted, Call) else self._ended(world, place, actor, wanted)

    def _read_on(self, world: World, actor: Actor) -> tuple[World, Actor, Next]:
        """Cached, because it depends only on the records and the reconciler's state."""
        key = (actor.name, actor.since, actor.log, world.records, world.agenda, world.walked, world.tick)
        if key not in self._read:
            reader = Reader(self.message_ids, world, self._replay(actor, world.tick))
            wanted = self._run(actor, reader.ask, reader.replay.now)
            log = (*actor.log, *(NUMBERS.of(each) for each in reader.answers))
            self._read[key] = reader.world.agenda, reader.world.walked, log, wanted
        agenda, walked, log, wanted = self._read[key]
        actor = replace(actor, log=log)
        self._next[_key(actor, world.tick)] = wanted
        return replace(world, agenda=agenda, walked=walked), actor, wanted

    def _ended(self, world: World, place: int, actor: Actor, ended: ApiResponse | str) -> World:
        if isinstance(ended, ApiResponse):
            check_reply(world, actor, ended)
        elif actor.role == "processor" and ended == "handled":
            queue = [*world.queue]
            for body in actor.holds:
                if body in queue:  # two processors may have received it
                    queue.remove(body)
            world = replace(world, queue=tuple(queue))
        return _tidy(_placed(world, place, replace(actor, done="ended")))


def _verdict(handled: object) -> str:
    """``failed`` for a batch to retry, else ``handled``."""
    failed = isinstance(handled, list) and any(each.decision == "failed" for each in handled)
    return "failed" if failed else "handled"


def _placed(world: World, place: int, actor: Actor) -> World:
    return replace(world, actors=(*world.actors[:place], actor, *world.actors[place + 1 :]))


def _tidy(world: World) -> World:
    """Remove ended processors and sort the running ones."""
    stay = [actor for actor in world.actors if actor.role != "processor"]
    busy = [actor for actor in world.actors if actor.role == "processor" and actor.done is None]
    return replace(world, actors=(*stay, *sorted(busy, key=lambda actor: (actor.holds, actor.log))))

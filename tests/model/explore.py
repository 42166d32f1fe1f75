"""Every state that can be reached: all interleavings of all actors, with a fault at any step of any of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.services.replies import Reply
from sms_tracker.services.send import Sender
from tests.model import actors
from tests.model.actors import Answer, Ask, Asked, Call, Tape
from tests.model.world import (
    LAST,
    NUMBERS,
    WRITES,
    Actor,
    Violation,
    World,
    consult,
    empty,
    envelope,
    is_create,
    posted,
    read,
    sid,
    write,
)
from tests.rigs import OPTED_OUT, QUEUE_FULL, UNHEARD, UNREACHED, WRONG_TOKEN, answer

_REFUSALS: Mapping[str, HttpResponse | NoResponse] = {
    "queue full": QUEUE_FULL,
    "unreached": UNREACHED,
    "wrong token": WRONG_TOKEN,
    "opted out": OPTED_OUT,
}
_VISIBLE = WRITES | {"http", "enqueue"}
_LATEST = {"client": 0, "processor": 0, "reconciler": 2}
"""The first tick at which an actor has anything to do."""

Next = Call | Reply | str
"""What an actor wants to do: a call, or it has ended."""
Step = tuple[str, World]


@dataclass
class Reader:
    """Answers from the log and, after its end, every read from the world itself."""

    message_ids: frozenset[str]
    world: World
    tape: Tape
    answers: list[Answer] = field(default_factory=list)

    def ask(self, name: str, *arguments: Any) -> Any:
        nothing = empty(call := Call(name, arguments), self.message_ids)
        if nothing is not None:
            return nothing
        if self.tape.position < len(self.tape.log) or name in _VISIBLE:
            return self.tape.ask(name, *arguments)
        self.world, value = read(self.world, call)
        self.answers.append(Answer(value, self.world.tick))
        self.tape.tick = self.world.tick
        return value


def _key(actor: Actor, tick: int) -> tuple[str, tuple[str, ...], tuple[int, ...], int]:
    return actor.name, actor.holds, actor.log, tick if actor.since is None else actor.since


@dataclass
class Model:
    """The actors' programs, and how many faults and processors at once are explored. ``final`` ends every message."""

    clients: Mapping[str, str | None]
    final: str = "undelivered"
    reconcilers: int = 1
    processors: int = 1
    faults: int = 2
    words: tuple[str, ...] = ("sent",)
    sender: type[Sender] = Sender
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
                return partial(actors.request, name=actor.name, key=key, kind=self.sender)
            case "processor":
                return partial(actors.process, bodies=actor.holds)
            case _:
                return actors.reconcile

    def next(self, actor: Actor, tick: int) -> Next:
        """Run the actor again from its beginning to what it asks next; remembered, as it depends on nothing else."""
        key = _key(actor, tick)
        if key not in self._next:
            tape = self._tape(actor, tick)
            self._next[key] = self._run(actor, partial(self._ask, tape), tape.now)
        return self._next[key]

    def _tape(self, actor: Actor, tick: int) -> Tape:
        log: list[Answer] = [NUMBERS[number] for number in actor.log]  # type: ignore[misc]  # answers
        return Tape(log, tick if actor.since is None else actor.since)

    def _run(self, actor: Actor, ask: Ask, now: Callable[[], datetime]) -> Next:
        try:
            ended = self.program(actor)(ask, now)
        except Asked as asked:
            return asked.call
        return ended if isinstance(ended, Reply) else _verdict(ended)

    def _ask(self, tape: Tape, name: str, *arguments: Any) -> Any:
        nothing = empty(Call(name, arguments), self.message_ids)
        return tape.ask(name, *arguments) if nothing is None else nothing

    # --- steps ---

    def steps(self, world: World) -> Iterator[Step]:
        """All that can happen next."""
        for place, actor in enumerate(world.actors):
            if actor.done is None and (actor.since is not None or world.tick >= _LATEST[actor.role]):
                yield from self._act(world, place, actor)
        yield from self._deliver(world)
        for number in world.flying:
            call: Call = NUMBERS[number]  # type: ignore[assignment]  # a call
            landed, _ = write(replace(world, flying=world.flying - {number}), call)
            yield f"a late {call.name} lands", landed
        if world.tick < LAST and world.actors[0].since is not None:
            yield "time passes", self._later(world)

    def _later(self, world: World) -> World:
        """A Lambda that serves a client ends before its claim does; a write on its way that long is gone."""
        kept = tuple(
            replace(actor, done="killed")
            if actor.role == "client" and actor.since is not None and not actor.done
            else actor
            for actor in world.actors
        )
        return replace(world, tick=world.tick + 1, actors=kept, flying=frozenset())

    def _deliver(self, world: World) -> Iterator[Step]:
        """The provider calls back with any word in any order; the queue hands over what it holds."""
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
                yield "the queue hands over", _tidy(replace(world, actors=(*world.actors, taken)))

    def _act(self, world: World, place: int, actor: Actor) -> Iterator[Step]:
        wanted = self.next(actor, world.tick)
        assert isinstance(wanted, Call)
        actor = replace(actor, since=world.tick if actor.since is None else actor.since)
        if world.faults and actor.log:
            died = replace(actor, done="crashed")
            yield f"{actor.name} crashes", _placed(replace(world, faults=world.faults - 1), place, died)
        for label, after, value in self._outcomes(world, wanted, actor.name):
            if value is _NO_REPLY:
                yield f"{actor.name}: {wanted.name} {label}", _placed(after, place, actor)
            else:
                yield f"{actor.name}: {wanted.name} {label}", self._gone_on(after, place, actor, value)

    def _gone_on(self, world: World, place: int, actor: Actor, value: object) -> World:
        """The actor with its answer, and past all reads up to the next call that others may notice."""
        actor = replace(actor, log=(*actor.log, NUMBERS.of(Answer(value, world.tick))))
        wanted = self.next(actor, world.tick)
        if isinstance(wanted, Call) and wanted.name not in _VISIBLE:
            world, actor, wanted = self._read_on(world, actor)
        return _placed(world, place, actor) if isinstance(wanted, Call) else self._ended(world, place, actor, wanted)

    def _read_on(self, world: World, actor: Actor) -> tuple[World, Actor, Next]:
        """Remembered, as it depends on no more than the records and the agenda."""
        key = (actor.name, actor.since, actor.log, world.records, world.agenda, world.walked, world.tick)
        if key not in self._read:
            reader = Reader(self.message_ids, world, self._tape(actor, world.tick))
            wanted = self._run(actor, reader.ask, reader.tape.now)
            log = (*actor.log, *(NUMBERS.of(each) for each in reader.answers))
            self._read[key] = reader.world.agenda, reader.world.walked, log, wanted
        agenda, walked, log, wanted = self._read[key]
        actor = replace(actor, log=log)
        self._next[_key(actor, world.tick)] = wanted
        return replace(world, agenda=agenda, walked=walked), actor, wanted

    def _ended(self, world: World, place: int, actor: Actor, ended: Reply | str) -> World:
        if isinstance(ended, Reply):
            check_reply(world, actor, ended)
        elif actor.role == "processor" and ended == "handled":
            queue = [*world.queue]
            for body in actor.holds:
                if body in queue:  # two may have had it
                    queue.remove(body)
            world = replace(world, queue=tuple(queue))
        return _tidy(_placed(world, place, replace(actor, done="ended")))

    # --- outcomes ---

    def _outcomes(self, world: World, call: Call, name: str) -> Iterator[tuple[str, World, object]]:
        """Every way in which one call may end, each fault paid for."""
        poorer = replace(world, faults=world.faults - 1)
        if call.name in WRITES:
            yield "done", *write(world, call)
            if world.faults:
                flying = replace(poorer, flying=poorer.flying | {NUMBERS.of(call)})
                yield "not answered", flying, Unavailable("time-out")
                yield "not answered and made again by the SDK", flying, _NO_REPLY
        elif call.name == "http":
            yield from self._http(world, poorer, call.arguments[0], name)
        elif call.name == "enqueue":
            _, body = call.arguments
            queued = tuple(sorted((*world.queue, body)))
            yield "done", replace(world, queue=queued), None
            if world.faults:
                yield "refused", poorer, Unavailable("time-out")
                yield "done, not answered", replace(poorer, queue=queued), Unavailable("time-out")
        else:
            yield "done", *read(world, call)

    def _http(
        self, world: World, poorer: World, request: HttpRequest, name: str
    ) -> Iterator[tuple[str, World, object]]:
        if not is_create(request):
            yield "answered", world, consult(world, request, self.final)
            if world.faults:
                yield "not answered", poorer, UNHEARD
                if "Messages.json" in request.url:
                    yield "shows an old list", poorer, HttpResponse(200, body=b'{"messages": []}')
            return
        taken = answer(201, {"sid": sid(len(world.posts)), "status": "queued"})
        yield "accepted", posted(world, request, name, processed=True, possible=True), taken
        if world.faults:
            yield "processed, not answered", posted(poorer, request, name, processed=True, possible=True), UNHEARD
            yield "lost", posted(poorer, request, name, processed=False, possible=True), UNHEARD
            for label, refusal in _REFUSALS.items():
                yield label, posted(poorer, request, name, processed=False, possible=False), refusal


_NO_REPLY = object()


def _verdict(handled: object) -> str:
    """A batch that failed comes again; a reconciler just ends."""
    failed = isinstance(handled, list) and any(each.decision == "failed" for each in handled)
    return "failed" if failed else "handled"


def _placed(world: World, place: int, actor: Actor) -> World:
    return replace(world, actors=(*world.actors[:place], actor, *world.actors[place + 1 :]))


def _tidy(world: World) -> World:
    """Processors that ended leave no trace, and those that run have no order."""
    stay = [actor for actor in world.actors if actor.role != "processor"]
    busy = [actor for actor in world.actors if actor.role == "processor" and actor.done is None]
    return replace(world, actors=(*stay, *sorted(busy, key=lambda actor: (actor.holds, actor.log))))


def check_reply(world: World, actor: Actor, reply: Reply) -> None:
    """What the client is told must be so."""
    if reply.status == 202 and reply.body["message_id"] not in world.stored():
        raise Violation("202 for a message that is not recorded")
    refused = reply.status in {422, 502, 503}
    if refused and any(post.author == actor.name and post.possible for post in world.posts):
        raise Violation(f"{reply.status} ({reply.decision}) to {actor.name}, who may have sent it")


@dataclass
class Explored:
    """What was seen: ``worlds`` states, ``steps`` between them, and the ``ends`` that were brought to 72 hours."""

    worlds: int = 0
    steps: int = 0
    ends: int = 0


def explore(model: Model, close: Callable[[Model, World], None]) -> Explored:
    """Breadth first, each state once; a violation comes with the shortest way to it."""
    first = model.start()
    came_from: dict[World, tuple[World, str] | None] = {first: None}
    waiting, seen, closed = deque([first]), Explored(), set[object]()
    while waiting:
        world = waiting.popleft()
        label = "the reconciler goes on alone"
        try:
            for label, following in model.steps(world):
                seen.steps += 1
                if following not in came_from:
                    came_from[following] = (world, label)
                    waiting.append(following)
            if world.tick == LAST and world.lasting() not in closed:
                closed.add(world.lasting())
                label = "the reconciler goes on alone"
                close(model, world)
        except Violation as violation:
            violation.add_note(_way(came_from, world, label))
            raise
    seen.worlds, seen.ends = len(came_from), len(closed)
    return seen


def _way(came_from: Mapping[World, tuple[World, str] | None], world: World, last: str) -> str:
    steps = [last]
    while (before := came_from[world]) is not None:
        world, label = before
        steps.append(label)
    return "\n".join(["The shortest way there:", *(f"{n:3}. {step}" for n, step in enumerate(reversed(steps), 1))])

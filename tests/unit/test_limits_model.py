"""Every interleaving of three senders at a limit, with lost replies, late writes, crashes and a new hour in between.

What is driven is the real code of send and of the limiter, each sender in an environment of its own. At every point
between two calls anybody may act. A write may be done; be done, unanswered, and silently repeated by our client; land
later than its error; or never.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

import pytest

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.limits import Bound, Counter, SendLimits
from sms_tracker.domain.ports import Pace
from sms_tracker.domain.record import Record
from sms_tracker.services.limits import Counted, Limiter
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send import Sender
from tests.fakes import START, FixedSettings, MemoryMessages, ignore_failed_call, never_stopped
from tests.limits import MemoryCounters, limits
from tests.model.actors import Answer, Asked, Call, Replay
from tests.setups import OPTED_OUT, REQUEST, RULES, TAKEN, UNHEARD

pytestmark = pytest.mark.no_cover  # thousands of examples, of what other tests have covered

TICKS = (START + timedelta(minutes=59, seconds=59), START + timedelta(hours=1, seconds=1))
ANSWERS: Mapping[str, HttpResponse | NoResponse] = {"taken": TAKEN, "unheard": UNHEARD, "refused": OPTED_OUT}
MAY_HAVE_BEEN_TAKEN = {"taken", "unheard"}
TIMED_OUT = Unavailable("time-out")
NAMES = ("first", "second", "third")


class Violation(AssertionError):
    """A reachable state breaks a promise."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One request: the answers to its calls, its start, the provider's answer, and how it ended."""

    log: tuple[Answer, ...] = ()
    since: int | None = None
    asked: str = ""
    counted: int | None = None
    """The hour in which its provider was asked."""
    done: str = ""


Stored = tuple[tuple[str, tuple[tuple[str, int], ...], frozenset[str]], ...]
"""Each counter's key, values and tokens."""


@dataclass(frozen=True, slots=True)
class World:
    """One state. ``faults`` may still happen; ``clean``: none happened but lost replies that were repeated."""

    actors: tuple[Actor, ...] = tuple(Actor() for _ in NAMES)
    stored: Stored = ()
    faults: int = 0
    clean: bool = True
    tick: int = 0
    flying: frozenset[Call] = frozenset()


@dataclass(frozen=True)
class Outside:
    """The counters and the provider; each write is a call that the model answers."""

    ask: Callable[..., Any]

    def take(self, counter: Counter, units: int, *, token: str, now: int) -> Bound | None:
        return self.ask("take", counter, units, token, now)  # type: ignore[no-any-return]  # the log's value

    def give_back(self, counter: Counter, units: int, *, token: str) -> None:
        self.ask("give_back", counter, units, token)

    def first_uses(self, client: str) -> Mapping[str, int]:  # noqa: ARG002  # it has used them for years
        return {"NL": 0}

    def note_use(self, client: str, country: str, *, day: int) -> None:  # noqa: ARG002
        raise AssertionError("a known country")

    def http(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:  # noqa: ARG002
        return ANSWERS[self.ask("provider")]


class Hours(Replay):
    """A log on this model's clock."""

    def now(self) -> datetime:
        return TICKS[self.tick]


@dataclass
class Model:
    """Three requests at these limits; each counter's writes are those of ``counters``."""

    strict: SendLimits
    faults: int = 0
    limiter: type[Limiter] = Limiter
    counters: type[MemoryCounters] = MemoryCounters
    _next: dict[object, Call | ApiResponse] = field(default_factory=dict)

    def next(self, name: str, actor: Actor, tick: int) -> Call | ApiResponse:
        """The sender's next call, or its answer."""
        since = tick if actor.since is None else actor.since
        key = (name, actor.log, since)
        if key not in self._next:
            replay = Hours(actor.log, since)
            try:
                self._next[key] = self._sender(name, replay).send("shop", dict(REQUEST), None)
            except Asked as asked:
                self._next[key] = asked.call
        return self._next[key]

    def _sender(self, name: str, replay: Hours) -> Sender:
        outside, tokens = Outside(replay.ask), count(1)
        settings = FixedSettings(limits=self.strict)
        return Sender(
            messages=MemoryMessages(),
            settings=settings,
            http=outside.http,
            clock=replay.now,
            pace=Pace(monotonic=lambda: 0.0, sleep=lambda _: None, fraction=lambda: 0.5),
            rules=RULES,
            opt_out_check=None,
            stop_of=never_stopped,
            failed=ignore_failed_call,
            limiter=self.limiter(
                counters=outside, settings=settings, clock=replay.now, new_token=lambda: f"{name}{next(tokens)}"
            ),
        )

    def steps(self, world: World) -> Iterator[tuple[str, World]]:
        for place, (name, actor) in enumerate(zip(NAMES, world.actors, strict=True)):
            if not actor.done:
                yield from self._act(world, place, name, actor)
            if actor.since is None:
                break  # senders are alike: they are named in the order in which they begin
        for call in world.flying:
            landed, _ = self.write(replace(world, flying=world.flying - {call}), call)
            yield f"a late {call.name} lands", landed
        if world.tick == 0:
            yield "the hour ends", replace(world, tick=1)

    def _act(self, world: World, place: int, name: str, actor: Actor) -> Iterator[tuple[str, World]]:
        call = self.next(name, actor, world.tick)
        assert isinstance(call, Call)
        started = replace(actor, since=world.tick if actor.since is None else actor.since)
        poorer = replace(world, faults=world.faults - 1)
        if call.name == "provider":
            for label in ANSWERS:
                yield f"{name}: {label}", self._resumed(world, place, replace(started, asked=label), label)
            return
        after, value = self.write(world, call)
        yield f"{name}: {call.name}", self._resumed(after, place, started, value)
        if world.faults:
            lost, _ = self.write(poorer, call)
            yield f"{name}: {call.name}, unanswered, is repeated", _placed(lost, place, started)
            broken = replace(poorer, clean=False)
            flying = replace(broken, flying=broken.flying | {call})
            yield f"{name}: {call.name} fails", self._resumed(flying, place, started, TIMED_OUT)
            yield f"{name} dies", _placed(broken, place, replace(started, done="dead"))

    def _resumed(self, world: World, place: int, actor: Actor, value: object) -> World:
        actor = replace(actor, log=(*actor.log, Answer(value, world.tick)))
        following = self.next(NAMES[place], actor, world.tick)
        if isinstance(following, Call) and following.name == "provider":
            actor = replace(actor, counted=actor.since, asked="now")
        if isinstance(following, ApiResponse):
            actor = replace(actor, done=following.decision)
        return check(self.strict, _placed(world, place, actor))

    def write(self, world: World, call: Call) -> tuple[World, Bound | None]:
        stored, answer = written(self.counters, world.stored, call)  # type: ignore[arg-type]  # a class is hashable
        return replace(world, stored=stored), answer


def _placed(world: World, place: int, actor: Actor) -> World:
    return replace(world, actors=(*world.actors[:place], actor, *world.actors[place + 1 :]))


@cache
def written(kind: type[MemoryCounters], stored: Stored, call: Call) -> tuple[Stored, Bound | None]:
    table = kind(
        values={key: dict(values) for key, values, _ in stored}, tokens={key: {*tokens} for key, _, tokens in stored}
    )
    answer = None
    if call.name == "take":
        counter, units, token, now = call.arguments
        answer = table.take(counter, units, token=token, now=now)
    else:
        counter, units, token = call.arguments
        table.give_back(counter, units, token=token)
    after = ((key, tuple(sorted(held.items())), frozenset(table.tokens[key])) for key, held in table.values.items())
    return tuple(sorted(after)), answer


def check(strict: SendLimits, world: World) -> World:
    """No more are handed over than the limits allow; once all is over, the counters are what may have been taken."""
    handed = [actor.counted for actor in world.actors if actor.asked in {"now", *MAY_HAVE_BEEN_TAKEN}]
    most = strict.defaults.client.hour
    assert most is not None
    if max(handed.count(0), handed.count(1)) > most or len(handed) > strict.daily_cap:
        raise Violation(f"{handed} are handed over")
    if all(actor.done for actor in world.actors):
        _check_sums(world)
    return world


def _check_sums(world: World) -> None:
    taken = [actor.counted for actor in world.actors if actor.asked in MAY_HAVE_BEEN_TAKEN]
    wanted = {"h12": taken.count(0), "h13": taken.count(1), "d": len(taken)}
    for key, values, _ in world.stored:
        for name, value in values:
            if value < wanted[name]:
                raise Violation(f"{key}: {name} is {value}, and {wanted[name]} may have been taken")
            if world.clean and value != wanted[name]:
                raise Violation(f"{key}: {name} is {value} and not {wanted[name]}")


def explore(model: Model) -> int:
    """The number of states, of which each is visited once; a violation has the shortest path to it."""
    first = World(faults=model.faults)
    came_from: dict[World, tuple[World, str] | None] = {first: None}
    waiting = deque([first])
    while waiting:
        world = waiting.popleft()
        label = ""
        try:
            for label, following in model.steps(world):
                if following not in came_from:
                    came_from[following] = (world, label)
                    waiting.append(following)
        except Violation as violation:
            while (before := came_from[world]) is not None:
                violation.add_note(before[1])
                world = before[0]
            raise
    return len(came_from)


TIGHT = limits(daily_cap=3, client={"hour": 1}, range={"hour": 2}, outage="closed")
ROOMY = limits(daily_cap=2, client={"hour": 2}, range={"day": 9}, outage="closed")


@pytest.mark.parametrize("strict", [TIGHT, ROOMY], ids=["one an hour", "two a day"])
def test_give_backs_end_at_the_same_sum_in_every_interleaving(strict: SendLimits) -> None:
    assert explore(Model(strict)) > 1_000


def test_a_lost_reply_a_late_write_or_a_crash_anywhere_lets_nobody_pass_the_limit() -> None:
    assert explore(Model(TIGHT, faults=1)) > 10_000


class CountsRepetitions(MemoryCounters):
    """Tokens are not looked at."""

    def _add(self, counter: Counter, units: int, token: str) -> None:
        super()._add(counter, units, token)
        self.tokens[counter.key].clear()


class GivesBackTwice(Limiter):
    """As after a retry with another token."""

    def give_back(self, counted: Counted) -> str | None:
        super().give_back(counted)
        return super().give_back(counted)


class KeepsTheFirst(Limiter):
    """What the second counter refuses stays counted in the first."""

    def give_back(self, counted: Counted) -> str | None:
        return super().give_back(counted) if len(counted.counters) > 1 else None


class GivesBackBeforeTheAnswer(Limiter):
    """What may be taken is not counted while its provider is asked."""

    def count(self, record: Record) -> Counted | Bound:
        counted = super().count(record)
        if isinstance(counted, Counted):
            self.give_back(counted)
        return counted


@pytest.mark.parametrize("planted", [CountsRepetitions, GivesBackTwice, KeepsTheFirst, GivesBackBeforeTheAnswer])
def test_the_model_finds_a_wrong_count(planted: type[Any]) -> None:
    strict = limits(daily_cap=3, client={"hour": 2}, range={"hour": 1}, outage="closed")
    counters, limiter = (planted, Limiter) if planted is CountsRepetitions else (MemoryCounters, planted)

    with pytest.raises(Violation):
        explore(Model(strict, faults=int(planted is CountsRepetitions), counters=counters, limiter=limiter))

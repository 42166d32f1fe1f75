"""Run any state to 72 hours: every actor has ended, the reconciler and the queue continue without faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Status
from tests.model import actors, keyed_provider
from tests.model.actors import TICKS, Call
from tests.model.keyed_provider import outcomes
from tests.model.model import Model
from tests.model.provider import consult
from tests.model.world import LAST, WRITES, Violation, World, empty, read, sid, write


@dataclass
class _Live:
    """External calls that answer at once."""

    model: Model
    world: World

    def ask(self, name: str, *arguments: Any) -> Any:
        call = Call(name, arguments)
        if (nothing := empty(call, self.model.message_ids)) is not None:
            return nothing
        if name == "http":
            if keyed_provider.is_keyed(arguments[0]):
                _, self.world, answer = next(outcomes(self.world, self.world, arguments[0], "reconciler"))
                return answer
            return consult(self.world, arguments[0], self.model.final)
        if name == "enqueue":
            self.world, answer = replace(self.world, queue=tuple(sorted((*self.world.queue, arguments[1])))), None
            return answer
        self.world, answer = (write if name in WRITES else read)(self.world, call)
        return answer

    def now(self) -> datetime:
        return TICKS[self.world.tick]

    def run(self, program: Callable[..., object]) -> None:
        program(self.ask, self.now)


def to_the_end(model: Model, world: World) -> None:
    """Let time pass beyond 72 hours; then every record must have the right final status."""
    live = _Live(model, world)
    for tick in range(LAST, len(TICKS)):
        walked = live.world.walked if tick <= LAST + 1 else timestamp(TICKS[tick])  # no new messages to scan
        live.world = replace(live.world, tick=tick, walked=walked)
        if (state := (tick, *live.world.lasting())) in model.settled:
            return
        model.settled.add(state)
        live.run(model.reconcile("reconciler"))
        bodies, live.world = live.world.queue, replace(live.world, queue=())
        live.run(partial(actors.process, bodies=bodies))
    check_end(model, live.world)


def check_end(model: Model, world: World) -> None:
    """Every status is final, equals the provider's if it was reported, and is no failure for a sent message."""
    for message_id, record in world.stored().items():
        sent = [n for n, post in enumerate(world.posts) if post.message_id == message_id and post.processed]
        status = record.state.status
        if not status.final:
            raise Violation(f"still {status} after 72 hours")
        if not sent and status.outcome not in (Status.FAILED.outcome, Status.UNKNOWN.outcome):
            raise Violation(f"{status}, and it was never sent")
        reported = {*record.state.ids.values()} & {sid(n) for n in sent}
        if sent and status != model.final and (reported or len(model.message_ids) == 1):
            raise Violation(f"{status}, and the provider says {model.final}")
        if sent and status not in (model.final, Status.UNKNOWN):
            raise Violation(f"{status} for a message that was sent")

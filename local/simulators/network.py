"""The mobile network behind a provider: plays each message's script and has its reports delivered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from random import Random

from local.simulators.callback_sender import Courier, Outgoing
from local.simulators.ledger import Callback, Ledger, Message, now
from local.simulators.scenario import Order, Step

Reporter = Callable[[Message, Step, bool], Outgoing | None]
"""Makes the callback for a step, with a wrong signature if the flag is set; None where the message wants none."""

Ready = tuple[Outgoing, Callback]
"""A callback to make, and where its tries are written."""

_log = logging.getLogger(__name__)


class Play:
    """A message on its way. ``answerable``: its create call may be answered; ``answered``: it was, or never will be."""

    def __init__(self, message: Message, report: Reporter) -> None:
        self.message = message
        self.report = report
        self.answerable = asyncio.Event()
        self.answered = asyncio.Event()


class Network:
    """Plays scripts as tasks; ``pace`` is the usual time between two steps in seconds, ``random`` its jitter."""

    def __init__(self, ledger: Ledger, courier: Courier, *, pace: float, random: Random) -> None:
        self._ledger = ledger
        self._courier = courier
        self._pace = pace
        self._random = random
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Messages with a step or a callback still to come, or whose create call is not answered yet."""
        return len(self._tasks)

    def start(self, message: Message, report: Reporter) -> Play:
        """Begin a message's play."""
        play = Play(message, report)
        task = asyncio.get_running_loop().create_task(self._run(play))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        task.add_done_callback(lambda _: play.answerable.set())
        return play

    def stop(self) -> None:
        """Cancel every step and callback still to come."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ledger.changed()
        if not task.cancelled() and (error := task.exception()):
            _log.error("a message's script broke off", exc_info=error)

    async def _run(self, play: Play) -> None:
        script = play.message.script
        await self._steps(play, script.reports[: script.early])
        play.answerable.set()
        await play.answered.wait()
        if script.forge:
            await self._in_turn(play, self._ready(play, Step(script.forge), forged=True))
        await self._steps(play, script.reports[script.early :])

    async def _steps(self, play: Play, steps: Sequence[Step]) -> None:
        script = play.message.script
        held: list[Ready] = []
        async with asyncio.TaskGroup() as calls:
            for step in steps:
                await asyncio.sleep(script.delay * self._pace * (0.5 + self._random.random()))
                play.message.step, play.message.step_at = step, now()
                dropped = script.drop or (script.drop_last and step is script.reports[-1])
                copies = [] if dropped else self._ready(play, step, copies=script.copies)
                if script.order is not Order.TRUE:
                    held += copies
                    continue
                for copy in copies:
                    calls.create_task(self._in_turn(play, [copy]))
        if script.order is Order.SHUFFLED:
            self._random.shuffle(held)
        await self._in_turn(play, held[::-1])

    def _ready(self, play: Play, step: Step, *, copies: int = 1, forged: bool = False) -> list[Ready]:
        """Signed once, sent ``copies`` times: the same bytes, as a provider that delivers twice sends them."""
        outgoing = play.report(play.message, step, forged)
        if outgoing is None:
            return []
        receivers = (outgoing, *outgoing.also)
        return [(each, Callback(step=step, url=each.url, forged=forged)) for each in receivers for _ in range(copies)]

    async def _in_turn(self, play: Play, callbacks: Sequence[Ready]) -> None:
        """One after the other, each awaited, so that an order is an order."""
        for outgoing, callback in callbacks:
            play.message.callbacks.append(callback)
            await self._courier.deliver(outgoing, callback)

"""The mobile network behind a provider: it plays each message's script and sends its reports."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from random import Random

from local.simulators.callback_sender import CallbackSender, Outgoing
from local.simulators.ledger import Callback, Ledger, Message, now
from local.simulators.scenario import Order, Step

Reporter = Callable[[Message, Step, bool], Sequence[Outgoing]]
"""Makes the callbacks for a step, with a wrong signature if the flag is set; empty for a message without callbacks."""

Ready = tuple[Outgoing, Callback]
"""A callback to send, and its ledger entry."""

_log = logging.getLogger(__name__)


class Delivery:
    """A message in delivery. ``answerable``: its create call may be answered. ``answered``: it was or never will be."""

    def __init__(self, message: Message, report: Reporter) -> None:
        self.message = message
        self.report = report
        self.answerable = asyncio.Event()
        self.answered = asyncio.Event()


class Network:
    """Plays scripts as tasks. ``pace`` is the usual number of seconds between steps, ``random`` its jitter."""

    def __init__(self, ledger: Ledger, sender: CallbackSender, *, pace: float, random: Random) -> None:
        self._ledger = ledger
        self._sender = sender
        self._pace = pace
        self._random = random
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Messages with a pending step, callback or answer to the create call."""
        return len(self._tasks)

    def start(self, message: Message, report: Reporter) -> Delivery:
        delivery = Delivery(message, report)
        task = asyncio.get_running_loop().create_task(self._run(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        task.add_done_callback(lambda _: delivery.answerable.set())
        return delivery

    async def reply(
        self, reply: Message, outgoing: Sequence[Outgoing], *, copies: int, delay: float
    ) -> list[int | None]:
        """Send a person's reply to our webhook after ``delay`` seconds, each callback ``copies`` times.

        Returns the last answer's status for each, None without one.
        """
        self._ledger.replies.append(reply)
        await asyncio.sleep(delay)
        for each in (each for each in outgoing for _ in range(copies)):
            callback = Callback(step=reply.step, url=each.url, forged=reply.extra["forged"])
            reply.callbacks.append(callback)
            await self._sender.send(each, callback)
        return [callback.tries[-1].status for callback in reply.callbacks]

    def stop(self) -> None:
        """Cancel every pending step and callback."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ledger.changed()
        if not task.cancelled() and (error := task.exception()):
            _log.error("a message's script failed", exc_info=error)

    async def _run(self, delivery: Delivery) -> None:
        script = delivery.message.script
        await self._steps(delivery, script.reports[: script.early])
        delivery.answerable.set()
        await delivery.answered.wait()
        if script.forge:
            await self._in_turn(delivery, self._ready(delivery, Step(script.forge), forged=True))
        await self._steps(delivery, script.reports[script.early :])

    async def _steps(self, delivery: Delivery, steps: Sequence[Step]) -> None:
        script = delivery.message.script
        held: list[Ready] = []
        async with asyncio.TaskGroup() as calls:
            for step in steps:
                await asyncio.sleep(script.delay * self._pace * (0.5 + self._random.random()))
                delivery.message.step, delivery.message.step_at = step, now()
                dropped = script.drop or (script.drop_last and step is script.reports[-1])
                copies = [] if dropped else self._ready(delivery, step, copies=script.copies)
                if script.order is not Order.TRUE:
                    held += copies
                    continue
                for copy in copies:
                    calls.create_task(self._in_turn(delivery, [copy]))
        if script.order is Order.SHUFFLED:
            self._random.shuffle(held)
        await self._in_turn(delivery, held[::-1])

    def _ready(self, delivery: Delivery, step: Step, *, copies: int = 1, forged: bool = False) -> list[Ready]:
        """Sign once and send ``copies`` times: a provider's duplicates have the same bytes."""
        outgoing = delivery.report(delivery.message, step, forged)
        return [(each, Callback(step=step, url=each.url, forged=forged)) for each in outgoing for _ in range(copies)]

    async def _in_turn(self, delivery: Delivery, callbacks: Sequence[Ready]) -> None:
        """Await each callback before the next, to keep the order."""
        for outgoing, callback in callbacks:
            delivery.message.callbacks.append(callback)
            await self._sender.send(outgoing, callback)

"""Sending stops: an operator stops one client or all clients, and starts them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

EVERY_CLIENT = "*"
"""Instead of a client's name: all clients."""
LOG = 20
"""Instructions kept. With reasons of at most 200 characters the item stays below 8 KB, one read unit."""


class Action(StrEnum):
    """An operator's action."""

    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction by operator ``by`` for ``client`` (or :data:`EVERY_CLIENT`); ``at`` is RFC 3339."""

    action: Action
    client: str
    by: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingStops:
    """The stops in force by client, and the latest instructions, oldest first. ``version`` is 0 before the first."""

    stops: Mapping[str, Instruction] = field(default_factory=dict)
    log: tuple[Instruction, ...] = ()
    version: int = 0

    def stop_of(self, client: str) -> Instruction | None:
        """The stop in force for ``client``: that of all clients, else its own; None if it may send."""
        return self.stops.get(EVERY_CLIENT) or self.stops.get(client)

    def after(self, instruction: Instruction) -> SendingStops:
        """The stops after ``instruction``. A start of all clients keeps each client's own stop."""
        stops = {client: stop for client, stop in self.stops.items() if client != instruction.client}
        if instruction.action is Action.STOP:
            stops[instruction.client] = instruction
        return SendingStops(stops=stops, log=(*self.log, instruction)[-LOG:], version=self.version + 1)


class StopOf(Protocol):
    """Finds the stop of a client."""

    def __call__(self, client: str, /) -> Instruction | None:
        """The stop in force for ``client``, None if it may send; raises ``Unavailable`` if not known."""
        ...


def never_stopped(client: str, /) -> None:
    """A :class:`StopOf` of a service without stops."""

"""Stops of sending: an operator stops one client or all of them, and starts them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

EVERY_CLIENT = "*"
"""In place of a client's name: the instruction is about all of them."""
LOG = 20
"""Instructions that are kept; with reasons of at most 200 characters the item stays below 8 KB, one read unit."""


class Action(StrEnum):
    """What an operator wants."""

    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Who stops or starts sending, for which client or :data:`EVERY_CLIENT`, why and when (RFC 3339)."""

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
        """The stop that holds for ``client``: that of all clients, else its own; None where it may send."""
        return self.stops.get(EVERY_CLIENT) or self.stops.get(client)

    def following(self, instruction: Instruction) -> SendingStops:
        """The stops once ``instruction`` is carried out. A start of all clients leaves each client's own stop."""
        stops = {client: stop for client, stop in self.stops.items() if client != instruction.client}
        if instruction.action is Action.STOP:
            stops[instruction.client] = instruction
        return SendingStops(stops=stops, log=(*self.log, instruction)[-LOG:], version=self.version + 1)


class StopOf(Protocol):
    """Whether a client's sending is stopped."""

    def __call__(self, client: str, /) -> Instruction | None:
        """The stop that holds for ``client``, None where it may send; raises ``Unavailable`` where none is known."""
        ...


def never_stopped(client: str, /) -> None:
    """A :class:`StopOf` of a service without stops."""

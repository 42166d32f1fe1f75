"""Explore every reachable state: all interleavings of all actors, with a fault at any step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.model.model import Model
from tests.model.world import LAST, Violation, World


@dataclass
class Explored:
    """The numbers of states (``worlds``), ``steps`` between them, and ``ends`` that ran to 72 hours."""

    worlds: int = 0
    steps: int = 0
    ends: int = 0


def explore(model: Model, close: Callable[[Model, World], None]) -> Explored:
    """Breadth first, each state once; a violation includes the shortest path to it."""
    first = model.start()
    came_from: dict[World, tuple[World, str] | None] = {first: None}
    waiting, seen, closed = deque([first]), Explored(), set[object]()
    while waiting:
        world = waiting.popleft()
        label = "the reconciler continues alone"
        try:
            for label, following in model.steps(world):
                seen.steps += 1
                if following not in came_from:
                    came_from[following] = (world, label)
                    waiting.append(following)
            if world.tick == LAST and world.lasting() not in closed:
                closed.add(world.lasting())
                label = "the reconciler continues alone"
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
    return "\n".join(["The shortest path:", *(f"{n:3}. {step}" for n, step in enumerate(reversed(steps), 1))])

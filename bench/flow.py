"""What limits a flow and what waits in it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """A token bucket of API Gateway, or a quota that allows ``burst`` at once."""

    rate: float
    burst: float
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, wanted: int, seconds: float) -> int:
        """How many of ``wanted`` are allowed in the next ``seconds``."""
        available = self.tokens + self.rate * seconds
        taken = min(wanted, int(available))
        self.tokens = min(self.burst, available - taken)
        return taken


@dataclass(slots=True)
class Line:
    """Counts that wait, oldest first."""

    waiting: deque[tuple[float, int]] = field(default_factory=deque)
    size: int = 0

    def add(self, since: float, number: int) -> None:
        if number:
            self.waiting.append((since, number))
            self.size += number

    def take(self, number: int, *, until: float = float("inf")) -> list[tuple[float, int]]:
        """At most ``number``, of those that wait since ``until`` or longer."""
        taken: list[tuple[float, int]] = []
        while number > 0 and self.waiting and self.waiting[0][0] <= until:
            since, here = self.waiting.popleft()
            some = min(here, number)
            taken.append((since, some))
            number, self.size = number - some, self.size - some
            if some < here:
                self.waiting.appendleft((since, here - some))
        return taken

    def age(self, now: float) -> float:
        return max(0.0, now - self.waiting[0][0]) if self.waiting else 0.0

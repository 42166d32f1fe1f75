"""Write units of the limits' hottest item: the counter of one client that sends everything."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from math import ceil

from bench.units import write_units

HOT = 1_000
"""Write units a second that DynamoDB serves of one item (its developer guide, "Partitions")."""
BLOCK = 25
"""Messages that an environment claims ahead with limits from 100,000 an hour."""
_FULL, _AGE = 16, 10
"""Tokens and seconds of a generation, as in ``sms_tracker.aws.limits``."""
_ITEM, _TOKEN = 150, 8
"""Bytes of a counter without tokens, and of one."""


@dataclass(slots=True)
class ClientCounter:
    """One counter: the tokens in its two generations, which its writes pay for, and seconds of the present one."""

    recent: float = 0.0
    earlier: float = 0.0
    age: int = 0

    def second(self, writes: float) -> float:
        """The write units of one more second with so many writes."""
        if self.recent >= _FULL and self.age >= _AGE:
            self.earlier, self.recent, self.age = self.recent, 0.0, 0
        used = writes * write_units(int(_ITEM + _TOKEN * (self.earlier + self.recent + writes / 2)))
        self.recent, self.age = self.recent + writes, self.age + 1
        return used


def steady_units(writes: float) -> float:
    """Write units a second of so many writes a second that go on: the mean of a generation after two others."""
    counter, generation = ClientCounter(), max(_AGE, ceil(_FULL / writes))
    seconds = [counter.second(writes) for _ in range(3 * generation)]
    return sum(seconds[-generation:]) / generation


def most(block: int) -> int:
    """Messages a second of one client, claimed in blocks of so many, that its counter serves."""
    writes = next(rate for rate in count(1) if steady_units(rate + 1) > HOT)
    return writes * block

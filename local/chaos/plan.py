"""The plan of a run: each message's fault, chosen by the seed before the first send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from local import simulators

_ENDS: Mapping[str, int] = {
    "delivered": 53,
    "undelivered": 14,
    "failed": 7,
    "expired": 5,
    "corrected": 8,
    "code-learnt-late": 5,
    "new-word": 5,
    "long-way": 3,
}
"""How a message ends: a scenario of the simulators, and its weight."""

_CORRECTED = ("corrected", "code-learnt-late")
_DELIVERED = {"delivered", "corrected", "new-word", "long-way"}

_WAYS: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "as it should": (26, {}),
    "reports twice": (9, {"copies": 2}),
    "reports last first": (7, {"order": "reversed", "copies": 2}),
    "reports shuffled, three times": (7, {"order": "shuffled", "copies": 3}),
    "reports delayed": (7, {"delay": 15.0}),
    "reports dropped": (6, {"drop": True}),
    "last report dropped": (5, {"drop_last": True}),
    "reports before the answer": (7, {"early": 9}),
    "report forged": (6, {"forge": "delivered"}),
    "429 once": (5, {"answer": 429, "times": 1}),
    "refused for good": (3, {"like": "refused"}),
    "500 although taken": (4, {"answer": 500, "taken": True}),
    "500 although taken, reports dropped": (3, {"answer": 500, "taken": True, "drop": True}),
    "503 and not taken": (2, {"answer": 503}),
}
_HANGS: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "no answer although taken": (1, {"answer": "hang", "taken": True}),
    "no answer, not taken": (1, {"answer": "hang"}),
}
"""Each holds one of four concurrent sends for ten seconds, so their weights are low."""
_SLOW_TO_SETTLE = {"500 although taken, reports dropped", "503 and not taken", *_HANGS}
"""These end by age alone. They are sent in the first half, so that they age during the second."""

_CLIENTS = {"waits": 84, "asks twice at once": 8, "hangs up early": 5, "gives up": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: its payload, its client's behaviour and its provider's script."""

    number: int
    provider: str
    to: str
    way: str
    end: str
    client: str
    script: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The idempotency key, the same at each try."""
        return f"chaos-{self.number}"

    @property
    def payload(self) -> dict[str, str]:
        """The body of POST /messages."""
        return {
            "to": self.to,
            "body": f"Chaos, number {self.number}",
            "provider": self.provider,
            "reference": self.key,
        }


def plan(count: int, seed: int, *, hangs: bool = True) -> list[Message]:
    """``count`` messages in sending order; ``hangs`` includes providers that never answer."""
    random = Random(f"plan {seed}")  # noqa: S311 - repeatable, not secret
    ways = {**_WAYS, **(_HANGS if hangs else {})}
    # Each way at least once, then by weight.
    chosen = [*ways, *_weighted(random, {name: weight for name, (weight, _) in ways.items()}, count)][:count]
    random.shuffle(chosen)
    middle = count // 2
    for late in range(middle, count):
        if chosen[late] in _SLOW_TO_SETTLE:
            early = random.randrange(middle)
            chosen[early], chosen[late] = chosen[late], chosen[early]
    return [_message(random, number, way, ways[way][1]) for number, way in enumerate(chosen)]


def _message(random: Random, number: int, way: str, how: Mapping[str, Any]) -> Message:
    provider = random.choice(simulators.names())
    end = how.get("like") or _end(random, how)
    (client,) = _weighted(random, _CLIENTS, 1)
    return Message(
        number=number,
        provider=provider,
        to=f"+3161{number:07d}",
        way=way,
        end=end,
        client=client,
        script={"name": way, "like": end, **how},
    )


def _end(random: Random, how: Mapping[str, Any]) -> str:
    (end,) = _weighted(random, _ENDS, 1)
    if how.get("drop_last"):
        return random.choice(_CORRECTED)  # only a recheck of the failure finds the delivery
    if how.get("forge") and end in _DELIVERED:
        return "undelivered"  # accepting the forgery would show
    return end


def _weighted(random: Random, weights: Mapping[str, int], count: int) -> Sequence[str]:
    return random.choices(list(weights), weights=list(weights.values()), k=count)

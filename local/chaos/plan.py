"""What is to go wrong with each message: chosen once, by the seed alone, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

PROVIDERS = ("twilio", "messagebird")

_ENDS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "delivered": (53, {"twilio": "sent delivered", "messagebird": "sent delivered"}),
    "undelivered": (14, {"twilio": "sent undelivered:30003", "messagebird": "sent delivery_failed:1"}),
    "failed": (7, {"twilio": "failed:30008", "messagebird": "delivery_failed:34"}),
    "expired": (5, {"twilio": "sent undelivered:30036", "messagebird": "sent buffered expired"}),
    "corrected": (
        8,
        {"twilio": "sent undelivered:30003 delivered", "messagebird": "sent delivery_failed:1 delivered"},
    ),
    "code learnt late": (
        5,
        {"twilio": "sent undelivered undelivered:30003", "messagebird": "sent delivery_failed delivery_failed:1"},
    ),
    "new word": (5, {"twilio": "sent teleported delivered", "messagebird": "sent teleported delivered"}),
    "every word": (3, {"twilio": "queued sending sent delivered", "messagebird": "sent buffered delivered"}),
}
"""What becomes of a message: its weight, and the course of reports at each provider."""

_CORRECTED = ("corrected", "code learnt late")
_REFUSED = {"twilio": 21211, "messagebird": 10}
TELLS_NO_TIME = {"twilio"}
"""Whose reports carry no time of the event, so that a look-up's word is the same claim."""

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
    "refused for good": (3, {"refused": True}),
    "500 although taken": (4, {"answer": 500, "taken": True}),
    "500 although taken, reports dropped": (3, {"answer": 500, "taken": True, "drop": True}),
    "503 and not taken": (2, {"answer": 503}),
}
_HANGS: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "no answer although taken": (1, {"answer": "hang", "taken": True}),
    "no answer, not taken": (1, {"answer": "hang"}),
}
"""Each occupies one of the four places for sends for ten seconds, so they are few."""
_SLOW_TO_SETTLE = {"500 although taken, reports dropped", "503 and not taken", *_HANGS}
"""They end by age alone: sent in the first half, so that their age runs while the rest is under way."""

_CLIENTS = {"waits": 84, "asks twice at once": 8, "hangs up early": 5, "gives up": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: what its client sends, how its client behaves, and what its provider does with it."""

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
    """``count`` messages in the order in which they are sent; ``hangs`` admits providers that never answer."""
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
    provider = random.choice(PROVIDERS)
    (end,) = _weighted(random, {name: weight for name, (weight, _) in _ENDS.items()}, 1)
    (client,) = _weighted(random, _CLIENTS, 1)
    script = {"name": way, "reports": _ENDS[end][1][provider], **how}
    if script.pop("refused", False):
        script["error"], end = _REFUSED[provider], "refused"
    if script.get("drop_last"):
        end = random.choice(_CORRECTED)
        script["reports"] = _ENDS[end][1][provider]  # so that only a second look at a failure learns the truth
    if script.get("forge") and "delivered" in script["reports"]:
        end, script["reports"] = "undelivered", _ENDS["undelivered"][1][provider]  # so that belief would show
    return Message(
        number=number,
        provider=provider,
        to=f"+3161{number:07d}",
        way=way,
        end=end,
        client=client,
        script=script,
    )


def _weighted(random: Random, weights: Mapping[str, int], count: int) -> Sequence[str]:
    return random.choices(list(weights), weights=list(weights.values()), k=count)

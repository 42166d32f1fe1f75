"""Limits as a document, counters in memory, and a limiter in front of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.limits import Bound, Counter, SendLimits
from sms_tracker.domain.operator_rules import read_limits
from sms_tracker.domain.ports import Clock, SettingsSource
from sms_tracker.services.limits import Limiter

OUTAGE = Unavailable("UpdateItem: InternalServerError")


def limits(**document: object) -> SendLimits:
    """The limits of a document that states nothing else but a daily cap."""
    return read_limits(json.dumps({"daily_cap": 1_000_000, **document}))


@dataclass
class MemoryCounters:
    """The counters as dictionaries. Every token is kept; ``failing`` returns an error for a call's name, or None."""

    values: dict[str, dict[str, int]] = field(default_factory=dict)
    tokens: dict[str, set[str]] = field(default_factory=dict)
    used: dict[str, dict[str, int]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    failing: Callable[[str], Exception | None] = lambda _: None

    def take(self, counter: Counter, units: int, *, token: str, now: int) -> Bound | None:
        assert now < counter.expires_at
        self._called(f"take {counter.key.partition('#')[0]}")
        if token in self.tokens.get(counter.key, ()):
            return None
        if (full := counter.exceeded(self.values.get(counter.key, {}), units)) is not None:
            return full
        self._add(counter, units, token)
        return None

    def give_back(self, counter: Counter, units: int, *, token: str) -> None:
        self._called(f"give back {counter.key.partition('#')[0]}")
        if counter.key in self.values and token not in self.tokens[counter.key]:
            self._add(counter, -units, token)

    def first_uses(self, client: str) -> Mapping[str, int]:
        self._called("read countries")
        return dict(self.used.get(client, {}))

    def note_use(self, client: str, country: str, *, day: int) -> None:
        self._called("note country")
        self.used.setdefault(client, {}).setdefault(country, day)

    def value(self, kind: str, attribute: str) -> int:
        """The sum of an attribute over all counters of a kind."""
        return sum(held.get(attribute, 0) for key, held in self.values.items() if key.startswith(f"{kind}#"))

    def _add(self, counter: Counter, units: int, token: str) -> None:
        held = self.values.setdefault(counter.key, {})
        for bound in counter.bounds:
            held[bound.attribute] = held.get(bound.attribute, 0) + units
        self.tokens.setdefault(counter.key, set()).add(token)

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if (error := self.failing(call)) is not None:
            raise error


class FullCounters(MemoryCounters):
    """Counters at their limits."""

    def take(self, counter: Counter, units: int, *, token: str, now: int) -> Bound:  # noqa: ARG002  # as the port has it
        return counter.bounds[0]


def limiter(counters: MemoryCounters, settings: SettingsSource, clock: Clock, name: str = "t") -> Limiter:
    """The limiter of one execution environment, with tokens in order."""
    tokens = count(1)
    return Limiter(counters=counters, settings=settings, clock=clock, new_token=lambda: f"{name}{next(tokens)}")

"""People who reply during a run: STOP, START, HELP and free text, twice, late or forged; and a message to each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

from local import simulators
from local.chaos.stream import wait_for

NUMBER = "+15550001111"
"""Our number, at every provider."""
TEXTS: dict[str, tuple[int, str | None, bool]] = {
    "STOP": (4, "stop", False),
    "START": (6, "start", False),
    "HELP": (1, "help", False),
    "Thanks, see you then": (1, None, False),
    "Please stop sending this": (1, None, True),
}
"""The texts: weight, the event's ``keyword``, its ``looks_like_opt_out``."""
_WAYS: dict[str, tuple[int, dict[str, Any]]] = {
    "once": (5, {}),
    "twice": (2, {"copies": 2}),
    "late": (2, {"delay": 2.0}),
    "forged": (3, {"forged": True}),
}
_AT_ONCE, _TEXTS = 8, 3
_PATIENCE = 15.0
"""Seconds to wait for a STOP to take effect; then the message is sent anyway."""
_PAUSE = 1.5
"""Seconds between two texts. Twilio's times are whole seconds; of a STOP and a START in one second the STOP wins."""
_TIMEOUT = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person's number, and the texts (text and way) that they write to ours. A STOP comes first."""

    number: str
    provider: str
    texts: Sequence[tuple[str, str]]


def people(count: int, seed: int) -> list[Person]:
    """``count`` people, the providers in turn."""
    random, names = Random(f"people {seed}"), simulators.names()  # noqa: S311 - repeatable
    return [_person(random, number, names[number % len(names)]) for number in range(count)]


def _person(random: Random, number: int, provider: str) -> Person:
    texts = random.choices(list(TEXTS), weights=[weight for weight, _, _ in TEXTS.values()], k=_TEXTS)
    ways = random.choices(list(_WAYS), weights=[weight for weight, _ in _WAYS.values()], k=_TEXTS)
    first = ("STOP", random.choice(["once", "twice"]))
    return Person(number=f"+3162{number:05d}00", provider=provider, texts=[first, *zip(texts, ways, strict=True)])


class Replies:
    """Plays all people, a few at a time. ``has_opted_out`` returns whether the block of a number is stored."""

    def __init__(
        self, simulator_urls: Mapping[str, str], api_url: str, key: str, *, has_opted_out: Callable[[str], bool]
    ) -> None:
        self._urls, self._has_opted_out = simulator_urls, has_opted_out
        headers = {"authorization": f"Bearer {key}"}
        self._api = httpx.Client(base_url=api_url, headers=headers, timeout=_TIMEOUT, trust_env=False)
        self._simulators = httpx.Client(timeout=_TIMEOUT, trust_env=False)
        self.counts: Counter[str] = Counter()

    def play(self, everyone: Sequence[Person]) -> None:
        """Return once every reply was delivered or its provider gave up."""
        with self._api, self._simulators, ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._play_one, everyone))

    def _play_one(self, person: Person) -> None:
        (text, way), *others = person.texts
        self._write(person, text, way)
        wait_for(lambda: self._has_opted_out(person.number), _PATIENCE)
        self._send(person)
        with ThreadPoolExecutor(_TEXTS) as pool:
            for text, way in others:
                time.sleep(_PAUSE)
                writing = pool.submit(self._write, person, text, way)
                if way != "late":  # a late text arrives after the next one
                    writing.result()

    def _write(self, person: Person, text: str, way: str) -> None:
        self.counts[f"{text}, {way}"] += 1
        reply = {"from": person.number, "to": NUMBER, "text": text, **_WAYS[way][1]}
        self._simulators.post(f"{self._urls[person.provider]}/_control/reply", json=reply).raise_for_status()

    def _send(self, person: Person) -> None:
        """Send one message, which a stored block refuses."""
        message = {"to": person.number, "from": NUMBER, "provider": person.provider, "body": "News"}
        try:
            answer = self._api.post("/messages", json=message, headers={"idempotency-key": person.number})
        except httpx.HTTPError as error:
            self.counts[f"message afterwards: {type(error).__name__}"] += 1
        else:
            self.counts[f"message afterwards: {answer.status_code}"] += 1

"""The service's clients: they send, time out, retry with the same key, and record the answers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

import httpx

from local.chaos.plan import Message

_SETTLED = {httpx.codes.ACCEPTED, httpx.codes.UNPROCESSABLE_ENTITY}
_NOTHING_SENT = {"unavailable", "provider-unavailable", "account-refused"}
"""Problem types that promise that nothing was sent."""
_TRIES = 3
_TIMEOUT = 40.0
_SHORT_TIMEOUT = 0.15
_PAUSE = 0.3


@dataclass(slots=True)
class Promise:
    """The answers to one key. ``status`` is 202 or 422 once final; ``last`` is the last status and problem type."""

    status: int | None = None
    message_ids: set[str] = field(default_factory=set)
    last: str = "none"


class Senders:
    """All clients, at most ``at_once`` in parallel; ``progress`` is called after each message."""

    def __init__(self, url: str, key: str, *, seed: int, at_once: int, progress: Callable[[int], None]) -> None:
        headers = {"authorization": f"Bearer {key}"}
        limits = httpx.Limits(max_keepalive_connections=0)
        self._api = httpx.Client(base_url=url, headers=headers, limits=limits, trust_env=False)
        self._random = Random(f"clients {seed}")  # noqa: S311 - repeatable
        self._progress, self._at_once = progress, at_once
        self._lock = threading.Lock()
        self.promises: dict[int, Promise] = {}
        self.counts: Counter[str] = Counter()
        self._done = 0

    def close(self) -> None:
        self._api.close()

    def send(self, messages: Sequence[Message]) -> None:
        """Send every message, with few tries each."""
        with ThreadPoolExecutor(self._at_once) as pool:
            for _ in pool.map(self._first, messages):
                self._done += 1
                self._progress(self._done)

    def retry_open(self, messages: Sequence[Message], seconds: float) -> None:
        """Retry with the same key until the answer is final; clients that gave up do not retry."""
        deadline = time.monotonic() + seconds
        left = [each for each in messages if self.promises[each.number].status is None and each.client != "gives up"]
        while left and time.monotonic() < deadline:
            with ThreadPoolExecutor(self._at_once) as pool:
                list(pool.map(lambda each: self._try(each, _TIMEOUT), left))
            left = [each for each in left if self.promises[each.number].status is None]
            if left:
                time.sleep(2 * _PAUSE)  # their claims expire, which has no event

    def _first(self, message: Message) -> None:
        with self._lock:
            self.promises[message.number] = Promise()
        if message.client == "asks twice at once":
            twin = threading.Thread(target=self._try, args=(message, _TIMEOUT))
            twin.start()
            self._tries(message)
            twin.join()
        else:
            self._tries(message)

    def _tries(self, message: Message) -> None:
        tries = 1 if message.client == "gives up" else _TRIES
        for number in range(tries):
            hasty = message.client == "hangs up early" and number == 0
            self._try(message, _SHORT_TIMEOUT if hasty else _TIMEOUT)
            if self.promises[message.number].status is not None:
                return
            time.sleep(_PAUSE * (0.5 + self._random.random()))

    def _try(self, message: Message, timeout: float) -> None:
        headers = {"idempotency-key": message.key}
        try:
            answer = self._api.post("/messages", json=message.payload, headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            self._note(message, f"client: {type(error).__name__}", None)
            return
        settled = answer.status_code in _SETTLED
        word = str(answer.status_code)
        try:
            body = answer.json()
        except ValueError:
            body = {}
        if not settled and (kind := body.get("type")):
            word = f"{word} {str(kind).rpartition(':')[2]}"
        self._note(message, word, body.get("message_id"), answer.status_code if settled else None)

    def _note(self, message: Message, word: str, message_id: str | None, status: int | None = None) -> None:
        with self._lock:
            promise = self.promises[message.number]
            self.counts[word] += 1
            promise.status = promise.status or status
            promise.last = word
            if message_id:
                promise.message_ids.add(message_id)


def nothing_sent(promise: Promise) -> bool:
    """Whether the last answer promised that nothing was sent."""
    return promise.status is None and promise.last.partition(" ")[2] in _NOTHING_SENT

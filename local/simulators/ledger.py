"""A simulator's ledger: every request to send, accepted message, charge, reply and callback; readable over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from local.simulators.scenario import Code, Script, Step


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Charge:
    """The provider's charge for one message in its present state."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try of a callback: the response status, or the kind and text of the failure."""

    at: datetime
    status: int | None = None
    error: str | None = None
    kind: str = "ok"


@dataclass(slots=True, kw_only=True)
class Callback:
    """One callback with all its tries."""

    step: Step
    url: str
    forged: bool
    tries: list[Try] = field(default_factory=list)
    over: bool = False


@dataclass(slots=True, kw_only=True)
class Message:
    """One message to one recipient, as the provider stores it. ``step`` is the current status of that record."""

    id: str
    to: str
    sender: str
    body: str
    callback_url: str | None
    reference: str | None
    script: Script
    step: Step
    extra: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    taken_at: datetime = field(default_factory=now)
    step_at: datetime = field(default_factory=now)
    callbacks: list[Callback] = field(default_factory=list)

    @property
    def handset(self) -> Step:
        """The final step on the handset."""
        return self.script.reports[-1] if self.script.reports else self.step


@dataclass(slots=True, kw_only=True)
class Post:
    """One request to send, including refused ones. ``earlier`` counts earlier requests with the same bytes.

    ``answered`` is None until the answer, and stays None for a request left hanging.
    """

    fingerprint: str
    earlier: int
    at: datetime
    to: str | None = None
    answered: int | None = None
    error: Code | None = None
    taken: tuple[str, ...] = ()


class Ledger:
    """A provider's ledger. ``until`` waits for a change without polling."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.messages: dict[str, list[Message]] = {}
        self.replies: list[Message] = []
        self._seen: Counter[str] = Counter()
        self._taken: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def post(self, body: bytes) -> Post:
        """Count a request to send, before it is read."""
        fingerprint = hashlib.sha256(body).hexdigest()
        post = Post(fingerprint=fingerprint, earlier=self._seen[fingerprint], at=now())
        self._seen[fingerprint] += 1
        self.posts.append(post)
        self.changed()
        return post

    def take(self, post: Post, messages: list[Message]) -> None:
        """Store the messages of one request, one for each recipient; they share an id."""
        self._taken[post.fingerprint] += 1
        post.taken = tuple(message.id for message in messages)
        for message in messages:
            message.fingerprint = post.fingerprint
            self.messages.setdefault(message.id, []).append(message)
        self.changed()

    @property
    def count(self) -> int:
        return sum(self._taken.values())

    def newest_first(self) -> list[Message]:
        return [message for group in reversed(self.messages.values()) for message in reversed(group)]

    def clear(self) -> None:
        self.posts.clear()
        self.messages.clear()
        self.replies.clear()
        self._seen.clear()
        self._taken.clear()
        self.changed()

    def changed(self) -> None:
        """Wake every ``until``."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until ``true()``, at most ``seconds``; returns whether it became true."""
        try:
            async with asyncio.timeout(seconds):
                while not true():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def as_json(self, charge: Callable[[Message], Charge | None]) -> dict[str, Any]:
        """The whole ledger, oldest first, with each message's charge.

        ``sent_twice`` lists the ids of messages with equal recipient and text.
        """
        alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        messages = list(reversed(self.newest_first()))
        for message in messages:
            alike[message.to, message.body].append(message.id)
        return {
            "messages": [self.message_json(each) | _charge_json(charge(each)) for each in messages],
            "posts": [_post_json(post) for post in self.posts],
            "replies": [_reply_json(reply) for reply in self.replies],
            "counts": {"posts": len(self.posts), "taken": self.count},
            "sent_twice": [ids for ids in alike.values() if len(ids) > 1],
        }

    def message_json(self, message: Message) -> dict[str, Any]:
        """One message; ``times_taken`` counts the taken requests with the same bytes."""
        return {
            "id": message.id,
            "to": message.to,
            "from": message.sender,
            "body_sha256": hashlib.sha256(message.body.encode()).hexdigest(),
            "callback_url": message.callback_url,
            "reference": message.reference,
            "extra": message.extra,
            "scenario": message.script.name,
            "taken_at": message.taken_at.isoformat(),
            "times_taken": self._taken[message.fingerprint],
            "handset": _step_json(message.handset),
            "record": _step_json(message.step) | {"at": message.step_at.isoformat()},
            "callbacks": [_callback_json(callback) for callback in message.callbacks],
        }


def _charge_json(charge: Charge | None) -> dict[str, Any]:
    return {"charged": None if charge is None else f"{charge.amount:f} {charge.currency}"}


def _step_json(step: Step) -> dict[str, Any]:
    return {"word": step.word, "code": step.code}


def _post_json(post: Post) -> dict[str, Any]:
    return {
        "fingerprint": post.fingerprint,
        "earlier": post.earlier,
        "at": post.at.isoformat(),
        "to": post.to,
        "answered": post.answered,
        "error": post.error,
        "taken": list(post.taken),
    }


def _reply_json(reply: Message) -> dict[str, Any]:
    return {
        "id": reply.id,
        "from": reply.sender,
        "to": reply.to,
        "text": reply.body,
        "at": reply.taken_at.isoformat(),
        "forged": reply.extra["forged"],
        "callbacks": [_callback_json(callback) for callback in reply.callbacks],
    }


def _callback_json(callback: Callback) -> dict[str, Any]:
    tries = [{"at": each.at.isoformat(), "status": each.status, "error": each.error} for each in callback.tries]
    last = tries[-1] if tries else {"status": None, "error": None}
    return _step_json(callback.step) | {
        "url": callback.url,
        "forged": callback.forged,
        "over": callback.over,
        "status": last["status"],
        "error": last["error"],
        "attempts": tries,
    }

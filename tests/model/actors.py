"""The model's actors: the real use cases, suspended at each external call and resumed by replay.

A use case is a function of the answers to its external calls. So its state is the list of these answers, its *log*. To
resume, it runs from its beginning with the log; the first call after the log's end is its next one. That needs no
thread, and two actors with the same log are in the same state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.indexes import Index, Position, Span
from sms_tracker.domain.overdue import Ages
from sms_tracker.domain.ports import NotWritten, Pace, Written
from sms_tracker.domain.record import Change, Record, Send
from sms_tracker.domain.settings import PriceLookup
from sms_tracker.reconcile.lookup import Budget
from sms_tracker.reconcile.reconcile import Reconciler
from sms_tracker.services.process import Handled, QueueMessage, ReportProcessor
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send import Rules, Sender
from tests.fakes import START, FixedSettings, ignore_failed_call, never_stopped
from tests.limits import FullCounters, MemoryCounters, limiter
from tests.setups import POLICY, REQUEST, RULES

TICKS = tuple(
    START + timedelta(minutes=minutes) for minutes in (0, 2 / 3, 11, 27, 62, 6 * 60 + 5, 31 * 60, 73 * 60, 74 * 60)
)
"""Times that the code distinguishes: a claim's end, the reconciler's ages, a release's end, 72 hours."""


@dataclass(frozen=True, slots=True)
class Call:
    """One external call."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call, and its time (an index of TICKS)."""

    value: Any
    tick: int


class Asked(BaseException):
    """Raised at the log's end with the actor's next call. As a BaseException, no code under test catches it."""

    def __init__(self, call: Call) -> None:
        super().__init__(call.name)
        self.call = call


Ask = Callable[..., Any]
"""``ask(name, *arguments)`` answers one external call."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the client sends, the deployment's rules and accounts, and the actors that meet a limit (``full``)."""

    payload: Mapping[str, object]
    rules: Rules
    settings: FixedSettings
    full: frozenset[str] = frozenset()


PLAIN = Setting(payload=REQUEST, rules=RULES, settings=FixedSettings())
"""A provider without idempotency keys: Twilio."""
WITH_KEYS = Setting(
    payload={**REQUEST, "resend_if_lost": True},
    rules=replace(
        RULES,
        policy=replace(POLICY, providers=("bird",), default_provider="bird", senders={"bird": "Acme"}, keeps_text=True),
    ),
    settings=FixedSettings(credentials={"bird": {"api_key": "bk_eu1_examplekey", "category": "service"}}),
)
"""A provider with them, whose client wants a lost message sent again: Bird."""


@dataclass
class Replay:
    """Answers calls from a log; raises ``Asked`` after its end."""

    log: Sequence[Answer]
    tick: int
    position: int = 0

    def ask(self, name: str, *arguments: Any) -> Any:
        if self.position == len(self.log):
            raise Asked(Call(name, arguments))
        answer = self.log[self.position]
        self.position, self.tick = self.position + 1, answer.tick
        if isinstance(answer.value, Exception):
            raise answer.value
        return answer.value

    def now(self) -> datetime:
        return TICKS[self.tick]


@dataclass(frozen=True)
class Outside:
    """Every port; passes each call to ``ask``."""

    ask: Ask

    def put(self, record: Record) -> Written | NotWritten:
        return self.ask("put", record)  # type: ignore[no-any-return]  # the log's value, as in all of these

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        return self.ask("change", message_id, change)  # type: ignore[no-any-return]

    def release(self, message_id: str, *, token: str, cause: str, now: str) -> None:
        self.ask("release", message_id, token, cause, now)

    def withdraw(self, message_id: str, *, token: str) -> None:
        self.ask("withdraw", message_id, token)

    def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
        return self.ask("take_over", record, send, provider, now)  # type: ignore[no-any-return]

    def get(self, message_id: str) -> Record | None:
        return self.ask("get", message_id)  # type: ignore[no-any-return]

    def by_provider_id(self, provider: str, provider_message_id: str) -> str | None:
        return self.ask("by_provider_id", provider, provider_message_id)  # type: ignore[no-any-return]

    def keys(
        self, index: Index, partition: str, *, span: Span | None, client: str | None
    ) -> tuple[list[Position], str | None]:
        return self.ask("keys", index, partition, span, client)  # type: ignore[no-any-return]

    def records(self, message_ids: Sequence[str], *, on_unreadable: object = None) -> list[Record]:  # noqa: ARG002  # no record is damaged here
        return self.ask("records", tuple(message_ids)) if message_ids else []

    def position(self, name: str) -> str | None:
        return self.ask("position", name)  # type: ignore[no-any-return]

    def advance(self, name: str, until: str) -> None:
        self.ask("advance", name, until)

    def open(self, message_id: str, *, due: str) -> bool:
        return self.ask("open", message_id, due)  # type: ignore[no-any-return]

    def put_off(self, message_id: str, *, due: str) -> None:
        self.ask("put_off", message_id, due)

    def due(self, shard: int, *, until: str, limit: int) -> list[str]:
        return self.ask("due", shard, until, limit)  # type: ignore[no-any-return]

    def http(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        assert timeout > 0
        return self.ask("http", request)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Queue:
    """One queue."""

    ask: Ask
    name: str

    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        assert reason is None or delay_seconds == 0
        self.ask("enqueue", self.name, body)


def _pace(now: Callable[[], datetime]) -> Pace:
    """Each pause takes 15 of a request's 20 seconds, so that there are at most two tries."""
    slept: list[float] = []
    return Pace(
        monotonic=lambda: (now() - START).total_seconds() + sum(slept),
        sleep=lambda _: slept.append(15.0),
        fraction=lambda: 0.5,
    )


def request(
    ask: Ask,
    now: Callable[[], datetime],
    *,
    name: str,
    key: str | None,
    kind: type[Sender] = Sender,
    setting: Setting = PLAIN,
) -> ApiResponse:
    """One POST /messages of the client, in its own Lambda environment."""
    return _sender(ask, now, name, kind, setting).send("shop", dict(setting.payload), key)


def _sender(ask: Ask, now: Callable[[], datetime], name: str, kind: type[Sender], setting: Setting) -> Sender:
    outside, tokens = Outside(ask), count(1)
    return kind(
        messages=outside,
        settings=setting.settings,
        http=outside.http,
        clock=now,
        pace=_pace(now),
        rules=setting.rules,
        opt_out_check=None,
        stop_of=never_stopped,
        limiter=limiter(FullCounters() if name in setting.full else MemoryCounters(), setting.settings, now),
        failed=ignore_failed_call,
        new_id=lambda: unkeyed_id(name),
        new_token=lambda: f"{name}-{next(tokens)}",
    )


def unkeyed_id(name: str) -> str:
    """The message id of a request without a key."""
    return f"00000000-0000-4000-8000-{sum(name.encode()):012d}"


def process(ask: Ask, now: Callable[[], datetime], *, bodies: Sequence[str]) -> list[Handled]:
    """The processor with one batch."""
    again, unmatched, dead = (_Queue(ask, name) for name in ("reports", "unmatched", "dead"))
    processor = ReportProcessor(messages=Outside(ask), queue=again, unmatched=unmatched, dlq=dead, clock=now)
    return processor.process([QueueMessage(str(number), body) for number, body in enumerate(bodies)])


def reconcile(
    ask: Ask,
    now: Callable[[], datetime],
    *,
    name: str = "reconciler",
    kind: type[Reconciler] = Reconciler,
    sender: type[Sender] = Sender,
    setting: Setting = PLAIN,
) -> Counter[str]:
    """One run of the reconciler."""
    outside = Outside(ask)
    again = _sender(ask, now, name, sender, setting)
    return kind(
        messages=outside,
        search=outside,
        state=outside,
        settings=setting.settings,
        http=outside.http,
        queue=_Queue(ask, "reports"),
        clock=now,
        pace=_pace(now),
        ages=Ages(),
        budget=Budget(seconds=1e12, lookups=1000, rate=1e9),
        failed=ignore_failed_call,
        resend=lambda record: again.resend(record).decision,
        prices=PriceLookup.OFF,
    ).run()

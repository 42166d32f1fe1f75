"""A whole service on fakes that uses a simulated provider over HTTP: sending, webhooks, processing, reconciling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local import simulators
from sms_tracker import provider_http, providers
from sms_tracker.aws.json_client import Credentials
from sms_tracker.domain.callback import endpoint_url
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.operator_rules import Destinations
from sms_tracker.domain.overdue import Ages
from sms_tracker.domain.ports import Http
from sms_tracker.domain.record import Record
from sms_tracker.domain.settings import PriceLookup, Settings
from sms_tracker.reconcile.lookup import Budget
from sms_tracker.reconcile.reconcile import Reconciler
from sms_tracker.services.policy import Policy
from sms_tracker.services.process import QueueMessage, ReportProcessor
from sms_tracker.services.receive import RawEvents, Received, Receiver
from sms_tracker.wiring import SignedHttp
from tests.fakes import FakeClock, MemoryMessages, MemoryQueue, MemoryReconcileState, ignore_failed_call
from tests.integration.simulators.running import Received as Webhook
from tests.setups import RULES, SendSetup
from tests.unit.test_reconcile import LiveSearch

SENDERS = {name: next(iter(simulators.load(name).parameters.values())) for name in simulators.names()}
"""Each provider's first parameter is its default sender."""


@dataclass
class Service:
    """The stack ``name`` with a service key of its own, at the public address ``base``.

    ``further`` has the credentials of the providers beside the default ``provider``.
    """

    name: str
    provider: str
    credentials: Mapping[str, str]
    base: str
    clock: FakeClock = field(default_factory=lambda: FakeClock(datetime.now(UTC)))
    messages: MemoryMessages = field(default_factory=MemoryMessages)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    unmatched: MemoryQueue = field(default_factory=MemoryQueue)
    dead: MemoryQueue = field(default_factory=MemoryQueue)
    further: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    http: Http = provider_http.call

    def __post_init__(self) -> None:
        policy = Policy(
            providers=tuple(self.credentials_of),
            default_provider=self.provider,
            senders={name: SENDERS[name] for name in self.credentials_of},
            allowed=Destinations(None),
            keeps_text=True,
        )
        setup = SendSetup(
            messages=self.messages,
            settings=self.settings,
            clock=self.clock,
            rules=replace(RULES, policy=policy, stack=self.name),
        )
        http = SignedHttp(self.http, lambda: Credentials("example", "example"))
        setup.sender = replace(setup.sender, http=http)
        self.sending, self.state = setup, MemoryReconcileState(self.messages)

    @property
    def credentials_of(self) -> dict[str, Mapping[str, str]]:
        """By provider."""
        return {self.provider: self.credentials, **self.further}

    @property
    def url(self) -> str:
        return endpoint_url(self.base, self.provider)

    def settings(self, *, max_age: float | None = None) -> Settings:  # noqa: ARG002 - never cached
        key = self.name.encode().ljust(32, b"-")
        return Settings(credentials=self.credentials_of, service_key=key, public_base_urls=(self.base,))

    def send(self, to: str, key: str | None = None) -> str:
        """The id of a message that was accepted, or may have been."""
        answer = self.sending.post(key, to=to)
        assert answer.status == 202, answer
        return str(answer.body["message_id"])

    def receive(self, webhook: Webhook) -> Received:
        """A webhook that came by HTTP, taken in at our address whatever its own is."""
        parts = urlsplit(webhook.url)
        provider = next((name for name in self.further if parts.path.endswith(f"/{name}")), self.provider)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        receiver = Receiver(
            queue=self.queue,
            replies=self.queue,
            settings=self.settings,
            clock=self.clock,
            enabled=tuple(self.credentials_of),
            tokens=frozenset(),
            queue_sending=True,
        )
        return receiver.receive(provider, HttpRequest(webhook.method, path, webhook.headers, webhook.body))

    def take_in(self, webhooks: Iterable[Webhook]) -> Counter[str]:
        """All of them, processed to the end; their decisions, counted."""
        decisions = Counter(self.receive(each).decision for each in webhooks)
        self.drain()
        return decisions

    def take_in_events(self, published: Iterable[Webhook]) -> None:
        """AWS's events, as its topic puts them into the queue, processed to the end."""
        for each in published:
            self.queue.send(parse_qs(each.body.decode())["Message"][0])
        self.drain()

    def drain(self) -> None:
        """Process what is queued, until nothing is."""
        processor = ReportProcessor(
            messages=self.messages,
            queue=self.queue,
            unmatched=self.unmatched,
            dlq=self.dead,
            clock=self.clock,
            raw_events=RawEvents(providers=[providers.webhooks("aws")], replies=self.queue, settings=self.settings),
        )
        while self.queue.sent:
            bodies, self.queue.sent[:] = self.queue.bodies, []
            processor.process([QueueMessage(str(number), body) for number, body in enumerate(bodies)])

    def reconcile(self, prices: PriceLookup = PriceLookup.OFF) -> Reconciler:
        """One run, and what it queued processed; the decisions are in ``done``."""
        reconciler = Reconciler(
            messages=self.messages,
            search=LiveSearch(self.messages),
            state=self.state,
            settings=self.settings,
            http=self.http,
            queue=self.queue,
            clock=self.clock,
            pace=self.sending.sender.pace,
            ages=Ages(),
            budget=Budget(seconds=200, lookups=1000, rate=1000),
            failed=ignore_failed_call,
            resend=lambda record: self.sending.sender.resend(record).decision,
            prices=prices,
        )
        self.done = reconciler.run()
        self.drain()
        return reconciler

    def record(self, message_id: str) -> Record:
        return self.messages.records[message_id]

    @property
    def left_over(self) -> dict[str, list[Any]]:
        """What no record took, by queue."""
        queues = {"unmatched": self.unmatched, "dead": self.dead, "reports": self.queue}
        return {name: queue.sent for name, queue in queues.items() if queue.sent}

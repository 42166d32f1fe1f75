"""Receive reports and replies: webhooks, which are verified, queued and acknowledged, and raw events in the queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sms_tracker import providers
from sms_tracker.domain.callback import CallbackTarget, callback_target, token_matches
from sms_tracker.domain.errors import InvalidSignature, SmsTrackerError, UnknownProvider, Unreadable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.queued import Envelope, RawInbound, encode_reply, encode_report, envelope_of
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Status

if TYPE_CHECKING:
    from sms_tracker.domain.ports import Clock, Metrics, Queue, SettingsSource
    from sms_tracker.domain.settings import Settings
    from sms_tracker.providers.base import Key, Webhooks

_OK = 200
MAX_BODY = 64 * 1024
"""Largest body of a webhook in bytes; the limit of its path and query too."""
_REFRESH = 30.0
"""After a refused signature, secrets older than these seconds are read again: they may have been rotated."""
_STALE = timedelta(seconds=300)
"""Age of a valid signature, or its lead on our clock, above which it counts as stale: it may be a replay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The answer to a webhook. ``decision`` is for the log and the metrics, ``error`` for the log.

    ``next_secret``: only the next secret of a rotation verified the signature. ``stale``: it was signed long ago.
    """

    status: int
    decision: str
    message_id: str | None = None
    error: str | None = None
    next_secret: bool = False
    stale: bool = False
    body: str = ""
    """The body of the answer, as ``text/xml``."""

    @property
    def acknowledged(self) -> bool:
        """Whether the provider gets 2xx: the webhook is queued, only counted, or about another stack's message."""
        return self.decision in {"queued", "counted", "foreign", "heard"}


class _Verified(NamedTuple):
    """How a signature was verified: see :class:`Received`."""

    next_secret: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Receives webhooks. ``tokens``: providers for which the callback URL's token replaces the signature.

    Without ``queue_sending``, reports of the status ``sending`` are verified and counted, not queued (ADR 17).
    """

    queue: Queue
    replies: Queue
    settings: SettingsSource
    clock: Clock
    enabled: tuple[str, ...]
    tokens: frozenset[str]
    queue_sending: bool

    def receive(self, name: str, request: HttpRequest) -> Received:
        """Answer one webhook. ``request.url`` is its raw path and query. Invalid input raises nothing."""
        message_id = None
        try:
            provider = self._provider(name)
            if len(request.body) > MAX_BODY or len(request.url) > MAX_BODY:
                return Received(status=413, decision="too-large")
            token_target = callback_target(request.url) if name in self.tokens else None
            verified = self._verify(provider, request, token_target)
            fields = provider.fields(request)
            if token_target is None and provider.is_reply(fields):  # a token verifies only the URL
                received = self._queue_reply(provider, fields, verified)
            else:
                target = token_target or provider.target(request, fields)
                message_id = target.message_id
                received = self._queue_report(provider, fields, target, verified)
        except UnknownProvider:
            return Received(status=404, decision="unknown-provider")
        except InvalidSignature as error:
            return Received(status=403, decision="refused-signature", error=str(error))
        except Unreadable as error:
            return Received(status=400, decision="unreadable", error=str(error))
        except SmsTrackerError as error:
            return Received(status=503, decision="unavailable", message_id=message_id, error=str(error))
        return received

    def _provider(self, name: str) -> Webhooks:
        if name not in self.enabled:
            raise UnknownProvider("not enabled")
        provider = providers.webhooks(name)
        if not provider.WEBHOOK:
            raise UnknownProvider("no webhook")
        return provider

    def _verify(self, provider: Webhooks, request: HttpRequest, token_target: CallbackTarget | None) -> _Verified:
        """Raises ``InvalidSignature``. ``token_target`` is the URL's target if its token replaces the signature."""
        try:
            return self._verify_with(provider, request, token_target, self.settings())
        except InvalidSignature:
            return self._verify_with(provider, request, token_target, self.settings(max_age=_REFRESH))

    def _verify_with(
        self, provider: Webhooks, request: HttpRequest, token_target: CallbackTarget | None, settings: Settings
    ) -> _Verified:
        if token_target is not None:
            if not token_matches(settings.service_key, provider.name, token_target):
                raise InvalidSignature("the token in the callback URL is not ours")
            return _Verified()
        credentials = settings.credentials[provider.name]
        keys = _keys(provider.name, tuple(credentials.items()))
        refusal = InvalidSignature("no public base URL")
        for public in _public(request, settings):
            try:
                age = provider.verify(public, secrets=keys, now=self.clock())
            except InvalidSignature as error:
                refusal = error
            else:
                next_secret = self._is_by_next_secret(provider, public, keys)
                return _Verified(next_secret, age is not None and abs(age) > _STALE)
        flaws = (f"{entry} {flaw}" for entry, flaw in provider.flaws(credentials).items())
        raise InvalidSignature("; ".join((str(refusal), *flaws)))

    def _is_by_next_secret(self, provider: Webhooks, public: HttpRequest, keys: Sequence[Key]) -> bool:
        """Whether the next secret of a rotation made the signature; False without a rotation."""
        next_keys = [key for key in keys if key.following]
        if not next_keys:
            return False
        try:
            provider.verify(public, secrets=next_keys, now=self.clock())
        except InvalidSignature:
            return False
        return True

    def _queue_reply(self, provider: Webhooks, fields: Mapping[str, str], verified: _Verified) -> Received:
        """Queue a reply. The answer is the provider's empty one, so the person gets no text from us."""
        heard = RawInbound(provider=provider.name, received_at=timestamp(self.clock()), fields=fields)
        self.replies.send(encode_reply(heard))
        return Received(
            status=_OK if provider.REPLY_BODY else provider.ACK_STATUS,
            decision="heard",
            next_secret=verified.next_secret,
            stale=verified.stale,
            body=provider.REPLY_BODY,
        )

    def _queue_report(
        self, provider: Webhooks, fields: Mapping[str, str], target: CallbackTarget, verified: _Verified
    ) -> Received:
        return Received(
            status=provider.ACK_STATUS,
            decision=self._enqueue(provider, fields, target),
            message_id=target.message_id,
            next_secret=verified.next_secret,
            stale=verified.stale,
        )

    def _enqueue(self, provider: Webhooks, fields: Mapping[str, str], target: CallbackTarget) -> str:
        """Queue a report. Returns the decision.

        ``foreign``: it is about a message that another stack sent from the same account. ``counted``: the setting
        excludes it from the queue.
        """
        key, now = self.settings().service_key, timestamp(self.clock())
        report = envelope_of(provider.name, target, fields, key=key, received_at=now)
        if report is None:
            return "foreign"
        if not self.queue_sending and _is_sending(report):
            return "counted"
        self.queue.send(encode_report(report))
        return "queued"


@lru_cache(maxsize=8)
def _keys(name: str, document: tuple[tuple[str, str], ...]) -> tuple[Key, ...]:
    """A provider's keys in its secret document, read once: it may list many, and it rarely changes."""
    return providers.webhooks(name).keys(dict(document))


def _public(request: HttpRequest, settings: Settings) -> Iterator[HttpRequest]:
    """The request with each of our public base URLs. The Host header is ignored."""
    for base in settings.public_base_urls:
        yield replace(request, url=base + request.url)


def _is_sending(report: Envelope) -> bool:
    """Whether the report's status is ``sending``. Loads the whole adapter, which nothing else here needs."""
    adapter = providers.load(report.provider)
    return adapter.report(report.fields, received_at=report.received_at).status is Status.SENDING


_METRICS = {
    "queued": "ReportsReceived",
    "counted": "ReportsReceived",
    "foreign": "ReportsForeign",
    "refused-signature": "SignaturesRefused",
    "unavailable": "WebhooksUnavailable",
}


def measure(received: Received, metrics: Metrics) -> None:
    """Count one answered webhook. A malformed or unknown one is only logged."""
    if received.decision in _METRICS:
        metrics.count(_METRICS[received.decision])
    metrics.count("ReportsStale", int(received.stale))


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvents:
    """Reads what providers without a webhook put into the queue ``reports``. ``replies`` is the queue ``inbound``."""

    providers: Sequence[Webhooks]
    replies: Queue
    settings: SettingsSource

    def read(self, event: str, sent_at: datetime) -> Envelope | str:
        """The envelope of a report, or a decision: ``foreign`` (another stack's) or ``heard`` (a reply, now queued).

        ``sent_at`` is when the queue received the event, the same at each try. Raises ``Unreadable`` for an event of
        another provider.
        """
        request = HttpRequest("POST", "", body=event.encode("utf-8", "replace"))
        key, received_at = self.settings().service_key, timestamp(sent_at)
        for provider in self.providers:
            with suppress(Unreadable):
                fields = provider.fields(request)
                if provider.is_reply(fields):
                    heard = RawInbound(provider=provider.name, received_at=received_at, fields=fields)
                    self.replies.send(encode_reply(heard))
                    return "heard"
                target = provider.target(request, fields)
                report = envelope_of(provider.name, target, fields, key=key, received_at=received_at)
                return report or "foreign"
        raise Unreadable("the message is neither an envelope nor an event of a provider without a webhook")

"""Receive a webhook: verify its signature, queue its raw fields as a report or a reply, then acknowledge it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sms_tracker import providers
from sms_tracker.domain import envelope, inbound
from sms_tracker.domain.callback import CallbackTarget, callback_target, token_matches
from sms_tracker.domain.errors import InvalidSignature, SmsTrackerError, UnknownProvider, Unreadable
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Status

if TYPE_CHECKING:
    from sms_tracker.domain.http import HttpRequest
    from sms_tracker.domain.invocation import Metrics
    from sms_tracker.domain.ports import Clock, Queue, SettingsSource
    from sms_tracker.domain.settings import Settings
    from sms_tracker.providers.base import Key, Webhooks

_OK = 200
MAX_BODY = 64 * 1024
"""Bytes of a webhook's body at most; the same limit applies to its path and query."""
_REFRESH = 30.0
"""Age in seconds of secrets that are read again after a refused signature: one may have been rotated."""
_STALE = timedelta(seconds=300)
"""Age of a signature, or its lead on our clock, beyond which a genuine webhook is counted: it may be replayed."""
_METRICS = {
    "queued": "ReportsReceived",
    "counted": "ReportsReceived",
    "foreign": "ReportsForeign",
    "refused-signature": "SignaturesRefused",
    "unavailable": "WebhooksUnavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The status to answer with. ``decision`` goes to the log and the metrics, the rest to the log.

    ``following``: only the next secret of a rotation verified the signature. ``stale``: it was signed long ago.
    """

    status: int
    decision: str
    message_id: str | None = None
    error: str | None = None
    following: bool = False
    stale: bool = False
    body: str = ""
    """What a reply is answered with, as ``text/xml``."""

    @property
    def acknowledged(self) -> bool:
        """Whether the provider gets its 2xx: it is queued, only counted, or another stack's report."""
        return self.decision in {"queued", "counted", "foreign", "heard"}


class _Signed(NamedTuple):
    """How a signature was verified: see :class:`Received`."""

    following: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Receives webhooks. ``tokens``: the providers that our token vouches for, because their accounts cannot sign.

    Without ``queue_sending``, reports of the status ``sending`` are verified and counted only (ADR 17).
    """

    queue: Queue
    replies: Queue
    settings: SettingsSource
    clock: Clock
    enabled: tuple[str, ...]
    tokens: frozenset[str]
    queue_sending: bool = True

    def receive(self, name: str, request: HttpRequest) -> Received:
        """Answer one webhook; ``request.url`` is its raw path and query. Never raises for invalid input."""
        message_id = None
        try:
            provider = self._provider(name)
            if len(request.body) > MAX_BODY or len(request.url) > MAX_BODY:
                return Received(status=413, decision="too-large")
            vouched = callback_target(request.url) if name in self.tokens else None
            signed = self._verify(provider, request, vouched)
            fields = provider.fields(request)
            if vouched is None and provider.is_reply(fields):  # a token vouches for the URL alone
                taken = self._hear(provider, fields, signed)
            else:
                target = vouched or provider.target(request, fields)
                message_id = target.message_id
                taken = Received(
                    status=provider.ACK_STATUS,
                    decision=self._enqueue(provider, fields, target),
                    message_id=message_id,
                    following=signed.following,
                    stale=signed.stale,
                )
        except UnknownProvider:
            return Received(status=404, decision="unknown-provider")
        except InvalidSignature as error:
            return Received(status=403, decision="refused-signature", error=str(error))
        except Unreadable as error:
            return Received(status=400, decision="unreadable", error=str(error))
        except SmsTrackerError as error:
            return Received(status=503, decision="unavailable", message_id=message_id, error=str(error))
        return taken

    def _hear(self, provider: Webhooks, fields: Mapping[str, str], signed: _Signed) -> Received:
        """Queue a reply. Its answer is the provider's own, empty: what it sends to the person is not ours to choose."""
        heard = inbound.Heard(provider=provider.name, received_at=timestamp(self.clock()), fields=fields)
        self.replies.send(inbound.encode(heard))
        return Received(
            status=_OK if provider.REPLY_BODY else provider.ACK_STATUS,
            decision="heard",
            following=signed.following,
            stale=signed.stale,
            body=provider.REPLY_BODY,
        )

    def _enqueue(self, provider: Webhooks, fields: Mapping[str, str], target: CallbackTarget) -> str:
        """Queue a report; ``foreign`` is one about a message that another stack sent from the same account.

        ``counted`` is one that is not queued by choice.
        """
        key, now = self.settings().service_key, timestamp(self.clock())
        report = envelope.received(provider.name, target, fields, key=key, received_at=now)
        if report is None:
            return "foreign"
        if not self.queue_sending and _says_sending(report):
            return "counted"
        self.queue.send(envelope.encode(report))
        return "queued"

    def _provider(self, name: str) -> Webhooks:
        if name not in self.enabled:
            raise UnknownProvider("not enabled")
        provider = providers.webhooks(name)
        if not provider.WEBHOOK:
            raise UnknownProvider("no webhook")
        return provider

    def _verify(self, provider: Webhooks, request: HttpRequest, vouched: CallbackTarget | None) -> _Signed:
        """Raises ``InvalidSignature``. ``vouched`` is the target in the URL where our token counts, None elsewhere."""
        try:
            return self._verify_with(provider, request, vouched, self.settings())
        except InvalidSignature:
            return self._verify_with(provider, request, vouched, self.settings(max_age=_REFRESH))

    def _verify_with(
        self, provider: Webhooks, request: HttpRequest, vouched: CallbackTarget | None, settings: Settings
    ) -> _Signed:
        if vouched is not None:
            if not token_matches(settings.service_key, provider.name, vouched):
                raise InvalidSignature("the token in the callback URL is not ours")
            return _Signed()
        credentials = settings.credentials[provider.name]
        keys = provider.keys(credentials)
        refusal = InvalidSignature("no public base URL")
        for public in _public(request, settings):
            try:
                age = provider.verify(public, secrets=keys, now=self.clock())
            except InvalidSignature as error:
                refusal = error
            else:
                following = self._by_following(provider, public, keys)
                return _Signed(following, age is not None and abs(age) > _STALE)
        flaws = (f"{entry} {flaw}" for entry, flaw in provider.flaws(credentials).items())
        raise InvalidSignature("; ".join((str(refusal), *flaws)))

    def _by_following(self, provider: Webhooks, public: HttpRequest, keys: Sequence[Key]) -> bool:
        """Whether the next secret of a rotation signed it; False without a rotation."""
        following = [key for key in keys if key.following]
        if not following:
            return False
        try:
            provider.verify(public, secrets=following, now=self.clock())
        except InvalidSignature:
            return False
        return True


def _public(request: HttpRequest, settings: Settings) -> Iterator[HttpRequest]:
    """The request at each public address of ours. The Host header is ignored."""
    for base in settings.public_base_urls:
        yield replace(request, url=base + request.url)


def _says_sending(report: envelope.Envelope) -> bool:
    """Loads the whole adapter, which a webhook does not need otherwise."""
    adapter = providers.load(report.provider)
    return adapter.report(report.fields, received_at=report.received_at).status is Status.SENDING


def measure(received: Received, metrics: Metrics) -> None:
    """Count one answered webhook; a stranger's malformed one is only logged."""
    if received.decision in _METRICS:
        metrics.count(_METRICS[received.decision])
    metrics.count("ReportsStale", int(received.stale))

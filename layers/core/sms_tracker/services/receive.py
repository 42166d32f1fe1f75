"""Receive: check who vouches for a webhook, put its raw fields on the queue, and only then acknowledge it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sms_tracker import providers
from sms_tracker.domain.callback import CallbackTarget, callback_target, token_matches
from sms_tracker.domain.envelope import Envelope, encode
from sms_tracker.domain.errors import InvalidSignature, SmsTrackerError, UnknownProvider, Unreadable
from sms_tracker.domain.report import Source, timestamp

if TYPE_CHECKING:
    from sms_tracker.domain.http import HttpRequest
    from sms_tracker.domain.ports import Clock, Queue, SettingsSource
    from sms_tracker.domain.settings import Settings
    from sms_tracker.providers.base import Key, Webhooks

MAX_BODY = 64 * 1024
"""Bytes of a webhook's body (and, apart, of its query) that are read."""
_REFRESH = 30.0
"""Seconds after which a refused signature makes us read the secrets again: one of them may have been rotated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The status to answer with; ``decision`` is the word for logs and metrics, the rest is for the log.

    ``following`` says that the secret that a rotation brings in was the one that vouched.
    """

    status: int
    decision: str
    message_id: str | None = None
    error: str | None = None
    following: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """The use case with everything it needs from outside. ``tokens`` names the providers whose accounts cannot sign."""

    queue: Queue
    settings: SettingsSource
    clock: Clock
    enabled: tuple[str, ...]
    tokens: frozenset[str]

    def receive(self, name: str, request: HttpRequest) -> Received:
        """Answer one webhook; ``request.url`` is its raw path and query. Raises nothing for what a stranger sends."""
        try:
            provider = self._provider(name)
            if len(request.body) > MAX_BODY or len(request.url) > MAX_BODY:
                return Received(status=413, decision="too-large")
            target = callback_target(request.url)
            following = self._verify(provider, request, target)
            decision = self._take(provider, request, target)
        except UnknownProvider:
            return Received(status=404, decision="unknown-provider")
        except InvalidSignature as error:
            return Received(status=403, decision="refused-signature", error=str(error))
        except Unreadable as error:
            return Received(status=400, decision="unreadable", error=str(error))
        except SmsTrackerError as error:
            return Received(status=503, decision="unavailable", message_id=target.message_id, error=str(error))
        return Received(
            status=provider.ack_status, decision=decision, message_id=target.message_id, following=following
        )

    def _take(self, provider: Webhooks, request: HttpRequest, target: CallbackTarget) -> str:
        """Queue a report; ``foreign`` is one about a message that another stack sent from the same account.

        A report without a token is queued without its message id: it counts by a provider id that we hold.
        """
        fields = provider.fields(request)
        if target.token is not None and not token_matches(self.settings().service_key, provider.name, target):
            return "foreign"
        envelope = Envelope(
            provider=provider.name,
            message_id=target.message_id if target.token else None,
            attempt=target.attempt,
            source=Source.CALLBACK,
            received_at=timestamp(self.clock()),
            fields=fields,
        )
        self.queue.send(encode(envelope))
        return "queued"

    def _provider(self, name: str) -> Webhooks:
        if name not in self.enabled:
            raise UnknownProvider("not enabled")
        return providers.webhooks(name)

    def _verify(self, provider: Webhooks, request: HttpRequest, target: CallbackTarget) -> bool:
        try:
            return self._vouched(provider, request, target, self.settings())
        except InvalidSignature:
            return self._vouched(provider, request, target, self.settings(max_age=_REFRESH))

    def _vouched(self, provider: Webhooks, request: HttpRequest, target: CallbackTarget, settings: Settings) -> bool:
        if provider.name in self.tokens:
            if not token_matches(settings.service_key, provider.name, target):
                raise InvalidSignature("the token in the callback URL is not ours")
            return False
        credentials = settings.credentials[provider.name]
        keys = provider.keys(credentials)
        refusal = InvalidSignature("no public base URL")
        for public in _public(request, settings):
            try:
                provider.verify(public, secrets=keys, now=self.clock())
            except InvalidSignature as error:
                refusal = error
            else:
                return self._by_following(provider, public, keys)
        flaws = (f"{entry} {flaw}" for entry, flaw in provider.flaws(credentials).items())
        raise InvalidSignature("; ".join((str(refusal), *flaws)))

    def _by_following(self, provider: Webhooks, public: HttpRequest, keys: Sequence[Key]) -> bool:
        """Whether the next secret alone vouches for it, which is asked only while there is one."""
        following = [key for key in keys if key.following]
        if not following:
            return False
        try:
            provider.verify(public, secrets=following, now=self.clock())
        except InvalidSignature:
            return False
        return True


def _public(request: HttpRequest, settings: Settings) -> Iterator[HttpRequest]:
    """The request at each address under which the sender may have known us; the Host header is never asked."""
    for base in settings.public_base_urls:
        yield replace(request, url=base + request.url)

"""The contracts of optional modules: ``endpoint.py``, ``opt_outs.py`` and ``reply_time.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import timedelta

    from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
    from sms_tracker.domain.opt_out import Kind, OwnKeywords
    from sms_tracker.domain.outbound import LookupFailed
    from sms_tracker.providers.base import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address registered for reports. ``state`` is the provider's word.

    ``delivers``: whether the provider sends to it. ``missing``: the events that it should subscribe to and does not.
    """

    endpoint_id: str
    url: str
    state: str
    delivers: bool
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoints:
    """One page of the registered endpoints. ``next_page`` is None on the last one."""

    found: tuple[Endpoint, ...]
    next_page: str | None


class Registered(Protocol):
    """The module ``endpoint.py`` of a provider that sends all reports to one registered endpoint.

    Requests raise ``Misconfigured``, outcomes nothing. ``key`` is an idempotency key.
    """

    SECRET: str
    """The entry of the secret document that signs the endpoint's reports."""

    NEXT_SECRET: str
    """The entry of the next secret, during a rotation."""

    ROTATION: timedelta
    """How long the old secret signs after a rotation."""

    HISTORY: timedelta
    """How far back a replay reaches."""

    def list_request(self, url: str | None, *, credentials: Credentials, page: str | None = None) -> HttpRequest:
        """The request for the endpoints at ``url``, or for all."""
        ...

    def list_outcome(self, result: HttpResponse | NoResponse) -> Endpoints | LookupFailed:
        """One page of endpoints."""
        ...

    def register_request(self, url: str, *, credentials: Credentials, key: str) -> HttpRequest:
        """The request that registers ``url`` for every report."""
        ...

    def enable_request(self, endpoint_id: str, *, credentials: Credentials, key: str) -> HttpRequest:
        """The request that enables an endpoint again, for every report."""
        ...

    def rotate_request(self, endpoint_id: str, *, credentials: Credentials, key: str) -> HttpRequest:
        """The request for a new secret."""
        ...

    def test_request(self, endpoint_id: str, *, credentials: Credentials, key: str) -> HttpRequest:
        """The request that sends the endpoint a test."""
        ...

    def replay_request(
        self, endpoint_id: str, since: str, until: str, *, credentials: Credentials, key: str
    ) -> HttpRequest:
        """The request to send again what failed between these times (RFC 3339)."""
        ...

    def refusal(self, result: HttpResponse | NoResponse) -> LookupFailed | None:
        """Why a request failed; None for success."""
        ...

    def secret(self, result: HttpResponse | NoResponse) -> str | LookupFailed:
        """The secret in the answer to a registration or a rotation."""
        ...

    def test_outcome(self, result: HttpResponse | NoResponse) -> str | LookupFailed:
        """Our answer to the provider's test, as the provider received it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The provider's block of messages from ``number`` to ``person``, since ``at`` (RFC 3339; empty if unknown)."""

    person: str = field(repr=False)
    number: str
    kind: Kind
    at: str


@dataclass(frozen=True, slots=True)
class Blocks:
    """One page of the blocks in force. ``next_page`` is None on the last one."""

    found: tuple[Block, ...]
    next_page: str | None


class OptOutSource(Protocol):
    """The module ``opt_outs.py`` of a provider. Requests raise ``Misconfigured``, outcomes nothing."""

    def keywords_request(self, number: str, country: str | None, *, credentials: Credentials) -> HttpRequest:
        """The request for the keywords of our ``number``, for replies from ``country`` (ISO 3166)."""
        ...

    def keywords_outcome(self, result: HttpResponse | NoResponse) -> OwnKeywords | LookupFailed:
        """The keywords of the number."""
        ...

    def blocks_request(
        self, *, credentials: Credentials, person: str | None = None, number: str | None = None, page: str | None = None
    ) -> HttpRequest:
        """The request for a page of the blocks in force: all, or those of a person and a number."""
        ...

    def blocks_outcome(self, result: HttpResponse | NoResponse) -> Blocks | LookupFailed:
        """One page of blocks."""
        ...


class ReplyTimeSource(Protocol):
    """The module ``reply_time.py`` of a provider with the time of a reply in its API, but not in the reply."""

    def time_request(self, provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
        """The request for the provider's record of a reply; raises ``Misconfigured``."""
        ...

    def time_outcome(self, result: HttpResponse | NoResponse) -> str | None:
        """When the provider received the reply, RFC 3339 in UTC; None if the answer has no readable time."""
        ...

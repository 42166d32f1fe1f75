"""What a provider may answer about replies: keywords and blocks (``opt_outs.py``), times (``reply_time.py``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
    from sms_tracker.domain.keywords import OwnKeywords
    from sms_tracker.domain.opt_out import Kind
    from sms_tracker.domain.outbound import LookupFailed
    from sms_tracker.providers.base import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What stops messages from ``number`` to ``person`` at the provider, since ``at`` (RFC 3339; empty if unknown)."""

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
        """The request for the keywords of ``number``, ours, in replies from a ``country`` (ISO 3166)."""
        ...

    def keywords_outcome(self, result: HttpResponse | NoResponse) -> OwnKeywords | LookupFailed:
        """These keywords."""
        ...

    def blocks_request(
        self, *, credentials: Credentials, person: str | None = None, number: str | None = None, page: str | None = None
    ) -> HttpRequest:
        """The request for a page of the blocks in force, all or those of a person and a number."""
        ...

    def blocks_outcome(self, result: HttpResponse | NoResponse) -> Blocks | LookupFailed:
        """That page."""
        ...


class ReplyTimeSource(Protocol):
    """The module ``reply_time.py`` of a provider whose replies carry no time, and whose API has it."""

    def time_request(self, provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
        """The request for the provider's record of a reply; raises ``Misconfigured``."""
        ...

    def time_outcome(self, result: HttpResponse | NoResponse) -> str | None:
        """When the provider received the reply, RFC 3339 in UTC; None where the answer has no such time."""
        ...

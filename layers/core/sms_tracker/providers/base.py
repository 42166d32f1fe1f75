"""The contract that every provider adapter fulfils, and the values it speaks in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from sms_tracker.domain.failure import Failure
    from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
    from sms_tracker.domain.matching import Candidate, Sought
    from sms_tracker.domain.outbound import LookupFailed, NoSuchMessage, OutboundMessage, SendOutcome
    from sms_tracker.domain.report import Report
    from sms_tracker.domain.status import Status


Credentials = Mapping[str, str]
"""A provider's secret document, as ``make secrets`` stores it (one flat JSON object of strings);
its keys are listed in docs/configuration.md. ``api_url`` overrides the provider's public address."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key that may have signed a webhook. ``owner`` names the account or key id it belongs to; None fits any.

    ``following`` marks the one that a rotation brings in.
    """

    secret: str = field(repr=False)
    owner: str | None = None
    following: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a provider's list. ``next_page`` is None where nothing further can be of interest."""

    candidates: tuple[Candidate, ...]
    next_page: str | None


class Webhooks(Protocol):
    """The part of an adapter that answering a webhook takes, on its own for the sake of a quick start."""

    @property
    def name(self) -> str:
        """The word used in routes, records, events and settings."""
        ...

    @property
    def ack_status(self) -> int:
        """The 2xx status with which the provider wants a webhook answered."""
        ...

    @property
    def entries(self) -> tuple[str, ...]:
        """Every entry that the secret document may have; ``make secrets`` reads ``<NAME>_<ENTRY>`` for each."""
        ...

    def keys(self, credentials: Credentials) -> tuple[Key, ...]:
        """Every key accepted at present for webhooks; two or more while one rotates, none if the account has no key."""
        ...

    def flaws(self, credentials: Credentials) -> Mapping[str, str]:
        """Entries that certainly cannot be what they should, each with the end of a sentence that shows no value."""
        ...

    def verify(self, request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> None:
        """Return if one of ``secrets`` signed ``request``, else raise ``InvalidSignature``; raises nothing else."""
        ...

    def fields(self, request: HttpRequest) -> Mapping[str, str]:
        """The provider's raw fields, without our own query parameters; raises ``Unreadable`` and nothing else."""
        ...


class Provider(Webhooks, Protocol):
    """The whole adapter. Sans-I/O: nothing here reads a clock, a socket, the environment or randomness."""

    @property
    def senders(self) -> Mapping[str, str]:
        """The forms that a sender may have: a name for each, and the regular expression that all of it matches.

        The expressions are of the kind that Python, JSON Schema and CloudFormation read alike.
        """
        ...

    def report(self, fields: Mapping[str, str], *, received_at: str) -> Report:
        """What the fields mean (attempt 1, source callback); never raises: the unfamiliar is data."""
        ...

    def status(self, word: str, code: str | None) -> Status | None:
        """What a status word (with the code beside it) maps to; None for one that moves nothing."""
        ...

    def knows(self, word: str) -> bool:
        """Whether it is a status word of this provider, also where it moves nothing."""
        ...

    def page(self, code: str, status: Status) -> str | None:
        """The provider's own page on a failure's code; None where there is none. ``status`` is what it led to."""
        ...

    def meaning(self, word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
        """What a stored word means today, with the failure that its code and text tell of."""
        ...

    def send_request(self, message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:
        """The request that sends it; raises ``Misconfigured`` naming what ``credentials`` lack.

        ``callback_url`` is ours, complete with its query; the adapter adds what its provider needs (a fragment, say).
        """
        ...

    def send_outcome(self, result: HttpResponse | NoResponse) -> SendOutcome:
        """What came of it; never raises: an answer that cannot be read is ``OutcomeUnknown``."""
        ...

    def lookup_request(self, provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
        """The request for the provider's own record of one message."""
        ...

    def search_request(self, sought: Sought, *, credentials: Credentials, page: str | None) -> HttpRequest:
        """The request for one page of the provider's list, in which a send whose answer was lost may be found.

        ``page`` is what the page before named as the next one, None for the first.
        """
        ...

    def search_outcome(self, result: HttpResponse | NoResponse, *, sought: Sought) -> Listed | LookupFailed:
        """The messages on that page that may be the one that is sought; never raises."""
        ...

    def lookup_outcome(
        self, result: HttpResponse | NoResponse, *, received_at: str
    ) -> Report | NoSuchMessage | LookupFailed:
        """The provider's record as a report (source lookup, attempt 1); never raises."""
        ...

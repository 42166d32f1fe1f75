"""The contract of a provider's adapter, module by module, and the values that it exchanges with the services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sms_tracker.domain.callback import CallbackTarget
    from sms_tracker.domain.failure import Failure
    from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
    from sms_tracker.domain.inbound import Inbound
    from sms_tracker.domain.matching import Candidate, Sought
    from sms_tracker.domain.outbound import LookupFailed, NoSuchMessage, OutboundMessage, SendOutcome
    from sms_tracker.domain.report import Report
    from sms_tracker.domain.status import Status


Credentials = Mapping[str, str]
"""A provider's secret document, as ``make secrets`` stores it (one flat JSON object of strings).
docs/configuration.md lists its keys. ``api_url`` overrides the provider's public address."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key that may have signed a webhook.

    ``owner`` names the account or key id it belongs to; None fits any. ``following`` marks the next key of a rotation.
    """

    secret: str = field(repr=False)
    owner: str | None = None
    following: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The idempotency key of a provider's send request.

    For ``seconds`` after the first request the same bytes under the same key are carried out once; less than the
    provider keeps keys. The header ``replayed`` (lower case) is ``true`` on the first request's answer, given again.
    """

    seconds: int
    replayed: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a provider's list. ``next_page`` is None where no further page can hold what is sought."""

    candidates: tuple[Candidate, ...]
    next_page: str | None


class Webhooks(Protocol):
    """The half that receives webhooks: ``signature.py`` and ``webhook.py``. It loads alone, for a fast start.

    Both halves are pure: they read no clock, socket or environment and use no randomness.
    """

    @property
    def name(self) -> str:
        """The word used in routes, records, events and settings: the folder's name."""
        ...

    # --- signature.py

    def verify(self, request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> timedelta | None:
        """The age of the signature if one of ``secrets`` signed ``request``; else raise ``InvalidSignature`` alone.

        None where nothing signed holds its time. A signature's age refuses nothing that its scheme does not limit.
        """
        ...

    # --- webhook.py

    WEBHOOK: bool
    """Whether reports come by webhook. Otherwise they are in the queue ``reports`` as the provider's service put them
    there, and ``fields`` and ``target`` read a request with that body alone."""

    ACK_STATUS: int
    """The 2xx status with which the provider wants a webhook answered."""

    REPLY_BODY: str
    """What an inbound message is answered with, as ``text/xml``; empty for the same answer as a report."""

    ENTRIES: tuple[str, ...]
    """Every entry that the secret document may have; ``make secrets`` reads ``<NAME>_<ENTRY>`` for each."""

    def keys(self, credentials: Credentials) -> tuple[Key, ...]:
        """Every key accepted at present for webhooks: two or more during a rotation, none if the account has no key."""
        ...

    def flaws(self, credentials: Credentials) -> Mapping[str, str]:
        """Entries with a value that certainly cannot be right, each with the end of a sentence that shows no value."""
        ...

    def fields(self, request: HttpRequest) -> Mapping[str, str]:
        """The verified raw fields, without our own query parameters; raises ``Unreadable`` and nothing else."""
        ...

    def target(self, request: HttpRequest, fields: Mapping[str, str]) -> CallbackTarget:
        """Our id and attempt, read from a place that the provider signs; never raises. ``fields`` are the request's."""
        ...

    def is_reply(self, fields: Mapping[str, str]) -> bool:
        """Whether the fields are an inbound message or a notice of an opt-out, and no report."""
        ...


class Provider(Webhooks, Protocol):
    """The whole adapter: the half above, ``inbound.py``, ``report.py`` and ``api.py``."""

    # --- inbound.py

    def inbound(self, fields: Mapping[str, str], *, received_at: str) -> Inbound:
        """What the fields of a reply say; raises ``Unreadable`` where its id or a number is missing."""
        ...

    # --- report.py

    STATUSES: Mapping[str, Status | None]
    """The provider's status words and what each maps to; None for a word that moves nothing."""

    UNCONFIRMED: frozenset[str]
    """Words with which a message ends as ``unknown`` although nothing failed: a carrier took it, and in its country no
    handset confirms."""

    def report(self, fields: Mapping[str, str], *, received_at: str) -> Report:
        """What the fields of a webhook mean (attempt 1, source callback); never raises: unfamiliar values are data."""
        ...

    def status(self, word: str, code: str | None) -> Status | None:
        """What a status word (with the code beside it) maps to; None for one that moves nothing or is unknown."""
        ...

    def knows(self, word: str) -> bool:
        """Whether it is a status word of this provider, including those that move nothing."""
        ...

    def meaning(self, word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
        """What a word maps to today, with the failure that the code and text beside it describe."""
        ...

    def page(self, code: str, status: Status) -> str | None:
        """The URL of the provider's documentation of a failure's code; None where there is none.

        ``status`` is what the code led to.
        """
        ...

    # --- api.py

    SENDERS: Mapping[str, str]
    """The forms that a sender may have: a description of each, and the regular expression that all of it matches.

    Only expressions that Python, JSON Schema and CloudFormation read alike.
    """

    VALIDITY: range | None
    """The seconds of a message's validity that it takes; None where it takes none."""

    CATEGORIES: tuple[str, ...]
    """The categories that a message may have; empty where messages have none."""

    PRICE: bool
    """Whether its reports state a price. A price in its records alone is seen only where a message is looked up."""

    LOOKUP: bool
    """Whether its API returns and lists messages. Without it a message without a final report ends as ``unknown``."""

    IDEMPOTENCY: Idempotency | None
    """How a send request can be repeated safely; None where a repetition is a second message."""

    def send_request(self, message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:
        """The request that sends it: for one attempt always the same bytes where it has an idempotency key.

        ``callback_url`` is ours, complete with its query. The adapter adds what its provider needs, such as a fragment.
        Raises ``Misconfigured`` naming what ``credentials`` lack, and ``InvalidMessage`` naming a field of the message
        that is missing and has no default in ``credentials``.
        """
        ...

    def send_outcome(self, result: HttpResponse | NoResponse) -> SendOutcome:
        """What the answer means; never raises: an unreadable answer is ``OutcomeUnknown``."""
        ...

    # --- api.py, only with LOOKUP

    def lookup_request(self, provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
        """The request for the provider's own record of one message."""
        ...

    def lookup_outcome(
        self, result: HttpResponse | NoResponse, *, received_at: str
    ) -> Report | NoSuchMessage | LookupFailed:
        """The provider's record as a report (source lookup, attempt 1); never raises."""
        ...

    def search_request(self, sought: Sought, *, credentials: Credentials, page: str | None) -> HttpRequest:
        """The request for one page of the provider's list, to find a send whose answer was lost.

        ``page`` is the ``next_page`` of the page before, None for the first.
        """
        ...

    def search_outcome(self, result: HttpResponse | NoResponse, *, sought: Sought) -> Listed | LookupFailed:
        """The messages on that page that may be the one that is sought; never raises."""
        ...

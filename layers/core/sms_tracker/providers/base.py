"""The contract of a provider's adapter, module by module, and its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sms_tracker.domain.callback import CallbackTarget
    from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
    from sms_tracker.domain.outbound import (
        Candidate,
        LookupFailed,
        NoSuchMessage,
        OutboundMessage,
        SearchCriteria,
        SendOutcome,
    )
    from sms_tracker.domain.queued import Inbound
    from sms_tracker.domain.report import Report
    from sms_tracker.domain.status import Failure, Status


Credentials = Mapping[str, str]
"""A provider's secret document, as ``make secrets`` stores it (one flat JSON object of strings).
docs/configuration.md lists its keys. ``api_url`` overrides the provider's public address."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key that may have signed a webhook.

    ``owner`` is the account or key id that it belongs to, None for any. ``following``: the next key of a rotation.
    """

    secret: str = field(repr=False)
    owner: str | None = None
    following: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The idempotency key of a provider's send request.

    For ``seconds`` after the first request, the same bytes under the same key are carried out only once; this is less
    than the provider keeps keys. The header ``replayed`` (lower case) is ``true`` on a repeated answer.
    """

    seconds: int
    replayed: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a provider's list. ``next_page`` is None if no further page can have a candidate."""

    candidates: tuple[Candidate, ...]
    next_page: str | None


class Webhooks(Protocol):
    """The half that receives webhooks: ``signature.py`` and ``webhook.py``. It is loaded alone, for a fast start.

    An adapter is pure: no clock, socket, environment or randomness.
    """

    @property
    def name(self) -> str:
        """The folder's name, used in routes, records, events and settings."""
        ...

    # --- signature.py

    def verify(self, request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> timedelta | None:
        """The age of the signature if one of ``secrets`` signed ``request``, else raise only ``InvalidSignature``.

        None if no time is signed. An old signature is refused only if its scheme limits the age.
        """
        ...

    # --- webhook.py

    WEBHOOK: bool
    """Whether reports come by webhook. Otherwise the provider's service puts them into the queue ``reports``, and
    ``fields`` and ``target`` get a request that has only that body."""

    ACK_STATUS: int
    """The 2xx status of the answer to a webhook."""

    REPLY_BODY: str
    """The answer to an inbound message, ``text/xml``; empty for the same answer as to a report."""

    ENTRIES: tuple[str, ...]
    """The entries of the secret document; ``make secrets`` reads ``<NAME>_<ENTRY>`` for each."""

    def keys(self, credentials: Credentials) -> tuple[Key, ...]:
        """The keys accepted for webhooks: two or more during a rotation, none if the account has none."""
        ...

    def flaws(self, credentials: Credentials) -> Mapping[str, str]:
        """Entries with certainly wrong values, each with the end of a sentence that does not show the value."""
        ...

    def fields(self, request: HttpRequest) -> Mapping[str, str]:
        """The verified raw fields, without our own query parameters; raises only ``Unreadable``."""
        ...

    def target(self, request: HttpRequest, fields: Mapping[str, str]) -> CallbackTarget:
        """Our id, attempt and token, from a signed part of ``request``, or its ``fields``; never raises."""
        ...

    def is_reply(self, fields: Mapping[str, str]) -> bool:
        """Whether the fields are an inbound message or a notice of an opt-out, not a report."""
        ...


class Provider(Webhooks, Protocol):
    """The whole adapter: the half above, ``inbound.py``, ``report.py`` and ``api.py``."""

    # --- inbound.py

    def inbound(self, fields: Mapping[str, str], *, received_at: str) -> Inbound:
        """The inbound message in ``fields``; raises ``Unreadable`` if its id or a number is missing."""
        ...

    # --- report.py

    STATUSES: Mapping[str, Status | None]
    """The provider's status words, each with our status; None for a word without effect on the status."""

    UNCONFIRMED: frozenset[str]
    """Words with which a message ends as ``unknown`` without a failure: a carrier accepted it, and in its country
    handsets do not confirm."""

    def report(self, fields: Mapping[str, str], *, received_at: str) -> Report:
        """The report in a webhook's fields (attempt 1, source callback). Never raises: unfamiliar values are data."""
        ...

    def status(self, word: str, code: str | None) -> Status | None:
        """The status of a word with its code; None for a word that is unknown or has no effect."""
        ...

    def knows(self, word: str) -> bool:
        """Whether ``STATUSES`` has the word."""
        ...

    def meaning(self, word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
        """The status of a word by the current tables, and the failure described by its code and text."""
        ...

    def page(self, code: str, status: Status) -> str | None:
        """The URL of the provider's documentation of a failure's code; None if there is none.

        ``status`` is the message's status with that failure.
        """
        ...

    # --- api.py

    SENDERS: Mapping[str, str]
    """The valid forms of a sender: description, and regular expression for the whole sender.

    The expressions must mean the same in Python, JSON Schema and CloudFormation.
    """

    VALIDITY: range | None
    """The validity periods that it accepts, in seconds; None if it accepts none."""

    CATEGORIES: tuple[str, ...]
    """The categories of messages; empty if there are none."""

    PRICE: bool
    """Whether its reports state a price. Otherwise only a look-up may find one."""

    LOOKUP: bool
    """Whether its API returns and lists messages. Without it a message without a final report ends as ``unknown``."""

    IDEMPOTENCY: Idempotency | None
    """The idempotency key of send requests; None if a repeated request is a second message."""

    def send_request(self, message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:
        """The request that sends ``message``. With ``IDEMPOTENCY``, always the same bytes for one attempt.

        ``callback_url`` is ours with its query; the adapter may add a fragment. Raises ``Misconfigured`` with what
        ``credentials`` lack, and ``InvalidMessage`` with a field that is missing and has no default in ``credentials``.
        """
        ...

    def send_outcome(self, result: HttpResponse | NoResponse) -> SendOutcome:
        """The outcome of a send. Never raises: an unreadable answer is ``OutcomeUnknown``."""
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

    def search_request(self, criteria: SearchCriteria, *, credentials: Credentials, page: str | None) -> HttpRequest:
        """The request for one page of the provider's list, to find a send whose answer was lost.

        ``page`` is the ``next_page`` of the page before, None for the first.
        """
        ...

    def search_outcome(self, result: HttpResponse | NoResponse, *, criteria: SearchCriteria) -> Listed | LookupFailed:
        """The candidates on that page; never raises."""
        ...

"""The record of one message, and the changes to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sms_tracker.domain.cost import Cost, Price
    from sms_tracker.domain.report import Report
    from sms_tracker.domain.state import State
    from sms_tracker.domain.text import Segmentation

MAX_REPORTS = 30
"""Reports kept in a timeline. Further ones still change the status; their raw fields go to the queue ``unmatched``."""


class SendPhase(StrEnum):
    """The state of the current attempt to hand the message to a provider; independent of the status."""

    CLAIMED = "claimed"
    ANSWERED = "answered"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """The send path's part of a record.

    ``token`` identifies the invocation that holds the claim, which ends at ``until`` (epoch seconds). ``cause`` is why
    a released send was not accepted: ``account`` or ``not_sent``. ``request`` is an HMAC of the provider request if it
    may be repeated under its idempotency key.
    """

    phase: SendPhase
    attempt: int
    token: str
    until: int
    cause: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One report in the timeline, stored under its fingerprint.

    ``foreign``: about another recipient, so without effect. ``text`` is the provider's text of a failure. ``fields``
    are the provider's further fields, if they were stored.
    """

    word: str
    received: str
    attempt: int
    source: str
    code: str | None = None
    occurred: str | None = None
    text: str | None = None
    foreign: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One message. Times are RFC 3339 in UTC, ``expires_at`` epoch seconds, numbers E.164.

    - ``to``: empty once the recipient is forgotten (ADR 12)
    - ``version``: starts at 1 and rises by exactly one with each write that changes the state
    - ``fingerprint``, ``text_hash``: HMACs of the client's request and of the text
    - ``body``: stored as long as TextRetention allows
    - ``resend_if_lost``, ``validity_seconds``, ``category``: as requested; None for the provider's default
    - ``providers``: by attempt, once there is a second attempt
    - ``costs``: by attempt, if the price is known
    - ``test``: sent with a test key
    """

    message_id: str
    version: int
    state: State
    send: Send
    client: str
    to: str = field(repr=False)
    sender: str = field(repr=False)
    segmentation: Segmentation
    fingerprint: str
    text_hash: str
    created_at: str
    updated_at: str
    expires_at: int
    reference: str | None = None
    resend_if_lost: bool = False
    validity_seconds: int | None = None
    category: str | None = None
    body: str | None = field(default=None, repr=False)
    costs: Mapping[int, Cost] = field(default_factory=dict)
    network: str | None = None
    reports: Mapping[str, Entry] = field(default_factory=dict)
    providers: Mapping[int, str] = field(default_factory=dict)
    test: bool = False

    def provider_of(self, attempt: int) -> str:
        """The provider of an attempt; the status's provider if the attempt's is not stored."""
        if attempt == self.state.attempt:
            return self.state.provider
        return self.providers.get(attempt, self.state.provider)

    def price(self, attempt: int) -> Price | None:
        """The attempt's price, None if not known."""
        cost = self.costs.get(attempt)
        return cost.price if cost else None

    def has(self, report: Report) -> bool:
        """Whether the timeline has this report."""
        return any(fingerprint in self.reports for fingerprint in report.fingerprints)

    def providers_with(self, attempt: int, provider: str) -> dict[int, str]:
        """``providers`` with this attempt added."""
        return {**self.providers, self.state.attempt: self.state.provider, attempt: provider}


class Guard(StrEnum):
    """The condition of a write; the table in :func:`sms_tracker.aws.updates.update_of` shows it in full.

    FIRST: a write without a read. The order must be higher than the stored one. If the change has a failure, none may
    be stored; nor may another provider id of its attempt.
    SEEN: a write after a read. The version must be the one read.
    LATE: a write that only adds reports to the timeline or sets costs. It has no further condition.
    """

    FIRST = "first"
    SEEN = "seen"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One conditional write.

    - ``state``: under FIRST of the new reports alone, under SEEN of the whole record, under LATE None
    - ``added``: reports new in the timeline; ``foreign``: fingerprints of those about another recipient
    - ``version``: the version read, under SEEN
    - ``costs``: new costs by attempt
    - ``phase``: the send path's new phase, None to keep it
    """

    guard: Guard
    added: tuple[Report, ...]
    now: str
    state: State | None = None
    foreign: frozenset[str] = frozenset()
    version: int | None = None
    costs: Mapping[int, Cost] = field(default_factory=dict)
    phase: SendPhase | None = None

    @property
    def has_only_costs(self) -> bool:
        """Whether it changes nothing but costs."""
        return not (self.added or self.state or self.phase)

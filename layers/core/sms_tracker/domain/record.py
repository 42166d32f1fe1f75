"""The record of one message, and the changes to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sms_tracker.domain.cost import Cost, Price
    from sms_tracker.domain.report import Report
    from sms_tracker.domain.segments import Segmentation
    from sms_tracker.domain.state import State


MAX_REPORTS = 30
"""Reports kept in a timeline. The join applies to further ones too; their raw fields go to the queue ``unmatched``."""


class SendPhase(StrEnum):
    """How far an attempt to hand the message to a provider came; independent of the message's status."""

    CLAIMED = "claimed"
    ANSWERED = "answered"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """The state of the send path, separate from the message's status.

    ``token`` identifies the invocation that wrote it; its claim ends at ``until`` (epoch seconds). ``cause`` is why a
    released send was not accepted: ``account`` or ``not_sent``. ``request`` is an HMAC of the request to the provider,
    where it may be made again under its idempotency key.
    """

    phase: SendPhase
    attempt: int
    token: str
    until: int
    cause: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One report as the timeline keeps it, under its fingerprint.

    ``foreign`` marks a report about another recipient: kept without effect. ``fields`` are the provider's further
    fields where they are kept; ``text`` is the provider's text of a failure.
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

    ``to`` is empty once the recipient is forgotten (ADR 12), with all other personal data.

    ``version`` starts at 1 and rises by exactly one with each write that moves the message. ``fingerprint`` is an
    HMAC of the client's request, ``text_hash`` one of the text; ``body`` is stored as long as TextRetention allows.
    ``resend_if_lost``, ``validity_seconds`` and ``category`` (None: the provider's default) are the client's choice.
    ``providers`` maps attempts to providers once there is a second attempt, ``costs`` those with a known price to it.
    ``test``: a test key sent it.
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
        """The provider of an attempt; the status's provider where the attempt's is not known."""
        named = None if attempt == self.state.attempt else self.providers.get(attempt)
        return named or self.state.provider

    def price(self, attempt: int) -> Price | None:
        """The attempt's price, None where it is not known."""
        known = self.costs.get(attempt)
        return known.price if known else None

    def has(self, report: Report) -> bool:
        """Whether the timeline has this report."""
        return any(fingerprint in self.reports for fingerprint in report.fingerprints)

    def providers_with(self, attempt: int, provider: str) -> dict[int, str]:
        """``providers`` with this attempt added."""
        return {**self.providers, self.state.attempt: self.state.provider, attempt: provider}


class Guard(StrEnum):
    """The condition of a write; :func:`sms_tracker.aws.updates.update_of` draws it.

    FIRST: made without a read. The order must be higher, and the record must have no failure if the change brings one,
    and no other provider id for the attempt.
    SEEN: made from a record that was read. The version must be the one read.
    LATE: only lengthens the timeline or sets costs. No further condition, because a join never takes anything back.

    Under each, a stored cost must not outrank one of the change; if that has nothing else, it must be lower.
    """

    FIRST = "first"
    SEEN = "seen"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One conditional write.

    ``state`` is what to set: under FIRST the state of the reports alone, under SEEN the whole, under LATE nothing.
    ``added`` are new in the timeline; ``foreign`` has the fingerprints of those about another recipient.
    ``costs`` are new costs by attempt. ``phase``, if given, is the send path's new phase.
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
        """Whether it changes nothing where the stored costs equal its own."""
        return not (self.added or self.state or self.phase)

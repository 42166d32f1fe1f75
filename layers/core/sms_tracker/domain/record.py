"""The record of one message, as it is stored and as it is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sms_tracker.domain.report import Report
from sms_tracker.domain.segments import Segmentation
from sms_tracker.domain.state import State

MAX_REPORTS = 30
"""Reports kept in a record's timeline; beyond, the join still applies and the raw report goes to ``unmatched``."""


class SendPhase(StrEnum):
    """How far the handing to a provider came; says nothing about the message's status."""

    CLAIMED = "claimed"
    ANSWERED = "answered"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """The send path's own state, nothing of the message's status.

    ``token`` names the invocation that wrote it, ``until`` (epoch seconds) ends its claim. ``cause`` says why a
    released send was not taken: ``account`` or ``not_sent``.
    """

    phase: SendPhase
    attempt: int
    token: str
    until: int
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One report as the timeline keeps it, under its fingerprint.

    ``foreign`` marks a report whose recipient is not the record's: kept, moves nothing. ``fields`` are the
    provider's further fields where they are kept; ``text`` is its text of a failure.
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

    ``to`` is empty once the recipient is forgotten (ADR 11): all that told of that person is gone then.

    ``version`` starts at 1 and rises by exactly one with each write that moves the message. ``fingerprint`` is an
    HMAC of what the client sent, ``text_hash`` one of the text; ``body`` is there only as long as the retention of
    texts says. ``resend_if_lost`` and ``validity_seconds`` (None: the provider's default) are the client's own choice.
    ``providers`` maps attempts to providers once there was a second attempt.
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
    body: str | None = field(default=None, repr=False)
    price: str | None = None
    network: str | None = None
    reports: Mapping[str, Entry] = field(default_factory=dict)
    providers: Mapping[int, str] = field(default_factory=dict)

    def provider_of(self, attempt: int) -> str:
        """Whom an attempt was handed to; where that is not known, the provider that the status is about."""
        named = None if attempt == self.state.attempt else self.providers.get(attempt)
        return named or self.state.provider

    def providers_with(self, attempt: int, provider: str) -> dict[int, str]:
        """``providers`` once this attempt is made."""
        return {**self.providers, self.state.attempt: self.state.provider, attempt: provider}


class Guard(StrEnum):
    """Under which condition a change may be written.

    Each also demands that the record exists and that the change's reports are unseen, about its recipient, and
    have room.

    FIRST: judged without reading: order higher, no failure stored if the change brings one, no other provider id.
    SEEN: computed from a record that was read: version as read.
    LATE: the record says at least as much already, and a join never says less: no further condition, no version.
    """

    FIRST = "first"
    SEEN = "seen"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One conditional write.

    ``state`` is what to set: under FIRST only what the reports say, under SEEN the whole, under LATE nothing.
    ``added`` are new in the timeline, ``foreign`` the fingerprints of those that are not about this recipient.
    ``phase`` moves the send path, too.
    """

    guard: Guard
    added: tuple[Report, ...]
    now: str
    state: State | None = None
    foreign: frozenset[str] = frozenset()
    version: int | None = None
    phase: SendPhase | None = None

"""The message handed to a provider, the outcomes of sending and looking up, and the search for a lost one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sms_tracker.domain.report import spellings

if TYPE_CHECKING:
    from sms_tracker.domain.status import Failure, Status
    from sms_tracker.domain.text import Encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One validated message for one attempt.

    ``to`` is E.164. ``sender`` is E.164, a short code, alphanumeric, or of a provider's own form (Twilio's ``MG…``).
    ``validity_seconds`` and ``category`` are None for the provider's default. ``token`` is the
    :func:`sms_tracker.domain.callback.callback_token`; it is sent wherever the message id is.
    """

    message_id: str
    attempt: int
    to: str = field(repr=False)
    sender: str = field(repr=False)
    body: str = field(repr=False)
    encoding: Encoding
    token: str = field(repr=False)
    validity_seconds: int | None = None
    category: str | None = None

    @property
    def reference(self) -> str:
        """Our reference, which providers store and return: message id and token."""
        return reference(self.message_id, self.token)


def reference(message_id: str, token: str) -> str:
    """See :attr:`OutboundMessage.reference`: 80 unreserved characters."""
    return f"{message_id}.{token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider accepted the message.

    ``word`` is the provider's status word, ``status`` what it maps to (ACCEPTED if it maps to none). ``failure`` is set
    if that status is a failure. ``warning`` describes an unexpected response.
    """

    provider_message_id: str
    word: str
    status: Status
    failure: Failure | None = None
    occurred: str | None = None
    warning: str | None = None


class Fault(StrEnum):
    """Who must change something before the same request can succeed.

    SENDER: the caller if the request names the sender, otherwise the operator, who set the default.
    """

    CALLER = "caller"
    ACCOUNT = "account"
    SENDER = "sender"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The provider refused permanently: nothing was sent. ``failure`` has its code and text."""

    failure: Failure
    fault: Fault

    def is_callers(self, *, default_sender: bool) -> bool:
        """Whether the caller must correct it. ``default_sender``: the request named no sender."""
        return self.fault is Fault.CALLER or (self.fault is Fault.SENDER and not default_sender)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProcessed:
    """The provider certainly did not accept it; the same request may be made again.

    ``retry_after``: seconds, from the provider's response. ``soon`` is False if a retry within seconds cannot help
    (a daily limit).
    """

    reason: str
    code: str | None = None
    retry_after: float | None = None
    soon: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknown:
    """The message may have been sent: look it up, never send it again blindly."""

    reason: str


SendOutcome = Accepted | Refused | NotProcessed | OutcomeUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchMessage:
    """The provider has no such message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupFailed:
    """The provider's record could not be read this time. ``reason`` is safe to log."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCriteria:
    """What to find: the message of a send with an unknown outcome, created from ``since`` to ``until`` (RFC 3339).

    ``references`` are the ones that its attempts sent; they are unique to this stack. ``text_hash`` is the record's
    HMAC of the text.
    """

    message_id: str
    references: frozenset[str] = field(repr=False)
    provider: str
    to: str = field(repr=False)
    sender: str = field(repr=False)
    text_hash: str
    since: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One message in the provider's list.

    ``sender`` is the one in its request. ``certain``: it has our own reference, so only the time is compared.
    """

    provider_message_id: str
    to: str | None = field(default=None, repr=False)
    sender: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    created: str | None = None
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Matched:
    """The provider's message of the send."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class NotMatched:
    """No message is certainly ours. ``reason`` is logged."""

    reason: str


NO_CANDIDATE = "no-candidate"
"""The reason if nothing in the provider's list can be ours. Any other leaves open whether the message is there."""


def possible_matches(
    criteria: SearchCriteria, candidates: Sequence[Candidate], hash_text: Callable[[str], str]
) -> list[Candidate]:
    """The candidates created in time that are certain, or have the same recipient, sender and text."""
    return [
        each
        for each in candidates
        if _is_in_time(criteria, each)
        and (each.certain or (_is_between_the_same(criteria, each) and _has_its_text(criteria, each, hash_text)))
    ]


def altered_matches(
    criteria: SearchCriteria, candidates: Sequence[Candidate], possible: Sequence[Candidate]
) -> list[Candidate]:
    """The candidates that differ from ``possible`` ones in the text alone. One may be ours: providers alter texts."""
    return [
        each
        for each in candidates
        if each not in possible and _is_in_time(criteria, each) and _is_between_the_same(criteria, each)
    ]


def _is_in_time(criteria: SearchCriteria, candidate: Candidate) -> bool:
    return candidate.created is not None and criteria.since <= candidate.created <= criteria.until


def _is_between_the_same(criteria: SearchCriteria, candidate: Candidate) -> bool:
    return candidate.to in spellings(criteria.to) and candidate.sender == criteria.sender


def _has_its_text(criteria: SearchCriteria, candidate: Candidate, hash_text: Callable[[str], str]) -> bool:
    return candidate.text is not None and hash_text(candidate.text) == criteria.text_hash


def match(
    possible: Sequence[Candidate], *, held: frozenset[str], rivals: int, altered: Sequence[Candidate] = ()
) -> Matched | NotMatched:
    """The only candidate that can be ours.

    ``held`` has the provider ids of other records and attempts. ``rivals`` is the number of other records with the same
    text and recipient and no provider id: the candidate may belong to any of them. One of ``altered`` may be
    ours too, so without any other the result is ``text-differs``.
    """
    free = {each.provider_message_id: each for each in possible if each.provider_message_id not in held}
    chosen = [each for each in free.values() if each.certain] or list(free.values())
    if not chosen:
        is_altered = any(each.provider_message_id not in held for each in altered)
        return NotMatched("text-differs" if is_altered else NO_CANDIDATE)
    if len(chosen) > 1:
        return NotMatched("several-candidates")
    if rivals and not chosen[0].certain:
        return NotMatched("another-record-may-own-it")
    return Matched(chosen[0])

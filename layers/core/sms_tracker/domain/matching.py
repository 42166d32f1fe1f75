"""Find the message of a send with a lost response in a provider's list: exactly one, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sms_tracker.domain.spelling import spellings


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


def possible_matches(
    criteria: SearchCriteria, candidates: Sequence[Candidate], hash_text: Callable[[str], str]
) -> list[Candidate]:
    """The candidates created in time that are certain, or have the same recipient, sender and text."""
    return [candidate for candidate in candidates if _matches(criteria, candidate, hash_text)]


def match(possible: Sequence[Candidate], *, held: frozenset[str], rivals: int) -> Matched | NotMatched:
    """The only candidate that can be ours.

    ``held`` has the provider ids of other records and attempts. ``rivals`` is the number of other records with the same
    text and recipient and no provider id: the candidate may belong to any of them.
    """
    free = {each.provider_message_id: each for each in possible if each.provider_message_id not in held}
    chosen = [each for each in free.values() if each.certain] or list(free.values())
    if not chosen:
        return NotMatched("no-candidate")
    if len(chosen) > 1:
        return NotMatched("several-candidates")
    if rivals and not chosen[0].certain:
        return NotMatched("another-record-may-own-it")
    return Matched(chosen[0])


def _matches(criteria: SearchCriteria, candidate: Candidate, hash_text: Callable[[str], str]) -> bool:
    in_time = candidate.created is not None and criteria.since <= candidate.created <= criteria.until
    return in_time and (
        candidate.certain
        or (
            candidate.to in spellings(criteria.to)
            and candidate.sender == criteria.sender
            and candidate.text is not None
            and hash_text(candidate.text) == criteria.text_hash
        )
    )

"""Find the message in a provider's list that belongs to a send with a lost response: exactly one, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sms_tracker.domain.spelling import spellings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A send with an unknown outcome. Times are RFC 3339; ``text_hash`` is the record's HMAC of the text.

    ``references`` are those that its attempts left with the provider; no other stack's message has one.
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

    ``sender`` is the one in its request. ``certain`` is True where the provider returned our own id: then only the time
    is compared.
    """

    provider_message_id: str
    to: str | None = field(default=None, repr=False)
    sender: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    created: str | None = None
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Matched:
    """The provider's message that is ours."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class NotMatched:
    """No message is certainly ours; ``reason`` is for the log."""

    reason: str


def possible_matches(
    sought: Sought, candidates: Sequence[Candidate], hash_text: Callable[[str], str]
) -> list[Candidate]:
    """The candidates with our id, or with our recipient, sender and text, within the time of the send."""
    return [candidate for candidate in candidates if _matches(sought, candidate, hash_text)]


def match(possible: Sequence[Candidate], *, held: frozenset[str], rivals: int) -> Matched | NotMatched:
    """The one candidate that can only be ours.

    ``held`` has the provider ids that belong to other records or attempts. ``rivals`` is the number of other records
    with the same text and recipient and no provider id: any of them may own the candidate.
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


def _matches(sought: Sought, candidate: Candidate, hash_text: Callable[[str], str]) -> bool:
    in_time = candidate.created is not None and sought.since <= candidate.created <= sought.until
    return in_time and (
        candidate.certain
        or (
            candidate.to in spellings(sought.to)
            and candidate.sender == sought.sender
            and candidate.text is not None
            and hash_text(candidate.text) == sought.text_hash
        )
    )

"""Which of a provider's messages is ours, when the answer to a send was lost: exactly one, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sms_tracker.domain.spelling import spellings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A send whose outcome is not known. Times are RFC 3339; ``text_hash`` is what the record keeps of the text.

    ``references`` are those that its attempts left with the provider: another stack's message never carries one.
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

    ``sender`` is what its request named. ``certain`` says that the provider gave our own id back, so that only its
    time is compared.
    """

    provider_message_id: str
    to: str | None = field(default=None, repr=False)
    sender: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    created: str | None = None
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Matched:
    """This one is ours."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class NotMatched:
    """None can be said to be ours; ``why`` is the word for the log."""

    why: str


def matching(sought: Sought, candidates: Sequence[Candidate], hash_text: Callable[[str], str]) -> list[Candidate]:
    """Those that could be ours by recipient, sender, text and time, or that the provider says are."""
    return [candidate for candidate in candidates if _matches(sought, candidate, hash_text)]


def choose(matching: Sequence[Candidate], *, held: frozenset[str], rivals: int) -> Matched | NotMatched:
    """Choose, never guess.

    ``held`` are provider ids that are known to be another's, or another attempt's; ``rivals`` is the number of other
    records that sent the same text to the same recipient and have no id either: any may own what is found.
    """
    free = {each.provider_message_id: each for each in matching if each.provider_message_id not in held}
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

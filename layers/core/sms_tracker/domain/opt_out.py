"""Opt-outs: a join over dated statements about a recipient, so that order and repetition do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import TYPE_CHECKING, Protocol

from sms_tracker.domain.http import ADMIN
from sms_tracker.domain.settings import ScopeMode

if TYPE_CHECKING:
    from sms_tracker.domain.http import Caller
    from sms_tracker.domain.outbox import OutboxItem

REFUSAL_LIFETIME = timedelta(hours=24)
"""How long a provider's refusal blocks. Then a send is tried again, because providers lift blocks without notice."""


class Kind(StrEnum):
    """The kinds of statements about a recipient."""

    STOP = "stop"
    """The recipient's own STOP, or the provider's notice of one."""
    STOP_MARKETING = "stop_marketing"
    """A stop that the provider limits to non-transactional messages."""
    START = "start"
    """The recipient's own START. It ends stops and refusals."""
    REFUSED = "refused"
    """A provider refused a message because the recipient opted out; dated at the start of that attempt."""
    ADDED = "added"
    """A manual block."""
    REMOVED = "removed"
    """The end of a manual block."""
    LIFTED = "lifted"
    """An administrator ended every block, for a recorded reason."""


_ENDED_BY: Mapping[Kind, tuple[Kind, ...]] = {
    Kind.STOP: (Kind.START, Kind.LIFTED),
    Kind.STOP_MARKETING: (Kind.START, Kind.LIFTED),
    Kind.ADDED: (Kind.REMOVED, Kind.LIFTED),
    Kind.REFUSED: (Kind.START, Kind.LIFTED),
}
"""Each kind of block, and the kinds that end it. The first one in force is reported as the cause."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Statement:
    """One dated statement. ``at`` is RFC 3339 in UTC with milliseconds; ``source`` is the provider or client.

    The order is total: at equal times the other fields decide.
    """

    at: str
    kind: Kind
    source: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OptOut:
    """The latest statement of each kind about one recipient in one scope: a point of the join semilattice."""

    latest: Mapping[Kind, Statement] = field(default_factory=dict)

    def blocked_by(self, now: datetime, *, transactional: bool = False) -> Statement | None:
        """The statement that blocks the recipient; None if none does. At equal times a block beats its end.

        ``transactional``: the message has this category at the provider.
        """
        blocks = (self.latest[kind] for kind in _ENDED_BY if kind in self.latest)
        return next((block for block in blocks if self._holds(block, now, transactional=transactional)), None)

    def _holds(self, block: Statement, now: datetime, *, transactional: bool) -> bool:
        if any(block.at < self.latest[end].at for end in _ENDED_BY[block.kind] if end in self.latest):
            return False
        if block.kind is Kind.STOP_MARKETING:
            return not transactional
        return block.kind is not Kind.REFUSED or now < datetime.fromisoformat(block.at) + REFUSAL_LIFETIME


def fold(statements: Iterable[Statement], *, base: OptOut | None = None) -> OptOut:
    """``statements`` joined to ``base``: the same result for every permutation, duplication and split."""
    return reduce(_join, statements, base or OptOut())


def _join(opt_out: OptOut, statement: Statement) -> OptOut:
    latest = opt_out.latest.get(statement.kind)
    if latest is not None and statement <= latest:
        return opt_out
    return OptOut({**opt_out.latest, statement.kind: statement})


def scope(mode: ScopeMode, *, provider: str, sender: str, client: str) -> str:
    """The scope of a message: its sender at its provider, its client, or everything.

    ``sender`` is E.164, a short code, alphanumeric, or a messaging service. Alphanumeric senders count without case.
    """
    match mode:
        case ScopeMode.CLIENT:
            return f"client:{client}"
        case ScopeMode.SENDER:
            return f"sender:{provider}:{sender.casefold()}"
    return "all"


def is_visible(name: str, caller: Caller) -> bool:
    """Whether ``caller`` may see and change the opt-outs of a scope: its own, those of its senders, or as admin."""
    own = {f"client:{caller.client}", *(f"sender:{sender.casefold()}" for sender in caller.senders)}
    return name in own or ADMIN in caller.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """The subject of an opt-out. ``number`` is E.164, empty once it was forgotten."""

    scope: str
    number: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOptOut:
    """The stored state of one recipient. ``version`` is 0 before the first write and rises by one with each."""

    recipient: Recipient
    opt_out: OptOut = field(default_factory=OptOut)
    version: int = 0
    changed_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutPage:
    """One page of a list; ``next`` is the cursor of the following one, None at the end."""

    items: tuple[StoredOptOut, ...]
    next: str | None


class OptOuts(Protocol):
    """The stored opt-outs. Every method raises ``Unavailable``."""

    def get(self, recipient: Recipient) -> StoredOptOut:
        """Read one, strongly consistent; version 0 if nothing is stored."""
        ...

    def save(self, changed: StoredOptOut, *, event: OutboxItem | None) -> bool:
        """Replace the version before ``changed``, together with ``event``; False if another write came first."""
        ...

    def listed(self, *, cursor: str | None, limit: int) -> OptOutPage:
        """One page, the latest change first."""
        ...

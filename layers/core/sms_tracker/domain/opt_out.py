"""Opt-outs: keywords in replies, and a join over dated statements about a recipient.

A provider's own signal takes precedence over the keywords. Order and repetition of the statements do not matter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import TYPE_CHECKING, Protocol

from sms_tracker.domain.http import ADMIN
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.domain.text import IGNORABLE

if TYPE_CHECKING:
    from sms_tracker.domain.bus import OutboxItem
    from sms_tracker.domain.http import Caller


class Keyword(StrEnum):
    """What a reply asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


OwnKeywords = Mapping[str, Keyword | None]
"""The keywords set up for one number at its provider, normalised. None: a keyword with another meaning."""

DEFAULT_KEYWORDS: Mapping[Keyword, tuple[str, ...]] = {
    Keyword.STOP: (
        *("stop", "stopall", "stop all", "unsubscribe", "un subscribe", "end", "quit", "cancel", "optout", "opt out"),
        *("revoke", "remove", "td", "arret", "arrete", "halt", "detener", "parar", "ferma", "остановить", "zatrzymaj"),
        # Common in these languages, but no provider lists them by default:
        *("stop2quit", "stop2end", "stopp", "baja", "salir", "alto", "cancelar", "sair", "pare", "desabonner"),
        *("desinscrire", "desabonnement", "desinscription", "stop sms", "abmelden", "abbestellen", "afmelden"),
        *("afmeld", "uitschrijven", "cancella", "disiscrivi", "disiscrivimi", "remover", "avsluta", "avslutt"),
        *("lopeta", "odhlasit", "rezygnuje", "wypisz", "iptal", "berhenti", "tu choi", "στοπ", "διαγραφη"),
        *("стоп", "отписаться", "отписка", "відписатися", "הסר", "הסירו", "ايقاف", "الغاء", "توقف"),
        *("退订", "退訂", "取消", "停止", "配信停止", "ストップ", "수신거부", "중지", "ยกเลิก", "बंद"),
    ),
    Keyword.START: ("start", "unstop", "yes", "begin", "resume", "revert", "nonarret"),
    Keyword.HELP: ("help", "info", "aide", "hulp", "hilfe", "ayuda", "ajuda", "aiuto", "помощь", "pomocy"),
}
"""The providers' default keywords of all countries. Some are everyday words, such as "end": an opt-out by mistake is
undone by one START, so this errs on the safe side. START has only what the providers list."""


def keyword(text: str, own: OwnKeywords | None = None) -> Keyword | None:
    """The keyword if the whole text is one; otherwise None, as for "stop by at 5".

    Case, accents, width, invisible characters, punctuation, hyphens and repetition ("Stop. STOP!") are ignored.
    ``own`` takes precedence over :data:`DEFAULT_KEYWORDS`.
    """
    words = normalised(text).split()
    phrase = words[0] if len(set(words)) == 1 else " ".join(words)
    return own[phrase] if own and phrase in own else _DEFAULTS_BY_WORD.get(phrase)


_OPT_OUT_PHRASES = re.compile(
    r"\b(stop(stop|p+|[0-9]+)?|s t o p|stpo|sotp|st0p|unsub\w*|unsuscri\w*|opt ?(me )?out|(remove|delete) (me|my|this)"
    r"|take (me|us|my \w+) off|leave me alone|(quit|no more|no longer) (texts?|texting|messages?|messaging|sms)"
    r"|wrong number|lose my number|not interested|(do not|don ?t) (text|message|sms|contact|write|call)"
    r"|cancel (my |the |this )?(subscription|texts?|messages?|sms)"
    r"|baja|no mas|no (quiero recibir|me (escrib|mand|envi)\w*)|dej(a|e|en) de (escrib|mand|envi)\w*|desuscrib\w*"
    r"|sair da lista|descadastr\w*|nao (quero|me (mand|envi)\w*)|disiscri\w*|arretez?|desabonn\w*|desinscri\w*"
    r"|ne (plus|me) (recevoir|contact\w*)|abmeld\w*|abbestell\w*|keine (sms|nachrichten)|afmeld\w*|uitschrijv\w*"
    r"|geen (sms|berichten)|стоп|отпис\w*|не (пишите|присылаите))\b"
)
"""Phrases and slips of the finger that read like a wish to opt out, in normalised text."""
_STOP_SIGNS = frozenset("🛑🚫⛔")
_QUOTATION = re.compile(
    r"(?<=\S\s)(“\s*[^\s“”]+\s[^“”]*”|\"\s*[^\s\"]+\s[^\"]*\"|„\s*[^\s„“]+\s[^„“]*“|«\s*[^\s«»]+\s[^«»]*»)"
)
"""Our own text in a reaction to it, which phones send as a text: Liked “… Reply STOP to end”."""


def looks_like_opt_out(text: str, own: OwnKeywords | None = None) -> bool:
    """Whether a text that is no keyword reads like a wish to opt out. Such a text is flagged for a person to read."""
    if keyword(text, own) is not None:
        return False
    return _OPT_OUT_PHRASES.search(normalised(_QUOTATION.sub("", text))) is not None or not _STOP_SIGNS.isdisjoint(text)


_UNDECOMPOSED_LETTERS = str.maketrans("\u0131łøđ", "ilod")
"""Letters that Unicode does not decompose. A Turkish phone writes QUIT with a dotless i; GSM-7 lacks ł."""


def normalised(text: str) -> str:
    """Lower-case letters without accents, digits, and single spaces between words. May be empty."""
    decomposed = unicodedata.normalize("NFKD", IGNORABLE.sub("", text)).casefold()
    bare = unicodedata.normalize("NFKC", "".join(char for char in decomposed if not unicodedata.combining(char)))
    return " ".join(re.findall(r"[^\W_]+", bare.translate(_UNDECOMPOSED_LETTERS)))


def own_keywords(rules: Iterable[tuple[Iterable[str], Keyword | None]]) -> OwnKeywords:
    """The keywords of a number from its rules (words, meaning). If two rules have a word, the first one counts."""
    keywords: dict[str, Keyword | None] = {}
    for words, meaning in rules:
        for word in filter(None, map(normalised, words)):  # "" would match every text without letters
            keywords.setdefault(word, meaning)
    return keywords


_DEFAULTS_BY_WORD = own_keywords((words, meaning) for meaning, words in DEFAULT_KEYWORDS.items())


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


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Statement:
    """One dated statement. ``at`` is RFC 3339 in UTC with milliseconds; ``source`` is the provider or client.

    The order is total: at equal times the other fields decide.
    """

    at: str
    kind: Kind
    source: str
    reason: str = ""


_ENDED_BY: Mapping[Kind, tuple[Kind, ...]] = {
    Kind.STOP: (Kind.START, Kind.LIFTED),
    Kind.STOP_MARKETING: (Kind.START, Kind.LIFTED),
    Kind.ADDED: (Kind.REMOVED, Kind.LIFTED),
    Kind.REFUSED: (Kind.START, Kind.LIFTED),
}
"""Each kind of block, and the kinds that end it. The first one in force is reported as the cause."""
_REFUSAL_LIFETIME = timedelta(hours=24)
"""How long a provider's refusal blocks. Then a send is tried again, because providers lift blocks without notice."""


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
        return block.kind is not Kind.REFUSED or now < datetime.fromisoformat(block.at) + _REFUSAL_LIFETIME


def fold(statements: Iterable[Statement], *, base: OptOut | None = None) -> OptOut:
    """``statements`` joined to ``base``: the same result for every permutation, duplication and split."""
    return reduce(_join, statements, base or OptOut())


def _join(opt_out: OptOut, statement: Statement) -> OptOut:
    latest = opt_out.latest.get(statement.kind)
    if latest is not None and statement <= latest:
        return opt_out
    return OptOut({**opt_out.latest, statement.kind: statement})


def opt_out_scope(mode: ScopeMode, *, provider: str, sender: str, client: str) -> str:
    """The scope of a message: its sender at its provider, its client, or everything.

    ``sender`` is E.164, a short code, alphanumeric, or a messaging service. Alphanumeric senders count without case.
    """
    match mode:
        case ScopeMode.CLIENT:
            return f"client:{client}"
        case ScopeMode.SENDER:
            return f"sender:{provider}:{sender.casefold()}"
    return "all"


def is_scope_visible(name: str, caller: Caller) -> bool:
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

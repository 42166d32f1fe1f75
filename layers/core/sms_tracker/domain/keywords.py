"""Opt-out keywords in replies. A provider's own signal takes precedence over these rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum

from sms_tracker.domain.characters import IGNORABLE


class Keyword(StrEnum):
    """What a reply asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


OwnKeywords = Mapping[str, Keyword | None]
"""The keywords set up for one number at its provider, normalised. None: a keyword with another meaning."""

WORDS: Mapping[Keyword, tuple[str, ...]] = {
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
_OPT_OUT = re.compile(
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
_SIGNS = frozenset("🛑🚫⛔")
_QUOTED = re.compile(
    r"(?<=\S\s)(“\s*[^\s“”]+\s[^“”]*”|\"\s*[^\s\"]+\s[^\"]*\"|„\s*[^\s„“]+\s[^„“]*“|«\s*[^\s«»]+\s[^«»]*»)"
)
"""Our own text in a reaction to it, which phones send as a text: Liked “… Reply STOP to end”."""
_UNDECOMPOSED = str.maketrans("\u0131łøđ", "ilod")
"""Letters that Unicode does not decompose. A Turkish phone writes QUIT in small letters with a dotless i; GSM-7
lacks ł."""


def keyword(text: str, own: OwnKeywords | None = None) -> Keyword | None:
    """The keyword if the whole text is one; otherwise None, as for "stop by at 5".

    Case, accents, width, invisible characters, punctuation, hyphens and repetition ("Stop. STOP!") are ignored.
    ``own`` takes precedence over :data:`WORDS`.
    """
    words = normalised(text).split()
    phrase = words[0] if len(set(words)) == 1 else " ".join(words)
    return own[phrase] if own and phrase in own else _MEANINGS.get(phrase)


def looks_like_opt_out(text: str, own: OwnKeywords | None = None) -> bool:
    """Whether a text that is no keyword reads like a wish to opt out. Such a text is flagged for a person to read."""
    if keyword(text, own) is not None:
        return False
    return _OPT_OUT.search(normalised(_QUOTED.sub("", text))) is not None or not _SIGNS.isdisjoint(text)


def normalised(text: str) -> str:
    """Lower-case letters without accents, digits, and single spaces between words. May be empty."""
    decomposed = unicodedata.normalize("NFKD", IGNORABLE.sub("", text)).casefold()
    bare = unicodedata.normalize("NFKC", "".join(char for char in decomposed if not unicodedata.combining(char)))
    return " ".join(re.findall(r"[^\W_]+", bare.translate(_UNDECOMPOSED)))


def own_keywords(rules: Iterable[tuple[Iterable[str], Keyword | None]]) -> OwnKeywords:
    """The keywords of a number from its rules (words, meaning). If two rules have a word, the first one counts."""
    keywords: dict[str, Keyword | None] = {}
    for words, meaning in rules:
        for word in filter(None, map(normalised, words)):  # "" would match every text without letters
            keywords.setdefault(word, meaning)
    return keywords


_MEANINGS = own_keywords((words, meaning) for meaning, words in WORDS.items())

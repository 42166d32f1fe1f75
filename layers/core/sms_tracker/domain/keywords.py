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
        *("desinscrire", "abmelden", "afmelden", "afmeld", "стоп", "отписаться", "rezygnuje", "הסר", "退订"),
    ),
    Keyword.START: ("start", "unstop", "yes", "begin", "resume", "revert", "nonarret"),
    Keyword.HELP: ("help", "info", "aide", "hulp", "hilfe", "ayuda", "ajuda", "aiuto", "помощь", "pomocy"),
}
"""The providers' default keywords of all countries. Some are everyday words, such as "end": an opt-out by mistake is
undone by one START, so this errs on the safe side. START has only what the providers list."""
_OPT_OUT = re.compile(
    r"\b(stop|unsubscribe|opt ?(me )?out|(remove|delete) (me|my|this)|take (me|us|my \w+) off|leave me alone"
    r"|(quit|no more|no longer) (texts?|texting|messages?|messaging|sms)|wrong number|lose my number|not interested"
    r"|(do not|don ?t) (text|message|sms|contact|write|call)"
    r"|stopp|baja|no (quiero recibir|me (escrib|mand|envi)\w*)|desuscrib\w*|sair da lista|descadastr\w*"
    r"|nao (quero|me (mand|envi)\w*)|arretez?|desabonn\w*|desinscri\w*|ne (plus|me) (recevoir|contact\w*)"
    r"|abmelden|keine (sms|nachrichten)|afmelden|geen (sms|berichten)|стоп|отпис\w*|не (пишите|присылаите))\b"
)
"""Phrases that read like a wish to opt out, in normalised text."""


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
    return keyword(text, own) is None and _OPT_OUT.search(normalised(text)) is not None


def normalised(text: str) -> str:
    """Lower-case letters without accents, digits, and single spaces between words. May be empty."""
    decomposed = unicodedata.normalize("NFKD", IGNORABLE.sub("", text)).casefold()
    bare = unicodedata.normalize("NFKC", "".join(char for char in decomposed if not unicodedata.combining(char)))
    return " ".join(re.findall(r"[^\W_]+", bare))


def own_keywords(rules: Iterable[tuple[Iterable[str], Keyword | None]]) -> OwnKeywords:
    """The keywords of a number from its rules (words, meaning). If two rules have a word, the first one counts."""
    keywords: dict[str, Keyword | None] = {}
    for words, meaning in rules:
        for word in filter(None, map(normalised, words)):  # "" would match every text without letters
            keywords.setdefault(word, meaning)
    return keywords


_MEANINGS = own_keywords((words, meaning) for meaning, words in WORDS.items())

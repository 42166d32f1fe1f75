"""Opt-out keywords in what people reply. The provider's own signal, where there is one, comes before these rules."""

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
"""The keywords of a provider's number, normalised. None is one with another meaning, such as a customer's own."""

WORDS: Mapping[Keyword, tuple[str, ...]] = {
    Keyword.STOP: (
        *("stop", "stopall", "stop all", "unsubscribe", "un subscribe", "end", "quit", "cancel", "optout", "opt out"),
        *("revoke", "remove", "td", "arret", "arrete", "halt", "detener", "parar", "ferma", "остановить", "zatrzymaj"),
        # What senders ask for in these languages, although no provider here lists it by default:
        *("stop2quit", "stop2end", "stopp", "baja", "salir", "alto", "cancelar", "sair", "pare", "desabonner"),
        *("desinscrire", "abmelden", "afmelden", "afmeld", "стоп", "отписаться", "rezygnuje", "הסר", "退订"),
    ),
    Keyword.START: ("start", "unstop", "yes", "begin", "resume", "revert", "nonarret"),
    Keyword.HELP: ("help", "info", "aide", "hulp", "hilfe", "ayuda", "ajuda", "aiuto", "помощь", "pomocy"),
}
"""The providers' keywords of all countries together. Everyday answers among them, such as "end", err to the safe side:
one that opts out by mistake is one START away from being heard again. START has only what the providers list."""
_OPT_OUT = re.compile(
    r"\b(stop|unsubscribe|opt ?(me )?out|(remove|delete) (me|my|this)|take (me|us|my \w+) off|leave me alone"
    r"|(quit|no more|no longer) (texts?|texting|messages?|messaging|sms)|wrong number|lose my number|not interested"
    r"|(do not|don ?t) (text|message|sms|contact|write|call)"
    r"|stopp|baja|no (quiero recibir|me (escrib|mand|envi)\w*)|desuscrib\w*|sair da lista|descadastr\w*"
    r"|nao (quero|me (mand|envi)\w*)|arretez?|desabonn\w*|desinscri\w*|ne (plus|me) (recevoir|contact\w*)"
    r"|abmelden|keine (sms|nachrichten)|afmelden|geen (sms|berichten)|стоп|отпис\w*|не (пишите|присылаите))\b"
)
"""What reads like a wish to opt out, in normalised text."""


def keyword(text: str, own: OwnKeywords | None = None) -> Keyword | None:
    """The keyword that the whole message is, None for any other text: "stop by at 5" is no opt-out.

    Case, accents, width, invisible characters, punctuation, hyphens and repetition ("Stop. STOP!") do not matter.
    ``own`` replaces the table for the words that it has.
    """
    words = normalised(text).split()
    known = words[0] if len(set(words)) == 1 else " ".join(words)
    return own[known] if own and known in own else _MEANINGS.get(known)


def looks_like_opt_out(text: str, own: OwnKeywords | None = None) -> bool:
    """Whether a text that is no keyword reads like a wish to opt out. It is flagged for a person, never acted on."""
    return keyword(text, own) is None and _OPT_OUT.search(normalised(text)) is not None


def normalised(text: str) -> str:
    """Letters and digits in lower case, without accents; one space between words, nothing else. May be empty."""
    decomposed = unicodedata.normalize("NFKD", IGNORABLE.sub("", text)).casefold()
    bare = unicodedata.normalize("NFKC", "".join(char for char in decomposed if not unicodedata.combining(char)))
    return " ".join(re.findall(r"[^\W_]+", bare))


def own_keywords(rules: Iterable[tuple[Iterable[str], Keyword | None]]) -> OwnKeywords:
    """The keywords of a number from its rules, each its words and their meaning; the first rule with a word counts."""
    found: dict[str, Keyword | None] = {}
    for words, meaning in rules:
        for word in filter(None, map(normalised, words)):  # one without letters would be every text without letters
            found.setdefault(word, meaning)
    return found


_MEANINGS = own_keywords((words, meaning) for meaning, words in WORDS.items())

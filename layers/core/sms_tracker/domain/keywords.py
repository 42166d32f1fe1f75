"""Opt-out keywords in what people reply. The provider's own signal, where there is one, comes before these rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum

from sms_tracker.domain.characters import IGNORABLE


class Keyword(StrEnum):
    """What a reply asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


WORDS: Mapping[Keyword, tuple[str, ...]] = {
    Keyword.STOP: (
        *("stop", "stopall", "stop all", "unsubscribe", "end", "quit", "cancel", "optout", "opt-out", "opt out"),
        *("revoke", "remove", "td", "arret", "arrete", "halt", "detener", "parar", "ferma", "остановить", "zatrzymaj"),
    ),
    Keyword.START: ("start", "unstop", "yes", "begin", "resume", "revert", "nonarret"),
    Keyword.HELP: ("help", "info", "aide", "hulp", "hilfe", "ayuda", "ajuda", "aiuto", "помощь", "pomocy"),
}
"""The providers' keywords of all countries together. Everyday answers among them, such as "end", err to the safe side:
one that opts out by mistake is one START away from being heard again."""
_MEANINGS = {word: keyword for keyword, words in WORDS.items() for word in words}
_OUTER = re.compile(r"^[\W_]+|[\W_]+$")
_OPT_OUT = re.compile(
    r"\b(stop|unsubscribe|opt[ -]?out|remove me|take me off|no more (messages|texts|sms)|leave me alone)\b"
    r"|\b(do not|don't|dont) (text|message|sms|contact) me\b"
)


def keyword(text: str, own: Mapping[str, Keyword] | None = None) -> Keyword | None:
    """The keyword that the whole message is, None for any other text: "stop by at 5" is no opt-out.

    Case, accents, width, invisible characters, outer punctuation and quotes, and repeated spaces do not matter. ``own``
    are the effective keywords of the provider's number, in lower case; they replace the table for the words they have.
    """
    plain = _normalised(text)
    return {**_MEANINGS, **(own or {})}.get(plain)


def looks_like_opt_out(text: str) -> bool:
    """Whether a text that is no keyword reads like a wish to opt out. It is flagged for a person, never acted on."""
    return keyword(text) is None and _OPT_OUT.search(_normalised(text).replace("\u2019", "'")) is not None


def _normalised(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", IGNORABLE.sub("", text)).casefold()
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    spaced = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", bare))
    return _OUTER.sub("", spaced)

"""Typed settings of each function from its environment, read once, by its app.py only.

Each function's are in a module of its own: making a class takes a millisecond of a cold start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, TypeVar

from sms_tracker import providers
from sms_tracker.domain.errors import Misconfigured, UnknownProvider
from sms_tracker.domain.status import CORRECTIONS, Status


class TextRetention(StrEnum):
    """How long a message's text is stored."""

    NONE = "none"
    UNTIL_FINAL = "until_final"
    RECORD = "record"


class Verification(StrEnum):
    """What vouches for a provider's webhook: its signature, or our own token in the callback URL."""

    SIGNATURE = "signature"
    TOKEN = "token"  # noqa: S105  # the name of a mode


_WHOLE = 100
_NAMED, _SHOWN = 5, 12
"""Wrong country codes in one line, and characters of each."""


def _text(value: str) -> str:
    if not value:
        raise ValueError
    return value


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _providers(value: str) -> tuple[str, ...]:
    names = _words(value)
    if not names:
        raise ValueError
    try:
        for name in names:
            providers.webhooks(name)
    except UnknownProvider:
        raise ValueError from None
    return names


def _provider(value: str) -> str:
    return _providers(value)[0]


def _pairs(value: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in _words(value)]
    if not all(mark for _, mark, _ in pairs):
        raise ValueError
    return {name.strip(): item.strip() for name, _, item in pairs if item.strip()}


def _verification(value: str) -> dict[str, Verification]:
    return {name: Verification(mode) for name, mode in _pairs(value).items()}


class _Wrong(ValueError):
    """A malformed setting that holds no secret: its text may be shown."""


_MEANT = {"DA": "DK", "EL": "GR", "JA": "JP", "KO": "KR", "TP": "TL", "UK": "GB", "USA": "US", "ZR": "CD"}
"""Codes of languages, of other lists and of the past that are no country's, and can mean one country alone."""


def _countries(value: str) -> frozenset[str] | None:
    """Codes of ISO 3166 that have numbers; those of no country, such as 001, are none of them."""
    if value.strip() == "*":
        return None
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415  # not in the layers of all functions that import this

    codes = frozenset(_words(value))
    if not codes:
        raise ValueError
    if unknown := sorted(codes - SUPPORTED_REGIONS):
        raise _Wrong(", ".join(_advice(code, SUPPORTED_REGIONS) for code in unknown[:_NAMED]))
    return codes


def _advice(code: str, known: Collection[str]) -> str:
    meant = _MEANT.get(code.upper(), code.upper())
    shown = re.sub("[^ -~]", "?", code)[:_SHOWN]
    return f"{shown} is no country code" + (f", write {meant}" if meant in known else "")


def _days(value: str) -> int:
    days = int(value)
    if days < 7:  # noqa: PLR2004  # a provider's report may come days late
        raise ValueError
    return days


def _positive(value: str) -> int:
    number = int(value)
    if number <= 0:
        raise ValueError
    return number


def _percentage(value: str) -> float:
    number = float(value)
    if not 0 < number < _WHOLE:
        raise ValueError
    return number


def _published(value: str) -> frozenset[str]:
    words = frozenset(_words(value))
    if not words <= {*Status, CORRECTIONS}:
        raise ValueError
    return words


def _flag(value: str) -> bool:
    return {"true": True, "false": False}[value]


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "providers": _providers,
    "default_provider": _provider,
    "senders": _pairs,
    "verification": _verification,
    "allowed_countries": _countries,
    "text_retention": TextRetention,
    "retention_days": _days,
    "claim_seconds": _positive,
    "reconcile_after_seconds": _positive,
    "unknown_after_seconds": _positive,
    "not_sent_after_seconds": _positive,
    "look_again_after_seconds": _positive,
    "tracking_objective": _percentage,
    "lookups_per_second": _positive,
    "lookups_per_run": _positive,
    "run_seconds": _positive,
    "keep_raw_reports": _flag,
    "published_statuses": _published,
    "event_personal_data": _flag,
}

Config = TypeVar("Config")


def load(config: type[Config], environment: Mapping[str, str]) -> Config:
    """Read ``config``'s variables; raises ``Misconfigured`` naming all that are missing or malformed.

    It shows no value but country codes that there are not.
    """
    values: dict[str, Any] = {}
    wrong = []
    for name in (field.name for field in fields(config)):  # type: ignore[arg-type]  # every one is a dataclass
        try:
            values[name] = _PARSERS.get(name, _text)(environment[name.upper()])
        except _Wrong as error:
            wrong.append(f"{name.upper()} ({error})")
        except (KeyError, ValueError):
            wrong.append(name.upper())
    if wrong:
        raise Misconfigured(f"missing or malformed settings: {', '.join(sorted(wrong))}")
    return config(**values)

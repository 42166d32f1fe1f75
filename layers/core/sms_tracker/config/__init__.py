"""Typed settings of each function from its environment, read once, by its app.py only.

Each function's are in a module of its own: making a class takes a millisecond of a cold start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, TypeVar

from sms_tracker import providers
from sms_tracker.domain.errors import Misconfigured, UnknownProvider
from sms_tracker.domain.status import Status


class TextRetention(StrEnum):
    """How long a message's text is stored."""

    NONE = "none"
    UNTIL_FINAL = "until_final"
    RECORD = "record"


class Verification(StrEnum):
    """What vouches for a provider's webhook: its signature, or our own token in the callback URL."""

    SIGNATURE = "signature"
    TOKEN = "token"  # noqa: S105  # the name of a mode


CORRECTIONS = "corrections"
"""The word in PUBLISHED_STATUSES for a success that follows a failure."""
_WHOLE = 100


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


def _countries(value: str) -> frozenset[str] | None:
    if value.strip() == "*":
        return None
    codes = frozenset(_words(value))
    if not codes or not all(re.fullmatch("[A-Z]{2}", code) for code in codes):
        raise ValueError
    return codes


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
    """Read ``config``'s variables; raises ``Misconfigured`` naming all that are missing or malformed, never a value."""
    values: dict[str, Any] = {}
    wrong = []
    for name in (field.name for field in fields(config)):  # type: ignore[arg-type]  # every one is a dataclass
        try:
            values[name] = _PARSERS.get(name, _text)(environment[name.upper()])
        except (KeyError, ValueError):
            wrong.append(name.upper())
    if wrong:
        raise Misconfigured(f"missing or malformed settings: {', '.join(sorted(wrong))}")
    return config(**values)

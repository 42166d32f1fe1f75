"""Typed settings of each function from its environment, read once, by its app.py only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SendConfig:
    """``allowed_countries`` holds ISO 3166 codes, None for all; ``senders`` a provider's default originator."""

    messages_table: str
    settings_prefix: str
    providers: tuple[str, ...]
    default_provider: str
    senders: Mapping[str, str]
    verification: Mapping[str, Verification]
    allowed_countries: frozenset[str] | None
    text_retention: TextRetention
    retention_days: int
    claim_seconds: int
    keep_raw_reports: bool

    def __post_init__(self) -> None:
        if self.default_provider not in self.providers:
            raise Misconfigured("DEFAULT_PROVIDER is not one of PROVIDERS")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    reports_queue_url: str
    settings_prefix: str
    providers: tuple[str, ...]
    verification: Mapping[str, Verification]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorConfig:
    messages_table: str
    providers: tuple[str, ...]
    reports_queue_url: str
    unmatched_queue_url: str
    reports_dlq_url: str
    keep_raw_reports: bool
    text_retention: TextRetention


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherConfig:
    """``published_statuses`` may also hold :data:`CORRECTIONS`."""

    event_bus_name: str
    published_statuses: frozenset[str]
    publish_failed_queue_url: str
    event_personal_data: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestConfig:
    alerts_topic_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig:
    messages_table: str
    state_table: str
    reports_queue_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerConfig:
    state_table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerConfig(SendConfig):
    """It may send again, so it knows all that ``send`` knows; ages are seconds, the rate is calls a second."""

    state_table: str
    reports_queue_url: str
    reconcile_after_seconds: int
    unknown_after_seconds: int
    not_sent_after_seconds: int
    look_again_after_seconds: int
    tracking_objective: float
    lookups_per_second: int
    lookups_per_run: int
    run_seconds: int


_WHOLE = 100
_CONFIGS: Mapping[str, type] = {
    "send": SendConfig,
    "webhook": WebhookConfig,
    "processor": ProcessorConfig,
    "publisher": PublisherConfig,
    "digest": DigestConfig,
    "query": QueryConfig,
    "authorizer": AuthorizerConfig,
    "reconciler": ReconcilerConfig,
}
VARIABLES: Mapping[str, frozenset[str]] = {
    name: frozenset(field.name.upper() for field in fields(config)) for name, config in _CONFIGS.items()
}
"""Every function's variables, for the template to be held against."""


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

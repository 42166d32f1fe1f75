"""The typed settings of every function. Only its app.py reads them, once, from the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from sms_tracker import providers
from sms_tracker.domain.callback import Verification
from sms_tracker.domain.errors import Misconfigured, UnknownProvider
from sms_tracker.domain.settings import PriceLookup, ScopeMode, TextRetention
from sms_tracker.domain.status import CORRECTIONS, Status

if TYPE_CHECKING:
    from sms_tracker.domain.operator_rules import Destinations


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Config:
    """The settings of one function. Each annotation is an environment variable, in lower case.

    Not a dataclass: every cold start creates all these classes, in 4 µs each. A dataclass takes 500 µs.
    """

    def __init__(self, **values: object) -> None:
        vars(self).update(values)


class AuthorizerConfig(Config):
    """Where API keys are stored."""

    state_table: str


class SendConfig(Config):
    """``allowed_countries`` are the allowed destinations; ``senders`` are the providers' default senders."""

    messages_table: str
    settings_prefix: str
    providers: tuple[str, ...]
    default_provider: str
    senders: Mapping[str, str]
    allowed_countries: Destinations
    text_retention: TextRetention
    retention_days: int
    claim_seconds: int
    keep_raw_reports: bool
    state_table: str
    opt_out_scope: ScopeMode
    inbound_queue_url: str
    reports_queue_url: str


class WebhookConfig(Config):
    """The enabled providers, and the queues of reports and replies."""

    reports_queue_url: str
    inbound_queue_url: str
    settings_prefix: str
    providers: tuple[str, ...]
    verification: Mapping[str, Verification]
    queue_sending: bool


class ProcessorConfig(Config):
    """The queues and the table of reports, and what is stored of them."""

    messages_table: str
    settings_prefix: str
    providers: tuple[str, ...]
    reports_queue_url: str
    unmatched_queue_url: str
    reports_dlq_url: str
    inbound_queue_url: str
    keep_raw_reports: bool
    text_retention: TextRetention


class InboundConfig(Config):
    """The tables of opt-outs and events. ``allowed_countries`` is needed to parse national numbers."""

    messages_table: str
    state_table: str
    settings_prefix: str
    providers: tuple[str, ...]
    inbound_dlq_url: str
    allowed_countries: Destinations
    opt_out_scope: ScopeMode
    claim_seconds: int


class PublisherConfig(Config):
    """The changes and fields to publish. ``published_statuses`` may contain :data:`CORRECTIONS`."""

    event_bus_name: str
    published_statuses: frozenset[str]
    publish_failed_queue_url: str
    event_personal_data: bool


class DigestConfig(Config):
    """The topic that receives the digests."""

    alerts_topic_arn: str


class QueryConfig(Config):
    """The tables of records and statistics. ``allowed_countries`` is needed to parse national numbers."""

    messages_table: str
    state_table: str
    reports_queue_url: str
    allowed_countries: Destinations
    opt_out_scope: ScopeMode


class ReconcilerConfig(SendConfig):
    """The ages and rates of look-ups, and all settings of send, because the reconciler may send again."""

    reconcile_after_seconds: int
    unknown_after_seconds: int
    not_sent_after_seconds: int
    look_again_after_seconds: int
    tracking_objective: float
    lookups_per_second: int
    lookups_per_run: int
    price_lookup: PriceLookup
    run_seconds: int


AnyConfig = TypeVar("AnyConfig", bound=Config)


def load(config: type[AnyConfig], environment: Mapping[str, str]) -> AnyConfig:
    """Read ``config``'s variables; raises ``Misconfigured`` naming all that are missing or malformed.

    The error contains no value, except unknown country codes.
    """
    values: dict[str, Any] = {}
    wrong = []
    for name in names(config):
        try:
            values[name] = _parser(name)(environment[name.upper()])
        except _SettingFlaw as error:
            wrong.append(f"{name.upper()} ({error})")
        except (KeyError, ValueError):
            wrong.append(name.upper())
    if wrong:
        raise Misconfigured(f"missing or malformed settings: {', '.join(sorted(wrong))}")
    if values.get("default_provider") not in (None, *values.get("providers", ())):
        raise Misconfigured("DEFAULT_PROVIDER is not one of PROVIDERS")
    return config(**values)


def names(config: type[Config]) -> list[str]:
    """The names of a class's settings, inherited ones first."""
    return [name for base in reversed(config.__mro__) for name in getattr(base, "__annotations__", ())]


def _text(value: str) -> str:
    if not value:
        raise ValueError
    return value


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _providers(value: str) -> tuple[str, ...]:
    names = _words(value)
    if not names or providers.BUILT_IN in names:
        raise ValueError
    try:
        for name in names:
            providers.webhooks(name)
    except UnknownProvider:
        raise ValueError from None
    return names


def _pairs(value: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in _words(value)]
    if not all(mark for _, mark, _ in pairs):
        raise ValueError
    return {name.strip(): item.strip() for name, _, item in pairs if item.strip()}


class _SettingFlaw(ValueError):
    """A malformed setting. The text of this error contains no secret, and is shown."""


def _destinations(value: str) -> Destinations:
    """Codes of countries (ISO 3166) or ``*``, and ranges of numbers."""
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415  # not in every function's layers

    from sms_tracker.domain import operator_rules  # noqa: PLC0415  # few functions need it

    words = _words(value)
    if advice := operator_rules.destination_flaws(words, SUPPORTED_REGIONS):
        raise _SettingFlaw(advice)
    return operator_rules.destinations(words)


def _number(value: str, minimum: int = 1) -> int:
    if (number := int(value)) < minimum:
        raise ValueError
    return number


def _percentage(value: str) -> float:
    if not 0 < (number := float(value)) < 100:  # noqa: PLR2004  # percent
        raise ValueError
    return number


def _published(value: str) -> frozenset[str]:
    words = frozenset(_words(value))
    if not words <= {*Status, CORRECTIONS}:
        raise ValueError
    return words


_flag = {"true": True, "false": False}.__getitem__
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "providers": _providers,
    "default_provider": lambda value: _providers(value)[0],
    "senders": _pairs,
    "verification": lambda value: {name: Verification(mode) for name, mode in _pairs(value).items()},
    "allowed_countries": _destinations,
    "text_retention": TextRetention,
    "price_lookup": PriceLookup,
    "opt_out_scope": ScopeMode,
    "retention_days": lambda value: _number(value, minimum=7),  # a provider's report may come days late
    "tracking_objective": _percentage,
    "keep_raw_reports": _flag,
    "queue_sending": _flag,
    "published_statuses": _published,
    "event_personal_data": _flag,
}


def _parser(name: str) -> Callable[[str], Any]:
    """The parser of a setting: its own, that of numbers if its name ends in a unit, else that of texts."""
    return _PARSERS.get(name) or (_number if name.endswith(("_seconds", "_per_second", "_per_run")) else _text)

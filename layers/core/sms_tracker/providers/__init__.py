"""Each provider is a folder, found by its name. Read its modules in this order: signature, webhook, report, api."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from sms_tracker.domain.errors import UnknownProvider

if TYPE_CHECKING:
    from sms_tracker.providers.base import Provider, Webhooks
    from sms_tracker.providers.optional import OptOutSource, Registered, ReplyTimeSource

_RECEIVING = {
    "signature": ("verify",),
    "webhook": ("WEBHOOK", "ACK_STATUS", "REPLY_BODY", "ENTRIES", "keys", "flaws", "fields", "target", "is_reply"),
}
CONTRACT: Mapping[str, tuple[str, ...]] = {
    **_RECEIVING,
    "inbound": ("inbound",),
    "report": ("STATUSES", "UNCONFIRMED", "report", "status", "knows", "meaning", "page"),
    "api": (
        *("SENDERS", "send_request", "send_outcome"),
        *("VALIDITY", "CATEGORIES", "PRICE", "LOOKUP", "IDEMPOTENCY"),
    ),
}
"""The names that each module of a provider's folder defines; ``base.py`` describes them."""
LOOKUPS = {"api": ("lookup_request", "lookup_outcome", "search_request", "search_outcome")}
"""Further ones of a provider with ``LOOKUP``."""
_ENDPOINT = {
    "endpoint": (
        *("SECRET", "NEXT_SECRET", "ROTATION", "HISTORY", "list_request", "list_outcome", "register_request"),
        *("enable_request", "rotate_request", "test_request", "replay_request", "refusal", "secret", "test_outcome"),
    )
}
"""The same of the module that only a provider with a registered endpoint has."""
_OPT_OUTS = {"opt_outs": ("keywords_request", "keywords_outcome", "blocks_request", "blocks_outcome")}
"""The same of the module that only a provider has that answers questions about opt-outs."""
_REPLY_TIME = {"reply_time": ("time_request", "time_outcome")}
"""The same of the module that only a provider has whose replies carry no time, and whose API has it."""


BUILT_IN = "test"
"""The provider of test keys. It answers inside the service and has no account; no deployment can enable it."""


@cache
def names() -> tuple[str, ...]:
    """Every provider that a deployment can enable, sorted: each folder here but that of :data:`BUILT_IN`."""
    from pathlib import Path  # noqa: PLC0415  # rarely needed, and it takes as long to import as a provider

    found = {path.parent.name for path in Path(__file__).parent.glob("*/api.py")}
    return tuple(sorted(found - {BUILT_IN}))


def all_names() -> tuple[str, ...]:
    """Every provider that a record may name."""
    return (*names(), BUILT_IN)


@cache
def load(name: str) -> Provider:
    """The whole adapter of that name; raises ``UnknownProvider``. One without ``LOOKUP`` lacks the names of LOOKUPS."""
    found = _composed(name, CONTRACT)
    if found.LOOKUP:
        vars(found).update(vars(_composed(name, LOOKUPS)))
    return cast("Provider", found)


@cache
def webhooks(name: str) -> Webhooks:
    """The part of it that receives webhooks. Imports nothing that only sending needs; raises ``UnknownProvider``."""
    return cast("Webhooks", _composed(name, _RECEIVING))


@cache
def registered(name: str) -> Registered | None:
    """How its endpoint for reports is managed; None where each message names the address of its reports."""
    return cast("Registered | None", _optional(name, _ENDPOINT))


@cache
def opt_outs(name: str) -> OptOutSource | None:
    """How it is asked about keywords and blocks; None where it cannot be."""
    return cast("OptOutSource | None", _optional(name, _OPT_OUTS))


@cache
def reply_time(name: str) -> ReplyTimeSource | None:
    """How it is asked when it received a reply; None where it cannot be, or need not."""
    return cast("ReplyTimeSource | None", _optional(name, _REPLY_TIME))


def _optional(name: str, contract: Mapping[str, tuple[str, ...]]) -> SimpleNamespace | None:
    """The same as :func:`_composed`; None where the folder has no such module."""
    try:
        return _composed(name, contract)
    except UnknownProvider:
        return None


def _composed(name: str, contract: Mapping[str, tuple[str, ...]]) -> SimpleNamespace:
    """One object with the provider's ``name`` and every name of the contract, from the modules of its folder."""
    if not name.isalpha():
        raise UnknownProvider("no such provider")
    try:
        modules = {module: import_module(f"{__name__}.{name}.{module}") for module in contract}
    except ModuleNotFoundError as error:
        raise UnknownProvider("no such provider") from error
    members = {word: getattr(modules[module], word) for module, words in contract.items() for word in words}
    return SimpleNamespace(name=name, **members)

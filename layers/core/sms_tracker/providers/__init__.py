"""Load providers by name; each is a folder. Read its modules in this order: signature, webhook, report, api."""

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
"""The names that each module of a provider defines; ``base.py`` describes them."""
LOOKUPS = {"api": ("lookup_request", "lookup_outcome", "search_request", "search_outcome")}
"""Further names of a provider with ``LOOKUP``."""
_ENDPOINT = {
    "endpoint": (
        *("SECRET", "NEXT_SECRET", "ROTATION", "HISTORY", "list_request", "list_outcome", "register_request"),
        *("enable_request", "rotate_request", "test_request", "replay_request", "refusal", "secret", "test_outcome"),
    )
}
"""The names of the optional module for a registered endpoint; ``optional.py`` describes it and the next two."""
_OPT_OUTS = {"opt_outs": ("keywords_request", "keywords_outcome", "blocks_request", "blocks_outcome")}
"""The names of the optional module that reads keywords and opt-outs."""
_REPLY_TIME = {"reply_time": ("time_request", "time_outcome")}
"""The names of the optional module that reads the time of a reply."""

BUILT_IN = "test"
"""The provider of test keys. It runs inside the service, has no account, and no deployment can enable it."""


@cache
def names() -> tuple[str, ...]:
    """Every provider that a deployment can enable, sorted: all folders except :data:`BUILT_IN`."""
    from pathlib import Path  # noqa: PLC0415  # rarely needed, and slow to import

    folders = {path.parent.name for path in Path(__file__).parent.glob("*/api.py")}
    return tuple(sorted(folders - {BUILT_IN}))


def all_names() -> tuple[str, ...]:
    """Every provider that a record may name."""
    return (*names(), BUILT_IN)


@cache
def load(name: str) -> Provider:
    """The whole adapter; raises ``UnknownProvider``. Without ``LOOKUP`` it lacks the names in :data:`LOOKUPS`."""
    adapter = _composed(name, CONTRACT)
    if adapter.LOOKUP:
        vars(adapter).update(vars(_composed(name, LOOKUPS)))
    return cast("Provider", adapter)


@cache
def webhooks(name: str) -> Webhooks:
    """The half that receives webhooks, without the imports for sending; raises ``UnknownProvider``."""
    return cast("Webhooks", _composed(name, _RECEIVING))


@cache
def registered(name: str) -> Registered | None:
    """The provider's calls that manage its endpoint for reports; None if each message has its own callback URL."""
    return cast("Registered | None", _optional(name, _ENDPOINT))


@cache
def opt_outs(name: str) -> OptOutSource | None:
    """The provider's calls that read keywords and blocks; None if its API has none."""
    return cast("OptOutSource | None", _optional(name, _OPT_OUTS))


@cache
def reply_time(name: str) -> ReplyTimeSource | None:
    """The provider's calls that read the time of a reply; None if replies have one, or the API does not."""
    return cast("ReplyTimeSource | None", _optional(name, _REPLY_TIME))


def _optional(name: str, contract: Mapping[str, tuple[str, ...]]) -> SimpleNamespace | None:
    """As :func:`_composed`; None if the folder has no such module."""
    try:
        return _composed(name, contract)
    except UnknownProvider:
        return None


def _composed(name: str, contract: Mapping[str, tuple[str, ...]]) -> SimpleNamespace:
    """An object with the provider's ``name`` and all names of ``contract``, from the modules of its folder."""
    if not name.isalpha():
        raise UnknownProvider("no such provider")
    try:
        modules = {module: import_module(f"{__name__}.{name}.{module}") for module in contract}
    except ModuleNotFoundError as error:
        raise UnknownProvider("no such provider") from error
    members = {word: getattr(modules[module], word) for module, words in contract.items() for word in words}
    return SimpleNamespace(name=name, **members)

"""One folder a provider; nothing outside this package knows a provider's words."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from sms_tracker.domain.errors import UnknownProvider

if TYPE_CHECKING:
    from sms_tracker.providers.base import Provider, Webhooks


@cache
def names() -> tuple[str, ...]:
    """Every provider that has a folder here, sorted."""
    from pathlib import Path  # noqa: PLC0415  # few ask, and it takes as long to import as a provider

    return tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/api.py")))


@cache
def load(name: str) -> Provider:
    """The adapter of that name; raises ``UnknownProvider``."""
    return cast("Provider", _module(name, "api").ADAPTER)


@cache
def webhooks(name: str) -> Webhooks:
    """The part of it that answers webhooks; raises ``UnknownProvider``."""
    return cast("Webhooks", _module(name, "webhook").WEBHOOKS)


def _module(name: str, part: str) -> Any:
    if not name.isalpha():
        raise UnknownProvider("no such provider")
    try:
        return import_module(f"{__name__}.{name}.{part}")
    except ModuleNotFoundError:
        raise UnknownProvider("no such provider") from None

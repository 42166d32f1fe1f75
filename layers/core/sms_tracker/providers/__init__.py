"""One module a provider; nothing outside this package knows a provider's words."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from sms_tracker.domain.errors import UnknownProvider

if TYPE_CHECKING:
    from sms_tracker.providers.base import Provider, Webhooks

_SHARED = {"base", "wire"}


@cache
def names() -> tuple[str, ...]:
    """Every provider that has a module here, sorted; a module with an underscore in its name is a part of one."""
    from pathlib import Path  # noqa: PLC0415  # few ask, and it takes as long to import as a provider

    modules = {path.stem for path in Path(__file__).parent.glob("*.py")} - _SHARED
    return tuple(sorted(name for name in modules if "_" not in name))


@cache
def load(name: str) -> Provider:
    """The adapter of that name; raises ``UnknownProvider``."""
    return cast("Provider", _module(name, "").ADAPTER)


@cache
def webhooks(name: str) -> Webhooks:
    """The part of it that answers webhooks; raises ``UnknownProvider``."""
    return cast("Webhooks", _module(name, "_webhook").WEBHOOKS)


def _module(name: str, part: str) -> Any:
    if not name.isalpha() or name in _SHARED:
        raise UnknownProvider("no such provider")
    try:
        return import_module(f"{__name__}.{name}{part}")
    except ModuleNotFoundError:
        raise UnknownProvider("no such provider") from None

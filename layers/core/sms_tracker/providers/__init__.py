"""One module a provider; nothing outside this package knows a provider's words."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sms_tracker.domain.errors import UnknownProvider

if TYPE_CHECKING:
    from sms_tracker.providers.base import Provider

_SHARED = {"__init__", "base", "wire"}


@cache
def names() -> tuple[str, ...]:
    """Every provider that has a module here, sorted."""
    return tuple(sorted({path.stem for path in Path(__file__).parent.glob("*.py")} - _SHARED))


@cache
def load(name: str) -> Provider:
    """The adapter of that name; raises ``UnknownProvider``."""
    if name not in names():
        raise UnknownProvider("no such provider")
    return cast("Provider", import_module(f"{__name__}.{name}").ADAPTER)

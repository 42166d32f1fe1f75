"""One module a provider; nothing outside this package knows a provider's words."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sms_tracker.domain.errors import UnknownProvider

if TYPE_CHECKING:
    from sms_tracker.providers.base import Provider

_SHARED = {"base", "wire"}


@cache
def names() -> tuple[str, ...]:
    """Every provider that has a module here, sorted; a module with an underscore in its name is a part of one."""
    modules = {path.stem for path in Path(__file__).parent.glob("*.py")} - _SHARED
    return tuple(sorted(name for name in modules if "_" not in name))


@cache
def load(name: str) -> Provider:
    """The adapter of that name; raises ``UnknownProvider``."""
    if name not in names():
        raise UnknownProvider("no such provider")
    return cast("Provider", import_module(f"{__name__}.{name}").ADAPTER)

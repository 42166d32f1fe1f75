"""The providers on 127.0.0.1: their real routes, authentication, reports and signatures, and faults on demand.

One folder a provider; nothing outside it knows a provider's words. The simulators import nothing of the service, so
that a mistake in it cannot hide in them. ``python -m local.simulators --help`` shows how they start.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from local.simulators.base import SimulatedProvider


def names() -> tuple[str, ...]:
    """Every provider that has a folder here, sorted."""
    return tuple(sorted(path.parent.name for folder in __path__ for path in Path(folder).glob("*/__init__.py")))


def load(name: str) -> SimulatedProvider:
    """What there is to know of the provider of that name."""
    return cast("SimulatedProvider", import_module(f"{__name__}.{name}").SIMULATOR)

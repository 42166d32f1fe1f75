"""The simulated providers on 127.0.0.1: real routes, authentication, reports and signatures, with faults on demand.

Each provider has a folder; no other file uses its words. The simulators import no service code, so that a mistake there
is found here. ``python -m local.simulators --help`` shows how to start them.
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
    """The description of the provider of that name."""
    return cast("SimulatedProvider", import_module(f"{__name__}.{name}").SIMULATOR)

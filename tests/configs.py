"""Every function's settings class, by the function's name."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from pkgutil import iter_modules

from sms_tracker import config

CONFIGS: dict[str, type] = {
    module.name: getattr(import_module(f"{config.__name__}.{module.name}"), f"{module.name.title()}Config")
    for module in iter_modules(config.__path__)
}
VARIABLES = {name: frozenset(field.name.upper() for field in fields(shape)) for name, shape in CONFIGS.items()}

"""Every function's settings class, by the function's name."""

from __future__ import annotations

from sms_tracker import config

CONFIGS: dict[str, type[config.Config]] = {
    name.removesuffix("Config").lower(): shape
    for name, shape in vars(config).items()
    if name.endswith("Config") and name not in {"Config", "AnyConfig"}
}
VARIABLES = {name: frozenset(each.upper() for each in config.names(shape)) for name, shape in CONFIGS.items()}

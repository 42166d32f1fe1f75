"""WCAG 2.2 contrast of a stylesheet's colours."""

from __future__ import annotations

import re

AA = 4.5
"""The minimum contrast of normal text at level AA."""


def colours(style: str, scheme: str) -> dict[str, str]:
    """A stylesheet's colours by name, in the scheme ``light`` or ``dark``."""
    light, mark, rest = style.partition("@media (prefers-color-scheme: dark)")
    assert mark
    return _named(light) | (_named(rest) if scheme == "dark" else {})


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _named(rules: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", rules))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

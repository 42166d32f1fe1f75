"""Numbers for the model's values: equal values share a number, so that states are small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from types import NoneType

_ATOMS = (str, bytes, int, float, NoneType)


@dataclass
class Numbers:
    """Assigns a number to each distinct value."""

    _numbers: dict[object, int] = field(default_factory=dict)
    _values: list[object] = field(default_factory=list)

    def of(self, value: object) -> int:
        number = self._numbers.setdefault(frozen(value), len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number

    def __getitem__(self, number: int) -> object:
        return self._values[number]


def frozen(value: object) -> object:
    """A hashable form that is equal exactly if the values are; a mapping's order is ignored."""
    if isinstance(value, _ATOMS):
        return value
    if isinstance(value, BaseException):
        return type(value), str(value)
    if isinstance(value, Mapping):
        return frozenset((name, frozen(each)) for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(frozen, value))
    if isinstance(value, (set, frozenset)):
        return frozenset(map(frozen, value))
    if is_dataclass(value):
        kind: type = type(value)
        return kind, tuple([frozen(getattr(value, name)) for name in _names(kind)])
    raise TypeError(f"no rule for {type(value)}")


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))

"""Values of the model that can be compared by number: what is equal has one number, so that states are small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass


@dataclass
class Numbers:
    """Gives every value a number, equal values the same one."""

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
    """Something hashable that is equal exactly where the values are; the order of a mapping says nothing."""
    if isinstance(value, str | bytes | int | float | None):
        return value
    if isinstance(value, BaseException):
        return type(value), str(value)
    if isinstance(value, Mapping):
        return frozenset((name, frozen(each)) for name, each in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if isinstance(value, set | frozenset):
        return frozenset(map(frozen, value))
    if is_dataclass(value):
        return type(value), tuple(frozen(getattr(value, each.name)) for each in fields(value))
    raise TypeError(f"no rule for {type(value)}")

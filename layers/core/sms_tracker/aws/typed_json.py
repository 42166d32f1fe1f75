"""DynamoDB's typed JSON: Python values to attributes and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]


def marshal(values: Mapping[str, object]) -> Item:
    """Python values as DynamoDB's typed JSON; None is left out."""
    return {name: typed(value) for name, value in values.items() if value is not None}


def typed(value: object) -> Item:
    """One value in typed JSON; raises ``TypeError`` for types that records do not use."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case set() | frozenset() if value:
            return {"SS": sorted(value)}
        case Mapping():
            return {"M": {name: typed(each) for name, each in value.items()}}
    raise TypeError(f"records hold no {type(value).__name__}")


def unmarshal(item: Item) -> dict[str, Any]:
    """The inverse of :func:`marshal`; values of other types stay as they are."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Item) -> Any:
    ((kind, held),) = value.items()
    match kind:
        case "N":
            return int(held) if held.lstrip("-").isdigit() else held
        case "SS":
            return set(held)
        case "M":
            return unmarshal(held)
        case "S" | "BOOL" | "NULL" | "L" | "B" | "NS" | "BS":
            return held
    raise ValueError("not a DynamoDB type")

"""Event patterns as documented ("Creating Amazon EventBridge event patterns"), for Lambda's filters too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ABSENT = object()


def matches(pattern: Mapping[str, Any], event: object) -> bool:
    """Whether every field of the pattern matches: one of its rules, or all of its inner fields."""
    fields = event if isinstance(event, Mapping) else {}
    return all(
        matches(expected, fields.get(name))
        if isinstance(expected, Mapping)
        else any(matches(alternative, event) for alternative in expected)
        if name == "$or"
        else any(_fits(rule, fields.get(name, _ABSENT)) for rule in expected)
        for name, expected in pattern.items()
    )


def _fits(rule: object, value: object) -> bool:
    if not isinstance(rule, Mapping):
        return value is not _ABSENT and value == rule
    ((comparison, operand),) = rule.items()
    leaf = value is not _ABSENT and not isinstance(value, Mapping)
    match comparison:
        case "exists":
            return leaf is operand
        case "anything-but":
            return leaf and value not in operand
    raise AssertionError(f"unsupported comparison: {comparison}")

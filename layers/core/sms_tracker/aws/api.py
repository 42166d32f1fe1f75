"""What every AWS client of ours looks like to the code that uses it: one call, its answer, and three ways to fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from sms_tracker.domain.errors import Rejected, Unavailable

CONDITION_FAILED = "ConditionalCheckFailedException"
"""An answer like any other: it fails no call."""
_FOR_GOOD = frozenset(
    {
        "ValidationException",
        "ValidationError",
        "SerializationException",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "InvalidParameterException",
        "ParamValidationError",
    }
)
"""Refusals of the call as such. What looks like configuration (access denied, no such table) can be put right while the
message waits, so it counts as unavailable."""

_BATCH, _ROUNDS = 100, 5
"""Keys that one BatchGetItem takes, and calls for the keys that DynamoDB leaves over."""


class ConditionFailed(Exception):
    """A conditional write was refused; ``item`` is what is stored, empty where nothing is, in DynamoDB's typed JSON."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__("the condition did not hold")
        self.item = item


class Api(Protocol):
    """One AWS service. Operations and arguments are named as its API reference names them."""

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Perform one operation.

        Raises ``ConditionFailed``, ``Rejected`` for what AWS will never take, and ``Unavailable`` for all else.
        """
        ...


def failure(operation: str, code: str, item: Mapping[str, Any] | None = None) -> Exception:
    """What to raise for AWS's error ``code``; names the call and the code, nothing of the payload."""
    if code == CONDITION_FAILED:
        return ConditionFailed(item or {})
    return (Rejected if code in _FOR_GOOD else Unavailable)(f"{operation}: {code}")


def batch_get(dynamodb: Api, table: str, keys: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The items that exist, in no order: BatchGetItem, repeated for keys left over. Raises ``Unavailable``."""
    for start in range(0, len(keys), _BATCH):
        yield from _batch_get(dynamodb, table, keys[start : start + _BATCH])


def _batch_get(dynamodb: Api, table: str, keys: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for _ in range(_ROUNDS):
        answer = dynamodb("BatchGetItem", RequestItems={table: {"Keys": keys}})
        yield from answer["Responses"].get(table, [])
        keys = answer["UnprocessedKeys"].get(table, {"Keys": []})["Keys"]
        if not keys:
            return
    raise Unavailable("BatchGetItem: keys left over")

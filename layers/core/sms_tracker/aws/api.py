"""The interface to AWS that aws/ uses: one call with three kinds of errors, and DynamoDB's typed JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from sms_tracker.domain.errors import Rejected, Throttled, Unavailable


class ConditionFailed(Exception):
    """A condition did not hold. ``item`` is the stored item in DynamoDB's typed JSON, empty if there is none."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__("the condition did not hold")
        self.item = item


class Api(Protocol):
    """One AWS service. Operations and arguments have the names of its API reference."""

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Perform one operation.

        Raises ``ConditionFailed``, ``Rejected`` if the call can never succeed, and ``Unavailable`` otherwise.
        """
        ...


CONDITION_FAILED = "ConditionalCheckFailedException"
"""An expected outcome; not counted as a failed call."""
_CANCELED = "TransactionCanceledException"
"""A condition did not hold, or another transaction was writing. In both cases the caller reads again."""
_PERMANENT = frozenset(
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
"""Codes of calls that can never succeed. Configuration faults (access denied, no such table) are not among them: they
can be corrected while the message waits."""
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def failure(operation: str, code: str, item: Mapping[str, Any] | None = None) -> Exception:
    """The exception for AWS's error ``code``; ``item`` is the stored one. Its text has only operation and code."""
    if code in (CONDITION_FAILED, _CANCELED):
        return ConditionFailed(item or {})
    kind = Rejected if code in _PERMANENT else Throttled if code in _THROTTLED else Unavailable
    return kind(f"{operation}: {code}")


_BATCH, _ROUNDS = 100, 5
"""Keys in one BatchGetItem, and calls until the keys that DynamoDB did not process are given up."""
_PAUSE = 0.05
"""Seconds before the second call, doubled before each further one: a throttled partition needs time."""


def batch_get(dynamodb: Api, table: str, keys: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The existing items, unordered: BatchGetItem, repeated for unprocessed keys. Raises ``Unavailable``."""
    for start in range(0, len(keys), _BATCH):
        yield from _batch_get(dynamodb, table, keys[start : start + _BATCH])


def _batch_get(dynamodb: Api, table: str, keys: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for number in range(_ROUNDS):
        if number:
            time.sleep(_PAUSE * 2 ** (number - 1))
        answer = dynamodb("BatchGetItem", RequestItems={table: {"Keys": keys}})
        yield from answer["Responses"].get(table, [])
        keys = answer["UnprocessedKeys"].get(table, {"Keys": []})["Keys"]
        if not keys:
            return
    raise Unavailable("BatchGetItem: unprocessed keys")


Item = dict[str, Any]
UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""Errors of reading a damaged item, or one of a later version. Readers raise ``Unavailable`` instead: after a rollback
such items become readable with the next deployment.
"""


def marshal(values: Mapping[str, object]) -> Item:
    """Python values as DynamoDB's typed JSON; None is left out."""
    return {name: typed(value) for name, value in values.items() if value is not None}


def typed(value: object) -> Item:
    """One value in typed JSON; raises ``TypeError`` for other types than these."""
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
    raise TypeError(f"{type(value).__name__} cannot be stored")


def unmarshal(item: Item) -> dict[str, Any]:
    """The inverse of :func:`marshal`; values of other types stay as they are."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Item) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return int(content) if content.lstrip("-").isdigit() else content
        case "SS":
            return set(content)
        case "M":
            return unmarshal(content)
        case "S" | "BOOL" | "NULL" | "L" | "B" | "NS" | "BS":
            return content
    raise ValueError("not a DynamoDB type")

"""The faults that the proxy injects into AWS calls; the clients' own retries are part of the test."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """A fault of one call."""

    THROTTLED = "throttled"
    REFUSED = "refused with 503"
    SLOW = "answered late"
    LOST = "applied, its reply lost"
    PARTLY = "failed in part"
    KILLED_BEFORE = "its worker killed before"
    KILLED_AFTER = "its worker killed after"


_WRITE = {
    Fault.THROTTLED: 0.03,
    Fault.LOST: 0.03,
    Fault.SLOW: 0.01,
    Fault.KILLED_BEFORE: 0.003,
    Fault.KILLED_AFTER: 0.003,
}
_READ = {Fault.THROTTLED: 0.03, Fault.SLOW: 0.01}
RATES: Mapping[str, Mapping[Fault, float]] = {
    "PutItem": _WRITE | {Fault.LOST: 0.1, Fault.KILLED_BEFORE: 0.006, Fault.KILLED_AFTER: 0.01},
    "UpdateItem": _WRITE,
    "TransactWriteItems": _WRITE,
    "GetItem": _READ,
    "Query": _READ,
    "BatchGetItem": _READ,
    "SendMessage": {Fault.REFUSED: 0.12, Fault.LOST: 0.03, Fault.SLOW: 0.01, Fault.KILLED_AFTER: 0.002},
    "PutEvents": {Fault.PARTLY: 0.25, Fault.REFUSED: 0.05, Fault.LOST: 0.05, Fault.KILLED_AFTER: 0.03},
    "GetParameters": {Fault.THROTTLED: 0.1},
    "Publish": {Fault.REFUSED: 0.05},
}
"""The share of an operation's calls that receive each fault."""

_STUBBORN = 0.4
"""The share of faults that also hit the client's retries, so that the caller sees the error."""
_SDK_TRIES = 3
_REPEATED = {Fault.THROTTLED, Fault.REFUSED, Fault.LOST}
KILLS = {Fault.KILLED_BEFORE, Fault.KILLED_AFTER}


@dataclass(slots=True)
class Faults:
    """Chooses faults by the seed and the order of calls while ``active``. ``injected`` counts them."""

    seed: int
    active: bool = False
    injected: Counter[tuple[str, Fault]] = field(default_factory=Counter)
    calls: int = 0
    _chance: dict[str, Random] = field(default_factory=dict)
    _again: dict[bytes, tuple[Fault, int]] = field(default_factory=dict)

    def choose(self, operation: str, body: bytes) -> Fault | None:
        """The fault of this call, or None. A call with the same bytes counts as a retry."""
        self.calls += 1
        rates = RATES.get(operation)
        if not self.active or rates is None:
            return None
        name = hashlib.sha256(operation.encode() + body).digest()
        fault, left = self._again.pop(name, (None, 0))
        if fault is None:
            fault, left = self._new(operation, rates)
        if fault is not None:
            self.injected[operation, fault] += 1
            if left > 1:
                self._again[name] = fault, left - 1
        return fault

    def _new(self, operation: str, rates: Mapping[Fault, float]) -> tuple[Fault | None, int]:
        random = self._chance.setdefault(operation, Random(f"{operation} {self.seed}"))  # noqa: S311 - repeatable
        point, stubborn = random.random(), random.random() < _STUBBORN
        for fault, rate in rates.items():
            point -= rate
            if point < 0:
                return fault, _SDK_TRIES if stubborn and fault in _REPEATED else 1
        return None, 0

    def failing(self, entries: int) -> set[int]:
        """The entries that fail in a partial failure: at least one."""
        random = self._chance.setdefault("entries", Random(f"entries {self.seed}"))  # noqa: S311 - repeatable
        return {index for index in range(entries) if random.random() < 0.5} or {entries - 1}  # noqa: PLR2004 - a half


def refusal(operation: str, fault: Fault) -> bytes:
    """An error response as AWS formats it."""
    status, code = (503, "ServiceUnavailable") if fault is Fault.REFUSED else (400, _throttled(operation))
    body = json.dumps({"__type": code, "message": "made up by the chaos suite"}).encode()
    return answer(status, body)


def _throttled(operation: str) -> str:
    if operation == "GetParameters":
        return "ThrottlingException"
    return "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"


def answer(status: int, body: bytes) -> bytes:
    """A complete HTTP response."""
    head = f"HTTP/1.1 {status} -\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body

"""The writes of the limits' counters that pass the proxy, and the messages that stay counted because one failed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PREFIX = "limit#client#"


@dataclass(slots=True, kw_only=True)
class _Write:
    """One write of a client's counter, with all its repetitions."""

    gives_back: bool
    applied: bool = False
    answered: bool = False

    @property
    def leaves_a_count(self) -> bool:
        """Whether a message stays counted, because without an answer the caller does not write again."""
        return not self.answered and self.applied != self.gives_back


@dataclass(slots=True)
class CounterWrites:
    """Follows the clients' counters from the proxy's side. Calls with the same bytes are repetitions of one write."""

    _writes: dict[bytes, _Write] = field(default_factory=dict)

    def asked(self, operation: str, body: bytes) -> None:
        """A call arrived; one of another table or operation is ignored."""
        if operation != "UpdateItem":
            return
        request: Mapping[str, Any] = json.loads(body)
        key = str(request["Key"].get("pk", {}).get("S", ""))
        if key.startswith(_PREFIX):
            numbers = (value.get("N", "") for value in request["ExpressionAttributeValues"].values())
            gives_back = any(number.startswith("-") for number in numbers)
            self._writes.setdefault(_name(body), _Write(gives_back=gives_back))

    def forwarded(self, body: bytes, *, applied: bool) -> None:
        """The table's answer arrived at the proxy; ``applied`` is False where the condition refused the write."""
        if write := self._writes.get(_name(body)):
            write.applied |= applied

    def answered(self, body: bytes) -> None:
        """The caller receives the table's answer."""
        if write := self._writes.get(_name(body)):
            write.answered = True

    def killed(self, body: bytes) -> None:
        """The calling worker was killed, which explains a count by itself."""
        self._writes.pop(_name(body), None)

    @property
    def left(self) -> int:
        """The messages that stay counted because a write had no answer."""
        return sum(write.leaves_a_count for write in self._writes.values())


def _name(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()

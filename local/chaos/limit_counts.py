"""The limits' counters: their writes that pass the proxy, and the check against the providers' requests."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.chaos.evidence import Evidence, Finding, declined

_PREFIX = "limit#client#"


@dataclass(slots=True, kw_only=True)
class _Write:
    """One write of a client's counter, with all its repetitions."""

    gives_back: bool
    applied: bool = False
    answered: bool = False

    @property
    def leaves_a_count(self) -> bool:
        """Whether a message stays counted: without an answer the caller does not write again."""
        return not self.answered and self.applied != self.gives_back


@dataclass(slots=True)
class CounterWrites:
    """Follows the clients' counters from the proxy's side. Calls with the same bytes are repetitions of one write."""

    _writes: dict[bytes, _Write] = field(default_factory=dict)

    def asked(self, operation: str, body: bytes) -> None:
        """Note a call to the table; calls of other tables and operations are ignored."""
        if operation != "UpdateItem":
            return
        request: Mapping[str, Any] = json.loads(body)
        key = str(request["Key"].get("pk", {}).get("S", ""))
        if key.startswith(_PREFIX):
            numbers = (value.get("N", "") for value in request["ExpressionAttributeValues"].values())
            gives_back = any(number.startswith("-") for number in numbers)
            self._writes.setdefault(_name(body), _Write(gives_back=gives_back))

    def forwarded(self, body: bytes, *, applied: bool) -> None:
        """Note the table's answer to the proxy; ``applied`` is False if the condition refused the write."""
        if write := self._writes.get(_name(body)):
            write.applied |= applied

    def answered(self, body: bytes) -> None:
        """Note that the caller receives the table's answer."""
        if write := self._writes.get(_name(body)):
            write.answered = True

    def killed(self, body: bytes) -> None:
        """Forget the write of a killed worker: the kill explains the count."""
        self._writes.pop(_name(body), None)

    @property
    def left(self) -> int:
        """The messages that stay counted because a write had no answer."""
        return sum(write.leaves_a_count for write in self._writes.values())


def _name(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def count_findings(evidence: Evidence) -> Iterator[Finding]:
    """The counters equal the requests that a provider may have processed.

    A request is counted before it is made, and given back only if the provider certainly declined it. Two causes
    explain a higher count: a counter write without an answer, and a worker killed before it gave back.
    """
    posts = [post for ledger_json in evidence.ledgers.values() for post in ledger_json["posts"]]
    handed = sum(not declined(post) for post in posts)
    if evidence.counted < handed:
        yield "uncounted", f"{handed} requests to providers, {evidence.counted} counted by the limits"
    left = evidence.counts_left + _killed_before_giving_back(evidence) + len(evidence.senders_killed)
    if evidence.counted > handed + left:
        yield "not given back", f"{evidence.counted} counted by the limits, {handed} requests, {left} more explained"


def _killed_before_giving_back(evidence: Evidence) -> int:
    """The number of killed workers' messages for which the provider declined every request."""
    answers: defaultdict[str, list[bool]] = defaultdict(list)
    for ledger_json in evidence.ledgers.values():
        for post in ledger_json["posts"]:
            answers[str(post["to"])].append(declined(post))
    ids = ((record["message_id"], to) for to, records in evidence.records.items() for record in records)
    return sum(message_id in evidence.cut_short and bool(answers[to]) and all(answers[to]) for message_id, to in ids)

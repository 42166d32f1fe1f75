"""What one check found, and the calls that checks are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

NOBODY = "00000000-0000-0000-0000-000000000000"
"""A message id that no message has: what this check reports about it ends in the queue ``unmatched``."""
REFUSED = frozenset({401, 403})
"""API Gateway says 401 where there is no key and 403 to a wrong one; the functions say 403."""


class Outcome(StrEnum):
    """How a check ended; only ``broken`` makes the whole of it fail."""

    OK = "ok"
    BROKEN = "BROKEN"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    name: str
    outcome: Outcome
    detail: str


Checks = Iterator[Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The deployment as a client knows it. ``url`` has no slash at its end; ``scoped`` are keys of one scope each."""

    http: httpx.Client = field(repr=False)
    url: str
    key: str = field(repr=False)
    scoped: dict[str, str] = field(default_factory=dict, repr=False)

    def request(self, method: str, path: str, *, key: str | None = None, json: object = None) -> httpx.Request:
        """A request to a route, with a key or without."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return self.http.build_request(method, f"{self.url}{path}", headers=headers, json=json)


def check(target: Target, name: str, request: httpx.Request, judge: Callable[[httpx.Response], str | None]) -> Result:
    """Make one request; ``judge`` says what is wrong with the answer, None where nothing is."""
    try:
        answer = target.http.send(request)
    except httpx.HTTPError as error:
        return Result(name, Outcome.BROKEN, f"no answer: {type(error).__name__}")
    wrong = judge(answer)
    told = f"{answer.status_code}" if wrong is None else f"{answer.status_code}: {wrong}"
    return Result(name, Outcome.OK if wrong is None else Outcome.BROKEN, told)


def skipped(name: str, why: str) -> Result:
    """A check that could not be made."""
    return Result(name, Outcome.SKIPPED, why)

"""The result of a check, and the calls that make one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

NOBODY = "00000000-0000-0000-0000-000000000000"
"""A message id without a message: reports about it end in the queue ``unmatched``."""
REFUSED = frozenset({401, 403})
"""API Gateway answers 401 without a key and 403 for a wrong one; the functions answer 403."""


class Outcome(StrEnum):
    """How a check ended; only ``broken`` makes the command fail."""

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
    """The deployment for a client. ``url`` has no trailing slash; ``scoped`` are keys with one scope each."""

    http: httpx.Client = field(repr=False)
    url: str
    key: str = field(repr=False)
    scoped: dict[str, str] = field(default_factory=dict, repr=False)

    def request(self, method: str, path: str, *, key: str | None = None, json: object = None) -> httpx.Request:
        """A request to a route, with or without a key."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return self.http.build_request(method, f"{self.url}{path}", headers=headers, json=json)


def check(target: Target, name: str, request: httpx.Request, judge: Callable[[httpx.Response], str | None]) -> Result:
    """Make one request; ``judge`` returns what is wrong with the answer, or None."""
    try:
        answer = target.http.send(request)
    except httpx.HTTPError as error:
        return Result(name, Outcome.BROKEN, f"no answer: {type(error).__name__}")
    wrong = judge(answer)
    detail = f"{answer.status_code}" if wrong is None else f"{answer.status_code}: {wrong}"
    return Result(name, Outcome.OK if wrong is None else Outcome.BROKEN, detail)


def skipped(name: str, why: str) -> Result:
    """A check that could not run."""
    return Result(name, Outcome.SKIPPED, why)

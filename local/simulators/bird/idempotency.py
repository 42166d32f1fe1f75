"""Idempotency keys: a repeated request gets the stored answer; a repeat of a running request is a conflict.

As at Bird, answers 2xx and 4xx are stored for three hours. After a 5xx the key is free and the request is executed
again, even if the first one had an effect. Refusals of the API key or the rate are not stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from local.simulators.bird.errors import error_named
from local.simulators.ledger import now
from local.simulators.send_endpoint import Refused

_LONGEST = 255
KEPT = timedelta(hours=3)
_NOT_STORED = frozenset({401, 403, 408, 409, 421, 429, 499})
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class _Answer:
    fingerprint: str
    status: int
    body: bytes
    at: datetime


class IdempotencyKeys:
    """The keys of one workspace."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._kept: dict[str, _Answer] = {}
        self._running: dict[str, str] = {}

    async def once(
        self, request: Request, act: Callable[[Request], Awaitable[tuple[Response, Response | None]]]
    ) -> Response:
        """Execute ``act`` unless the key was seen; it returns the answer, and a different one to store, or None.

        Raises ``Refused`` for a malformed key, for another request under the same key, and while the first one runs.
        """
        key = request.headers.get("idempotency-key")
        if key is None:
            return (await act(request))[0]
        fingerprint = _fingerprint(request, await request.body())
        if not 1 <= len(key) <= _LONGEST:
            raise Refused(error_named("InvalidRequest", "Idempotency-Key"))
        if (known := self._kept.get(key)) and self._clock() < known.at + KEPT:
            return _replay(known, fingerprint)
        if key in self._running:
            is_same = self._running[key] == fingerprint
            raise Refused(error_named("RequestInProgress" if is_same else "IdempotencyKeyReuse"))
        self._running[key] = fingerprint
        try:
            response, other = await act(request)
        finally:
            del self._running[key]
        kept = other or response
        if kept.status_code < _SERVER_ERROR and kept.status_code not in _NOT_STORED:
            self._kept[key] = _Answer(fingerprint, kept.status_code, bytes(kept.body), self._clock())
        return response


def _replay(known: _Answer, fingerprint: str) -> Response:
    if known.fingerprint != fingerprint:
        raise Refused(error_named("IdempotencyKeyReuse"))
    headers = {"content-type": "application/json", "idempotency-replay": "true"}
    return Response(known.body, known.status, headers)


def _fingerprint(request: Request, body: bytes) -> str:
    return hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).hexdigest()

"""HTTP calls to providers, by httpx."""

from __future__ import annotations

import logging
import socket
import ssl
from contextlib import suppress
from functools import cache
from threading import Timer
from typing import Any

import httpx

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs each URL, which may contain a phone number
_CONNECT_TIMEOUT = 3.0
_MAX_BODY = 1024 * 1024
_UNWRITTEN = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
"""Failures before the first byte of the request: DNS, TCP, TLS, or an invalid address."""


def call(request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
    """The response to one request; ``timeout`` is seconds for the whole call.

    Every call opens a connection. Lambda may freeze a sandbox until its kept connections are dead, and a write to a
    dead connection has an unknown outcome. Redirects are not followed; proxies and .netrc are ignored. A response over
    1 MiB is an error.
    """
    limits = httpx.Timeout(timeout, connect=min(_CONNECT_TIMEOUT, timeout))
    deadline = _Deadline(timeout)
    try:
        with httpx.Client(verify=_tls(), timeout=limits, trust_env=False) as client, deadline:
            return _exchange(client, request, deadline)
    except _UNWRITTEN as error:
        return NoResponse(written=False, reason=type(error).__name__)
    except httpx.HTTPError as error:
        return NoResponse(written=True, reason="ReadTimeout" if deadline.passed else type(error).__name__)


def _exchange(client: httpx.Client, request: HttpRequest, deadline: _Deadline) -> HttpResponse:
    headers, extensions, body = dict(request.headers), {"trace": deadline.trace}, bytearray()
    with client.stream(
        request.method, request.url, headers=headers, content=request.body, extensions=extensions
    ) as response:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MAX_BODY:
                raise httpx.ReadError("the response is too long")
    if deadline.passed:  # a response without a length ends with its connection
        raise httpx.ReadTimeout("the response was cut")
    return HttpResponse(response.status_code, {k.lower(): v for k, v in response.headers.items()}, bytes(body))


class _Deadline:
    """Cuts the connection when the whole call has taken ``seconds``.

    The time-outs of httpx are for single reads, and a slow server may cause many.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._timer = Timer(seconds, self._cut)
        self._stream: Any = None

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """The ``trace`` extension of httpx. httpx calls it at each step, and passes the connection's stream."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._stream = info["return_value"]
            if self.passed:
                self._stream.close()
                raise httpx.ConnectTimeout("connected too late")

    def _cut(self) -> None:
        self.passed = True
        if self._stream is not None:
            with suppress(OSError):  # already closed, or in its TLS handshake
                # Not a TLS shutdown: after it another thread could write unencrypted.
                socket.socket.shutdown(self._stream.get_extra_info("socket"), socket.SHUT_RDWR)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
